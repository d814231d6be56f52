// Element-wise operators, reductions, normalizations, integer arithmetic.
#include <algorithm>
#include <string>

#include "tests/property/recipes.h"

namespace dsperse::testing {
namespace {

using Ints = std::vector<int64_t>;

// Smooth or at least continuous everywhere: safe after rounding.
void Unary(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = b.Activation();
  if (x < 0) return;
  NodeSpec spec{c.OneOf<std::string>({"Relu", "Relu", "Sigmoid", "Tanh", "Neg", "Abs", "LeakyRelu", "Elu", "Selu",
                                      "Softplus", "Softsign", "HardSigmoid", "HardSwish", "Sin", "Cos", "Atan",
                                      "Erf", "Celu", "Mish", "Gelu", "ThresholdedRelu", "Asinh"}),
                {x}};
  if (spec.op == "ThresholdedRelu") spec.attributes.emplace_back("alpha", 0.0F);
  if (spec.op == "LeakyRelu" && c.Chance(50)) spec.attributes.emplace_back("alpha", 0.25F);
  if (spec.op == "HardSigmoid" && c.Chance(50)) spec.attributes.emplace_back("alpha", 0.5F);
  if (spec.op == "Gelu" && c.Chance(50)) spec.attributes.emplace_back("approximate", std::string("tanh"));
  b.Add(spec);
}

// Steps: on values that rewriting can't change by a bit.
void Step(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = b.FirmActivation();
  if (x < 0) return;
  b.Add({c.OneOf<std::string>({"Floor", "Ceil", "Round", "Sign", "IsNaN", "Reciprocal"}), {x}});
}

// Defined on a part of the numbers only: of |x| + 1.
void Positive(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = b.Activation();
  if (x < 0) return;
  const int absolute = b.Add1({"Abs", {x}});
  if (absolute < 0) return;
  const int shifted = b.Add1({"Add", {absolute, b.NewConstant(b.Floats({1}, [] { return 1.0; }))}});
  if (shifted < 0) return;
  const std::string op = c.OneOf<std::string>({"Sqrt", "Log", "Reciprocal", "Pow"});
  if (op == "Pow") {
    b.Add({op, {shifted, b.NewConstant(b.Floats({}, [&] { return c.OneOf<double>({0.5, 2, -1, 1}); }))}});
  } else {
    b.Add({op, {shifted}});
  }
}

void PowSquare(GraphBuilder& b) {
  const int x = b.Activation();
  if (x < 0) return;
  const double power = b.choices().OneOf<double>({2, 2, 1, 3, 0});
  b.Add({"Pow", {x, b.NewConstant(b.Floats({}, [&] { return power; }))}});
}

void Variadic(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = b.Activation();
  if (x < 0) return;
  NodeSpec spec{c.OneOf<std::string>({"Max", "Min", "Sum", "Mean"}), {x}};
  const int64_t more = c.Between(0, 2);
  for (int64_t i = 0; i < more; ++i) {
    spec.inputs.push_back(c.Chance(50) ? b.FloatConstant(c.Chance(50) ? Dims{} : b.dims(x)) : b.Activation(b.rank(x)));
    if (spec.inputs.back() < 0) return;
  }
  b.Add(spec);
}

void Clip(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = b.Activation();
  if (x < 0) return;
  NodeSpec spec{"Clip", {x}};
  if (b.opset() < 11) {
    if (c.Chance(80)) spec.attributes.emplace_back("min", -0.5F);
    if (c.Chance(80)) spec.attributes.emplace_back("max", 1.5F);
  } else {
    const auto bound = [&](double v) { return c.Chance(20) ? -1 : b.NewConstant(b.Floats({}, [v] { return v; })); };
    spec.inputs = {x, bound(-0.5), bound(1.5)};
  }
  b.Add(spec);
}

void Softmax(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = b.Activation();
  if (x < 0 || b.rank(x) == 0) return;
  NodeSpec spec{c.Chance(70) ? "Softmax" : "LogSoftmax", {x}};
  if (c.Chance(60)) spec.attributes.emplace_back("axis", c.Between(0, b.rank(x) - 1));
  b.Add(spec);
}

void Reduce(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = b.Activation();
  if (x < 0 || b.rank(x) == 0) return;
  const std::string op = c.OneOf<std::string>({"ReduceMean", "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin",
                                               "ReduceL1", "ReduceSumSquare"});
  NodeSpec spec{op, {x}};
  Ints axes = b.rank(x) == 4 && c.Chance(40) ? Ints{2, 3} : Ints{c.Between(b.opset() >= 11 ? -b.rank(x) : 0, b.rank(x) - 1)};
  if (!c.Chance(10)) {
    if (b.opset() >= 18 || (op == "ReduceSum" && b.opset() >= 13)) {
      spec.inputs.push_back(b.Ints(axes));
    } else {
      spec.attributes.emplace_back("axes", axes);
    }
  }
  if (c.Chance(50)) spec.attributes.emplace_back("keepdims", c.Between(0, 1));
  b.Add(spec);
}

void Normalization(GraphBuilder& b) {
  Choices& c = b.choices();
  const int kind = static_cast<int>(c.Below(4));
  const int x = b.Activation(kind == 0 ? -1 : c.OneOf<int>({4, 3}));
  if (x < 0 || b.rank(x) < 2) return;
  const int64_t channels = b.dims(x)[1];
  const auto big = std::make_pair(std::string("epsilon"), AttributeValue(0.1F));
  if (kind == 0) {
    const Dims last = {b.dims(x)[static_cast<size_t>(b.rank(x) - 1)]};
    NodeSpec spec{"LayerNormalization", {x, b.FloatConstant(last)}, {big}};
    if (c.Chance(60)) spec.inputs.push_back(b.FloatConstant(last));
    b.Add(spec);
  } else if (kind == 1) {
    b.Add({"InstanceNormalization", {x, b.FloatConstant({channels}), b.FloatConstant({channels})}, {big}});
  } else if (kind == 2) {
    b.Add({"LRN", {x}, {{"size", int64_t{3}}}});
  } else {
    const int64_t groups = channels % 2 == 0 ? 2 : 1;
    const Dims params = {b.opset() >= 21 ? channels : groups};
    b.Add({"GroupNormalization", {x, b.FloatConstant(params), b.FloatConstant(params)}, {big, {"num_groups", groups}}});
  }
}

void PRelu(GraphBuilder& b) {
  const int x = b.Activation();
  if (x < 0 || b.rank(x) < 2) return;
  Dims slope(static_cast<size_t>(b.rank(x) - 1), 1);
  if (b.choices().Chance(70)) slope[0] = b.dims(x)[1];
  b.Add({"PRelu", {x, b.FloatConstant(slope)}});
}

// Comparisons and what is done with their result.
void Choose(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = b.FirmActivation();
  if (x < 0) return;
  const int condition = b.Add1({c.OneOf<std::string>({"Greater", "Less", "Equal"}), {x, b.FloatConstant(b.dims(x))}});
  if (condition < 0) return;
  const int other = c.Chance(30) ? b.Add1({"Not", {condition}}) : condition;
  if (other < 0) return;
  if (b.opset() >= 9 && c.Chance(70)) {
    b.Add({"Where", {other, b.Activation(b.rank(x)), b.FloatConstant({})}});
  } else {
    NodeSpec spec{"Cast", {other}};
    spec.attributes.emplace_back("to", static_cast<int64_t>(b.float_type()));
    b.Add(spec);
  }
}

void Ranking(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = b.FirmActivation();
  if (x < 0 || b.rank(x) == 0) return;
  const int64_t axis = c.Between(0, b.rank(x) - 1);
  switch (c.Below(4)) {
    case 0:
    case 1: {
      NodeSpec spec{c.Chance(50) ? "ArgMax" : "ArgMin", {x}};
      spec.attributes.emplace_back("axis", axis);
      if (c.Chance(50)) spec.attributes.emplace_back("keepdims", int64_t{0});
      b.Add(spec);
      break;
    }
    case 2: {
      NodeSpec spec{"TopK", {x}};
      spec.attributes.emplace_back("axis", axis);
      spec.outputs = 2;
      spec.moves = true;
      if (b.opset() >= 10) {
        spec.inputs.push_back(b.Ints({1}));
      } else {
        spec.attributes.emplace_back("k", int64_t{1});
      }
      b.Add(spec);
      break;
    }
    default: {
      if (b.opset() < 11) return;
      b.Add({"CumSum", {x, b.Int(axis)}});
    }
  }
}

// Arithmetic of integers, from constants and shapes.
void IntMath(GraphBuilder& b) {
  Choices& c = b.choices();
  const DType type = c.Chance(80) ? DType::kInt64 : DType::kInt32;
  int x = b.Pick([&](const Item& item) { return item.value.dtype() == type; });
  if (x < 0 || c.Chance(15)) {
    // Near 2^53 and 2^63 too.
    const int64_t large = c.OneOf<int64_t>({0, 0, 0, int64_t{1} << 53, (int64_t{1} << 62) + 1, -(int64_t{1} << 40)});
    std::vector<int64_t> values;
    for (int i = 0; i < 3; ++i) values.push_back(large + c.Between(-5, 5));
    if (type == DType::kInt32) {
      x = b.NewConstant(Tensor::Of<int32_t>({3}, {static_cast<int32_t>(c.Between(-5, 5)), 2, 3}));
    } else {
      x = b.NewConstant(Tensor::Of<int64_t>({3}, values));
    }
  }
  const int y = b.Pick([&](const Item& item) {
    return item.value.dtype() == type && (item.value.num_elements() == 1 || item.value.dims() == b.dims(x));
  });
  NodeSpec spec{c.OneOf<std::string>({"Add", "Sub", "Mul", "Div", "Mod", "Max", "Min", "Equal", "Less", "Abs", "Neg",
                                      "Sign", "Cast"}),
                {x, y}};
  if (spec.op == "Abs" || spec.op == "Neg" || spec.op == "Sign") spec.inputs = {x};
  if (spec.op == "Cast") {
    spec.inputs = {x};
    spec.attributes.emplace_back("to", static_cast<int64_t>(c.OneOf<DType>(
                                           {DType::kInt32, DType::kInt64, DType::kBool, DType::kUint8, b.float_type()})));
  }
  if (y < 0 && spec.inputs.size() == 2) return;
  b.Add(spec);
}

void Misc(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = b.Activation(c.OneOf<int>({2, 3, 4}));
  if (x < 0) return;
  const int64_t last = b.dims(x)[static_cast<size_t>(b.rank(x) - 1)];
  switch (c.Below(4)) {
    case 0:
      b.Add({"Trilu", {x}, {{"upper", c.Between(0, 1)}}, 1, true});
      break;
    case 1:
      b.Add({"Einsum", {x, b.FloatConstant({last, 2})}, {{"equation", std::string(b.rank(x) == 2 ? "ij,jk->ik" : "...j,jk->...k")}}});
      break;
    case 2: {
      const int indices = b.NewConstant(Tensor::Of<int64_t>({1, 1}, {0}));
      b.Add({"GatherND", {x, indices}, {}, 1, true});
      break;
    }
    default:
      b.Add({"Upsample", {x, b.NewConstant(Tensor::Of<float>({static_cast<int64_t>(b.rank(x))}, std::vector<float>(static_cast<size_t>(b.rank(x)), 1.0F)))}});
  }
}

}  // namespace

const std::vector<Recipe>& MathRecipes() {
  static const auto* const recipes = new std::vector<Recipe>{
      {12, &Unary}, {2, &Step},          {3, &Positive}, {3, &PowSquare}, {4, &Variadic}, {4, &Clip},   {3, &Softmax},
      {5, &Reduce}, {5, &Normalization}, {2, &PRelu},    {4, &Choose},    {3, &Ranking},  {5, &IntMath}, {2, &Misc}};
  return *recipes;
}

}  // namespace dsperse::testing
