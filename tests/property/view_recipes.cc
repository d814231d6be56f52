// Reshape, Transpose, Slice, … and shapes computed from other tensors.
#include <algorithm>
#include <numeric>
#include <string>

#include "tests/property/recipes.h"

namespace dsperse::testing {
namespace {

using Ints = std::vector<int64_t>;

// Mostly an activation; sometimes any value at all, constants and integers too.
int Anything(GraphBuilder& b) {
  if (b.choices().Chance(75)) return b.Activation();
  return b.Pick([](const Item&) { return true; });
}

// The target of a Reshape as the node's second input (from opset 5 on).
void ReshapeTo(GraphBuilder& b, int x, const Ints& shape) {
  NodeSpec spec{"Reshape", {x, b.Ints(shape)}};
  spec.moves = true;
  b.Add(spec);
}

void Reshape(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = Anything(b);
  if (x < 0) return;
  const Dims dims = b.dims(x);
  Ints shape(dims.begin(), dims.end());
  switch (c.Below(5)) {
    case 0:  // flat
      shape = {b.item(x).value.num_elements()};
      break;
    case 1:  // two neighbours as one
      if (shape.size() >= 2) {
        const size_t at = c.Below(shape.size() - 1);
        shape[at] *= shape[at + 1];
        shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(at) + 1);
      }
      break;
    case 2:  // one as two
      for (size_t i = 0; i < shape.size(); ++i) {
        if (shape[i] % 2 == 0 && shape[i] > 0) {
          shape[i] /= 2;
          shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(i), 2);
          break;
        }
      }
      break;
    case 3:
      shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(c.Below(shape.size() + 1)), 1);
      break;
    default:
      std::reverse(shape.begin(), shape.end());
  }
  if (shape.size() > 6) return;
  // Spelt with 0 and −1 where that says the same.
  if (!shape.empty() && c.Chance(40)) shape[c.Below(shape.size())] = -1;
  for (size_t i = 0; i < shape.size() && i < dims.size(); ++i) {
    if (shape[i] == dims[i] && c.Chance(25)) shape[i] = 0;
  }
  ReshapeTo(b, x, shape);
}

void Flatten(GraphBuilder& b) {
  const int x = b.Activation();
  if (x < 0) return;
  NodeSpec spec{"Flatten", {x}};
  spec.moves = true;
  if (b.choices().Chance(50)) spec.attributes.emplace_back("axis", b.choices().Between(0, b.rank(x)));
  b.Add(spec);
}

void Transpose(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = Anything(b);
  if (x < 0) return;
  NodeSpec spec{"Transpose", {x}};
  spec.moves = true;
  Ints perm(static_cast<size_t>(b.rank(x)));
  std::iota(perm.begin(), perm.end(), 0);
  switch (c.Below(5)) {
    case 0: break;  // the identity
    case 1:
      if (perm.size() == 4) perm = c.Chance(50) ? Ints{0, 2, 3, 1} : Ints{0, 3, 1, 2};
      break;
    case 2: break;  // without the attribute: reversed
    default:
      for (size_t i = perm.size(); i > 1; --i) std::swap(perm[i - 1], perm[c.Below(i)]);
  }
  if (!c.Chance(10)) spec.attributes.emplace_back("perm", perm);
  b.Add(spec);
}

// Axes as the second input from opset 13 on, before as an attribute.
NodeSpec WithAxes(GraphBuilder& b, const std::string& op, int x, const Ints& axes, int since) {
  NodeSpec spec{op, {x}};
  spec.moves = true;
  if (b.opset() >= since) {
    spec.inputs.push_back(b.Ints(axes));
  } else {
    spec.attributes.emplace_back("axes", axes);
  }
  return spec;
}

void Unsqueeze(GraphBuilder& b) {
  const int x = Anything(b);
  if (x < 0 || b.rank(x) > 4) return;
  Ints axes = {b.choices().Between(0, b.rank(x))};
  if (b.choices().Chance(20)) axes.push_back(b.rank(x) + 1);
  b.Add(WithAxes(b, "Unsqueeze", x, axes, 13));
}

void Squeeze(GraphBuilder& b) {
  const int x = b.Pick([](const Item& item) {
    const Dims& dims = item.value.dims();
    return std::find(dims.begin(), dims.end(), 1) != dims.end();
  });
  if (x < 0) return;
  if (b.choices().Chance(20)) {
    NodeSpec spec{"Squeeze", {x}};
    spec.moves = true;
    b.Add(spec);
    return;
  }
  Ints axes;
  for (int i = 0; i < b.rank(x); ++i) {
    if (b.dims(x)[static_cast<size_t>(i)] == 1 && (axes.empty() || b.choices().Chance(30))) {
      axes.push_back(b.opset() >= 11 && b.choices().Chance(20) ? i - b.rank(x) : i);
    }
  }
  b.Add(WithAxes(b, "Squeeze", x, axes, 13));
}

void Slice(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = Anything(b);
  if (x < 0 || b.rank(x) == 0) return;
  Ints starts, ends, axes, steps;
  for (int i = 0; i < b.rank(x); ++i) {
    if (!c.Chance(50)) continue;
    const int64_t size = b.dims(x)[static_cast<size_t>(i)];
    axes.push_back(i);
    if (c.Chance(20)) {  // everything, or everything backwards
      const bool forwards = c.Chance(60) || b.opset() < 10;
      starts.push_back(forwards ? 0 : -1);
      ends.push_back(forwards ? c.OneOf<int64_t>({size, INT64_MAX, 1000}) : INT64_MIN);
      steps.push_back(forwards ? 1 : -1);
      continue;
    }
    starts.push_back(c.Between(-size, size));
    ends.push_back(c.Between(-size, size + 1));
    steps.push_back(c.Chance(70) ? 1 : c.OneOf<int64_t>({2, -1}));
    if (b.opset() < 10) steps.back() = 1;
  }
  if (axes.empty()) return;
  NodeSpec spec{"Slice", {x}};
  spec.moves = true;
  if (b.opset() < 10) {
    spec.attributes = {{"starts", starts}, {"ends", ends}, {"axes", axes}};
  } else {
    spec.inputs = {x, b.Ints(starts), b.Ints(ends), b.Ints(axes)};
    const bool plain = std::all_of(steps.begin(), steps.end(), [](int64_t s) { return s == 1; });
    if (!plain || c.Chance(50)) spec.inputs.push_back(b.Ints(steps));
  }
  b.Add(spec);
}

void Concat(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = Anything(b);
  if (x < 0 || b.rank(x) == 0) return;
  const int64_t axis = c.Between(0, b.rank(x) - 1);
  NodeSpec spec{"Concat", {x}};
  spec.moves = true;
  const int64_t more = c.Between(0, 2);
  for (int64_t i = 0; i < more; ++i) {
    const int y = b.Pick([&](const Item& item) {
      if (item.value.dtype() != b.item(x).value.dtype() || item.value.rank() != b.rank(x)) return false;
      for (int d = 0; d < b.rank(x); ++d) {
        const auto at = static_cast<size_t>(d);
        if (d != axis && item.value.dims()[at] != b.dims(x)[at]) return false;
      }
      return true;
    });
    spec.inputs.push_back(y < 0 ? x : y);
  }
  spec.attributes.emplace_back("axis", b.opset() >= 11 && c.Chance(20) ? axis - b.rank(x) : axis);
  b.Add(spec);
}

void Split(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = Anything(b);
  if (x < 0 || b.rank(x) == 0) return;
  const int64_t axis = c.Between(0, b.rank(x) - 1);
  const int64_t size = b.dims(x)[static_cast<size_t>(axis)];
  NodeSpec spec{"Split", {x}};
  spec.moves = true;
  spec.attributes.emplace_back("axis", axis);
  Ints sizes = {size};
  if (size >= 2 && c.Chance(80)) {
    const int64_t first = c.Between(1, size - 1);
    sizes = {first, size - first};
  }
  spec.outputs = static_cast<int>(sizes.size());
  if (c.Chance(60) || sizes.size() == 1 || sizes[0] != sizes[1]) {
    if (b.opset() >= 13) {
      spec.inputs.push_back(b.Ints(sizes));
    } else {
      spec.attributes.emplace_back("split", sizes);
    }
  } else if (b.opset() >= 18) {
    spec.attributes.emplace_back("num_outputs", static_cast<int64_t>(sizes.size()));
  }
  b.Add(spec);
}

void Expand(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = Anything(b);
  if (x < 0) return;
  Ints shape;
  for (int64_t size : b.dims(x)) shape.push_back(size == 1 && c.Chance(40) ? 2 : c.Chance(30) ? 1 : size);
  if (c.Chance(20)) shape.insert(shape.begin(), c.Between(1, 2));
  NodeSpec spec{"Expand", {x, b.Ints(shape)}};
  spec.moves = true;
  b.Add(spec);
}

void Tile(GraphBuilder& b) {
  const int x = Anything(b);
  if (x < 0) return;
  Ints repeats;
  for (int i = 0; i < b.rank(x); ++i) repeats.push_back(b.choices().Chance(80) ? 1 : 2);
  NodeSpec spec{"Tile", {x, b.Ints(repeats)}};
  spec.moves = true;
  b.Add(spec);
}

void Gather(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = Anything(b);
  if (x < 0 || b.rank(x) == 0) return;
  const int64_t axis = c.Between(0, b.rank(x) - 1);
  const int64_t size = b.dims(x)[static_cast<size_t>(axis)];
  if (size == 0) return;
  const auto index = [&] { return c.Between(b.opset() >= 11 ? -size : 0, size - 1); };
  const int indices = c.Chance(30) ? b.Int(index()) : b.Ints({index(), index()});
  NodeSpec spec{"Gather", {x, indices}};
  spec.moves = true;
  spec.attributes.emplace_back("axis", axis);
  b.Add(spec);
}

// Nothing happens, in many spellings.
void NoOp(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = Anything(b);
  if (x < 0) return;
  NodeSpec spec{"Identity", {x}};
  spec.moves = true;
  const bool is_float = b.item(x).value.dtype() == b.float_type();
  switch (is_float ? c.Below(8) : 0) {
    case 0:
    case 1: break;
    case 2:
      spec.op = "Dropout";
      if (c.Chance(50) && b.opset() < 12) spec.attributes.emplace_back("ratio", 0.5F);
      break;
    case 3:
      spec.op = "Cast";
      spec.attributes.emplace_back("to", static_cast<int64_t>(b.float_type()));
      break;
    case 4: spec = {"Add", {x, b.NewConstant(b.Floats({}, [] { return 0.0; }))}}; break;
    case 5: spec = {"Mul", {b.NewConstant(b.Floats({1}, [] { return 1.0; })), x}}; break;
    case 6: spec = {"Div", {x, b.NewConstant(b.Floats({}, [] { return 1.0; }))}}; break;
    default: spec = {"Sub", {x, b.NewConstant(b.Floats({1, 1}, [] { return 0.0; }))}};
  }
  b.Add(spec);
}

void DepthSpace(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = b.Activation(4);
  if (x < 0) return;
  NodeSpec spec{c.Chance(50) ? "SpaceToDepth" : "DepthToSpace", {x}};
  spec.moves = true;
  spec.attributes.emplace_back("blocksize", int64_t{2});
  if (spec.op == "DepthToSpace" && b.opset() >= 11 && c.Chance(50)) {
    spec.attributes.emplace_back("mode", c.OneOf<std::string>({"DCR", "CRD"}));
  }
  b.Add(spec);
}

void Resize(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = b.Activation(4);
  if (x < 0 || b.opset() < 11) return;
  const auto scale = [&] { return c.OneOf<float>({1.0F, 2.0F, 2.0F}); };
  const int scales = b.NewConstant(Tensor::Of<float>({4}, {1, 1, scale(), scale()}));
  NodeSpec spec{"Resize", {x, b.opset() >= 13 ? -1 : b.NewConstant(Tensor::Of<float>({0}, {})), scales}};
  spec.attributes.emplace_back("mode", c.OneOf<std::string>({"nearest", "linear"}));
  spec.attributes.emplace_back("nearest_mode", std::string("floor"));
  spec.attributes.emplace_back("coordinate_transformation_mode",
                               c.OneOf<std::string>({"asymmetric", "half_pixel", "align_corners"}));
  b.Add(spec);
}

// A shape read off a tensor, reworked, and used: what exporters write for view(x.size(0), -1).
void ShapeChain(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = b.Activation();
  if (x < 0 || b.rank(x) < 2) return;
  int shape = b.Add1({"Shape", {x}});
  if (shape < 0) return;
  if (c.Chance(40)) {
    // All of it, perhaps with another tensor of the same size.
    const int y = b.Pick([&](const Item& item) {
      return item.value.dtype() == b.float_type() && item.value.num_elements() == b.item(x).value.num_elements();
    });
    if (c.Chance(30)) {
      NodeSpec cast{"Cast", {shape}};
      cast.attributes.emplace_back("to", static_cast<int64_t>(c.Chance(50) ? DType::kInt32 : DType::kFloat));
      const int other = b.Add1(cast);
      if (other < 0) return;
      NodeSpec back{"Cast", {other}};
      back.attributes.emplace_back("to", static_cast<int64_t>(DType::kInt64));
      shape = b.Add1(back);
      if (shape < 0) return;
    }
    NodeSpec spec{"Reshape", {y, shape}};
    spec.moves = true;
    b.Add(spec);
    return;
  }
  NodeSpec gather{"Gather", {shape, b.Int(0)}};
  gather.attributes.emplace_back("axis", int64_t{0});
  const int first = b.Add1(gather);
  if (first < 0) return;
  int batch = first;
  if (c.Chance(40)) {
    batch = b.Add1({c.OneOf<std::string>({"Mul", "Add", "Div"}), {batch, b.Int(1)}});
    if (batch < 0) return;
  }
  const int one = b.Add1(WithAxes(b, "Unsqueeze", batch, {0}, 13));
  if (one < 0) return;
  NodeSpec concat{"Concat", {one, b.Ints({-1})}};
  concat.attributes.emplace_back("axis", int64_t{0});
  const int target = b.Add1(concat);
  if (target < 0) return;
  NodeSpec spec{"Reshape", {x, target}};
  spec.moves = true;
  b.Add(spec);
}

// Shape → ConstantOfShape / Expand / Range.
void Generated(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = b.Activation();
  if (x < 0 || b.opset() < 9) return;
  const int shape = b.Add1({"Shape", {x}});
  if (shape < 0) return;
  NodeSpec spec{"ConstantOfShape", {shape}};
  const double value = b.RandomFloat();
  spec.attributes.emplace_back("value", *b.Floats({}, [&] { return value; }).WithDims({1}));
  const int made = b.Add1(spec);
  if (made < 0 || c.Chance(30)) return;
  b.Add({c.OneOf<std::string>({"Add", "Mul"}), {x, made}});
}

}  // namespace

const std::vector<Recipe>& ViewRecipes() {
  static const auto* const recipes = new std::vector<Recipe>{
      {8, &Reshape}, {3, &Flatten}, {8, &Transpose}, {4, &Unsqueeze}, {4, &Squeeze},    {6, &Slice},
      {6, &Concat},  {5, &Split},   {3, &Expand},    {2, &Tile},      {4, &Gather},     {6, &NoOp},
      {2, &DepthSpace}, {2, &Resize}, {7, &ShapeChain}, {3, &Generated}};
  return *recipes;
}

}  // namespace dsperse::testing
