#include "tests/property/recipes.h"

namespace dsperse::testing {
namespace {

void RunOneOf(const std::vector<const std::vector<Recipe>*>& lists, GraphBuilder& builder) {
  int total = 0;
  for (const std::vector<Recipe>* list : lists) {
    for (const Recipe& recipe : *list) total += recipe.weight;
  }
  int at = static_cast<int>(builder.choices().Below(static_cast<uint64_t>(total)));
  for (const std::vector<Recipe>* list : lists) {
    for (const Recipe& recipe : *list) {
      at -= recipe.weight;
      if (at >= 0) continue;
      recipe.run(builder);
      return;
    }
  }
}

}  // namespace

void RunRandomRecipe(GraphBuilder& builder) {
  RunOneOf({&AffineRecipes(), &ViewRecipes(), &MathRecipes(), &PatternRecipes(), &BodyRecipes()}, builder);
}

void RunRecipeInBody(GraphBuilder& builder) {
  RunOneOf({&AffineRecipes(), &ViewRecipes(), &MathRecipes(), &PatternRecipes()}, builder);
}

std::optional<RandomModel> MakeRandomModel(Choices& choices, int max_steps) {
  const int64_t opset = choices.OneOf<int64_t>({7, 8, 9, 10, 11, 12, 13, 13, 14, 15, 16, 17, 17, 18, 18, 19, 20, 21, 22});
  const DType type = choices.OneOf<DType>({DType::kFloat, DType::kFloat, DType::kFloat, DType::kFloat, DType::kFloat,
                                           DType::kFloat, DType::kDouble, DType::kFloat16});
  GraphBuilder builder(&choices, opset, type);
  const int64_t steps = choices.Between(1, max_steps);
  for (int64_t i = 0; i < steps && !choices.exhausted(); ++i) RunRandomRecipe(builder);
  return builder.Finish();
}

}  // namespace dsperse::testing
