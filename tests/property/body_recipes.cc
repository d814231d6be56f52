// If and Loop, whose bodies are random too and read values of the outside.
#include <algorithm>
#include <string>

#include "tests/property/recipes.h"

namespace dsperse::testing {
namespace {

// Grows `body` by some recipes; one of its own float values, or −1.
int GrowBody(GraphBuilder& body) {
  const int outer = body.num_items();
  const int64_t steps = body.choices().Between(1, 3);
  for (int64_t i = 0; i < steps; ++i) RunRecipeInBody(body);
  for (int i = body.num_items() - 1; i >= outer; --i) {
    if (body.item(i).value.dtype() == body.float_type() && !body.item(i).constant) return i;
  }
  return -1;
}

void Merge(std::vector<int> more, std::vector<int>* captured) {
  captured->insert(captured->end(), more.begin(), more.end());
  std::sort(captured->begin(), captured->end());
  captured->erase(std::unique(captured->begin(), captured->end()), captured->end());
}

void If(GraphBuilder& b) {
  Choices& c = b.choices();
  if (b.Activation() < 0) return;
  int condition = -1;
  switch (c.Below(4)) {
    case 0: condition = b.NewInput(Tensor::Scalar<bool>(c.Chance(50))); break;
    case 1: {
      const int x = b.Activation();
      const int size = b.Add1({"Size", {x}});
      if (size < 0) return;
      condition = b.Add1({c.OneOf<std::string>({"Greater", "Less"}), {size, b.Int(c.Between(0, 100))}});
      break;
    }
    default: condition = b.NewConstant(Tensor::Scalar<bool>(c.Chance(50)));
  }
  if (condition < 0) return;
  NodeSpec spec{"If", {condition}};
  for (const char* branch : {"then_branch", "else_branch"}) {
    const std::unique_ptr<GraphBuilder> body = b.Body();
    const int result = GrowBody(*body);
    if (result < 0) return;
    std::vector<int> captured;
    spec.bodies.emplace_back(branch, body->FinishBody({}, {result}, &captured));
    Merge(captured, &spec.captured);
  }
  b.Add(spec);
}

void Loop(GraphBuilder& b) {
  Choices& c = b.choices();
  const int start = b.Activation();
  if (start < 0) return;
  const int trips = b.Int(c.Between(0, 3));
  const std::unique_ptr<GraphBuilder> body = b.Body();
  const int iteration = body->BodyInput(Tensor::Scalar<int64_t>(0));
  const int condition = body->BodyInput(Tensor::Scalar<bool>(true));
  const int carried = body->BodyInput(b.item(start).value);
  // The carried value keeps its shape: half of it plus something of the outside.
  int next = body->Add1({"Mul", {carried, body->FloatConstant(c.Chance(50) ? Dims{} : b.dims(start))}});
  if (next < 0) return;
  const int outside = body->Pick([&](const Item& item) {
    return item.value.dtype() == b.float_type() && item.value.dims() == b.dims(start);
  });
  if (outside >= 0) next = body->Add1({"Add", {next, outside}});
  if (next < 0) return;
  if (c.Chance(50)) {
    const int squashed = body->Add1({"Tanh", {next}});
    if (squashed >= 0) next = squashed;
  }
  const int go_on = body->Add1({"Identity", {condition}});
  if (go_on < 0) return;
  std::vector<int> results = {go_on, next};
  NodeSpec spec{"Loop", {trips, -1, start}};
  if (c.Chance(40)) {
    const int scanned = body->Add1({"Relu", {next}});
    if (scanned < 0) return;
    results.push_back(scanned);
    spec.outputs = 2;
  }
  spec.bodies.emplace_back("body", body->FinishBody({iteration, condition, carried}, results, &spec.captured));
  b.Add(spec);
}

}  // namespace

const std::vector<Recipe>& BodyRecipes() {
  static const auto* const recipes = new std::vector<Recipe>{{4, &If}, {2, &Loop}};
  return *recipes;
}

}  // namespace dsperse::testing
