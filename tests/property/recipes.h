// Recipes: what may be put next into a random model. Each proposes one node or a short pattern of nodes; the
// builder throws away what is not valid.
#ifndef DSPERSE_TESTS_PROPERTY_RECIPES_H_
#define DSPERSE_TESTS_PROPERTY_RECIPES_H_

#include <vector>

#include "tests/property/graph_builder.h"

namespace dsperse::testing {

struct Recipe {
  int weight;
  void (*run)(GraphBuilder& builder);
};

// Convolutions, matrix products, BatchNormalization and the arithmetic per channel around them.
const std::vector<Recipe>& AffineRecipes();
// Reshape, Transpose, Slice, … and shapes computed from other tensors.
const std::vector<Recipe>& ViewRecipes();
// Element-wise operators, reductions, pools, normalizations, integer arithmetic.
const std::vector<Recipe>& MathRecipes();
// What fusing and lowering look for as a whole: attention, Gelu, normalizations and gates written out.
const std::vector<Recipe>& PatternRecipes();
// If and Loop, whose bodies are random too.
const std::vector<Recipe>& BodyRecipes();

// Runs one of all recipes, or of those that go into a body.
void RunRandomRecipe(GraphBuilder& builder);
void RunRecipeInBody(GraphBuilder& builder);

// A random model of up to `max_steps` recipes at some opset; nothing if none of them gave a node.
std::optional<RandomModel> MakeRandomModel(Choices& choices, int max_steps = 12);

}  // namespace dsperse::testing

#endif  // DSPERSE_TESTS_PROPERTY_RECIPES_H_
