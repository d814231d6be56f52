// Patterns that fusing and lowering look for as a whole: attention, Gelu, normalizations and gates written out,
// dense blocks. With deviations everywhere: a number more or less, another order, another reader.
#include <cmath>
#include <string>

#include "tests/property/recipes.h"

namespace dsperse::testing {
namespace {

using Ints = std::vector<int64_t>;

// Each of these gives −1 where it is given −1 or its node was thrown away. No two arguments of a call make choices:
// their order would be the compiler's.

int Apply(GraphBuilder& b, const std::string& op, std::vector<int> inputs, NodeSpec::Attributes attributes = {}) {
  for (int input : inputs) {
    if (input < 0) return -1;
  }
  return b.Add1({op, std::move(inputs), std::move(attributes)});
}

int Number(GraphBuilder& b, double value) {
  const Dims dims = b.choices().OneOf<Dims>({{}, {}, {1}, {1, 1}});
  return b.NewConstant(b.Floats(dims, [value] { return value; }));
}

// x + y or x · y, the operands in either order.
int Commuted(GraphBuilder& b, const std::string& op, int x, int y) {
  return b.choices().Chance(50) ? Apply(b, op, {x, y}) : Apply(b, op, {y, x});
}

// x times or divided by a number, or plus one, or x itself.
int ByNumber(GraphBuilder& b, int x) {
  Choices& c = b.choices();
  if (x < 0) return -1;
  const double number = c.OneOf<double>({0.5, 2, 0.25, 4, 0.125, 8, std::sqrt(2.0), -0.5, 1});
  switch (c.Below(6)) {
    case 0:
    case 1: return Commuted(b, "Mul", x, Number(b, number));
    case 2: return Apply(b, "Div", {x, Number(b, number)});
    case 3: return Commuted(b, "Add", x, Number(b, number));
    default: return x;
  }
}

int64_t Last(GraphBuilder& b, int x) { return b.dims(x)[static_cast<size_t>(b.rank(x) - 1)]; }

// A matrix product of the last axis, perhaps with a bias.
int Linear(GraphBuilder& b, int x, int64_t width) {
  Choices& c = b.choices();
  if (x < 0 || b.rank(x) < 2) return -1;
  const int weight = b.FloatConstant({Last(b, x), width});
  if (b.rank(x) == 2 && c.Chance(30)) return Apply(b, "Gemm", {x, weight, b.FloatConstant({width})});
  const int product = Apply(b, "MatMul", {x, weight});
  return product >= 0 && c.Chance(50) ? Commuted(b, "Add", product, b.FloatConstant({width})) : product;
}

int Conv1x1(GraphBuilder& b, int x, int64_t width) {
  if (x < 0 || b.rank(x) < 3) return -1;
  Dims kernel(static_cast<size_t>(b.rank(x)), 1);
  kernel[0] = width;
  kernel[1] = b.dims(x)[1];
  if (b.choices().Chance(50)) return Apply(b, "Conv", {x, b.FloatConstant(kernel), b.FloatConstant({width})});
  return Apply(b, "Conv", {x, b.FloatConstant(kernel)});
}

// Something with weights to take what is moved, or any value.
int Features(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = b.Activation(c.OneOf<int>({2, 3, 4}));
  if (x < 0) return -1;
  if (b.rank(x) == 4 && c.Chance(60)) return Conv1x1(b, x, c.Between(1, 3));
  return c.Chance(70) ? Linear(b, x, c.Between(1, 4)) : x;
}

// One more reader, sometimes.
void ReadAgain(GraphBuilder& b, int x) {
  if (x >= 0 && b.choices().Chance(20)) Apply(b, b.choices().OneOf<std::string>({"Relu", "Neg", "Tanh"}), {x});
}

void Attention(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = b.Activation(c.OneOf<int>({2, 3, 3}));
  if (x < 0) return;
  const bool heads = b.rank(x) == 3 && c.Chance(40);
  const int64_t width = heads ? 2 * c.Between(1, 2) : c.Between(1, 4);
  int q = ByNumber(b, Linear(b, x, width));
  int k = ByNumber(b, Linear(b, x, width));
  int v = ByNumber(b, Linear(b, x, width));
  if (q < 0 || k < 0 || v < 0) return;
  if (heads) {
    const Ints split = {b.dims(x)[0], b.dims(x)[1], 2, width / 2};
    const auto turned = [&](int value, const Ints& perm) {
      return Apply(b, "Transpose", {Apply(b, "Reshape", {value, b.Ints(split)})}, {{"perm", perm}});
    };
    q = turned(q, {0, 2, 1, 3});
    k = turned(k, {0, 2, 3, 1});
    v = turned(v, {0, 2, 1, 3});
  } else {
    k = Apply(b, "Transpose", {k}, {{"perm", b.rank(x) == 2 ? Ints{1, 0} : Ints{0, 2, 1}}});
  }
  int scores = Apply(b, "MatMul", {ByNumber(b, q), ByNumber(b, k)});
  ReadAgain(b, scores);
  scores = ByNumber(b, scores);
  if (scores >= 0 && c.Chance(50)) {
    scores = Commuted(b, "Add", scores, b.FloatConstant(c.Chance(50) ? Dims{Last(b, scores)} : b.dims(scores)));
    scores = ByNumber(b, scores);
  }
  ReadAgain(b, scores);
  if (scores >= 0) scores = Apply(b, "Softmax", {scores}, {{"axis", static_cast<int64_t>(b.rank(scores) - 1)}});
  Apply(b, "MatMul", {scores, v});
}

// x · (1 + erf(x / √2)) / 2, or nearly so.
void GeluByErf(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = Features(b);
  if (x < 0) return;
  const int scaled = c.Chance(50) ? Apply(b, "Div", {x, Number(b, c.Chance(80) ? std::sqrt(2.0) : 2)}) : ByNumber(b, x);
  const int bent = Apply(b, c.Chance(70) ? "Erf" : "Tanh", {scaled});
  const int raised = c.Chance(80) ? Commuted(b, "Add", bent, Number(b, 1)) : ByNumber(b, bent);
  ReadAgain(b, c.Chance(50) ? scaled : x);
  int y = -1;
  if (c.Chance(50)) {
    y = Commuted(b, "Mul", ByNumber(b, x), raised);
    y = ByNumber(b, y);
  } else {
    y = Commuted(b, "Mul", x, raised);
    y = y < 0 ? -1 : Commuted(b, "Mul", y, Number(b, 0.5));
  }
  if (y >= 0 && c.Chance(60)) Linear(b, y, c.Between(1, 3));
}

// One value on two ways that meet again.
void TwoPaths(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = Features(b);
  const int one = ByNumber(b, x);
  int other = ByNumber(b, c.Chance(50) ? x : one);
  if (c.Chance(40)) other = Apply(b, c.OneOf<std::string>({"Sigmoid", "Erf", "Relu", "Tanh"}), {other});
  if (one < 0 || other < 0) return;
  int met = Commuted(b, c.OneOf<std::string>({"Mul", "Add", "Sub", "Max"}), one, other);
  ReadAgain(b, c.Chance(50) ? one : met);
  met = ByNumber(b, met);
  if (met >= 0 && c.Chance(60)) b.rank(met) == 4 ? Conv1x1(b, met, 2) : Linear(b, met, 2);
}

int MeanOfLast(GraphBuilder& b, int x) {
  if (x < 0 || b.rank(x) == 0) return -1;
  const int64_t axis = b.rank(x) - 1;
  if (b.opset() >= 18) return Apply(b, "ReduceMean", {x, b.Ints({axis})});
  return Apply(b, "ReduceMean", {x}, {{"axes", Ints{axis}}});
}

void LayerNormWrittenOut(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = b.Activation(c.OneOf<int>({2, 3}));
  if (x < 0) return;
  const int centred = Apply(b, "Sub", {x, MeanOfLast(b, x)});
  ReadAgain(b, centred);
  const int square = c.Chance(50) ? Apply(b, "Mul", {centred, centred}) : Apply(b, "Pow", {centred, Number(b, 2)});
  const int variance = MeanOfLast(b, square);
  const int root = Apply(b, "Sqrt", {Commuted(b, "Add", variance, Number(b, 0.5))});
  int y = Apply(b, "Div", {centred, root});
  if (y < 0) return;
  const Dims last = {Last(b, y)};
  if (c.Chance(70)) y = Commuted(b, "Mul", y, b.FloatConstant(last));
  if (y >= 0 && c.Chance(70)) y = Commuted(b, "Add", y, b.FloatConstant(last));
  if (c.Chance(50)) Linear(b, y, 2);
}

// Squeeze and excite, Swish: x times a gate made of x.
void Gate(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = Features(b);
  if (x < 0) return;
  int gate = x;
  if (b.rank(x) == 4 && c.Chance(60)) {
    gate = Conv1x1(b, Apply(b, "GlobalAveragePool", {x}), 2);
    gate = Conv1x1(b, Apply(b, "Relu", {gate}), b.dims(x)[1]);
  }
  gate = ByNumber(b, gate);
  gate = Apply(b, c.OneOf<std::string>({"Sigmoid", "Sigmoid", "HardSigmoid"}), {gate});
  const int y = gate < 0 ? -1 : Commuted(b, "Mul", x, ByNumber(b, gate));
  if (y >= 0 && c.Chance(30)) Commuted(b, "Add", x, y);
}

// Concat → BatchNormalization → activation → Conv or pool.
void DenseLayer(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = b.Activation(4);
  if (x < 0) return;
  const int more = Conv1x1(b, x, c.Between(1, 3));
  const int both = Apply(b, "Concat", {x, more}, {{"axis", int64_t{1}}});
  if (both < 0) return;
  const Dims channels = {b.dims(both)[1]};
  const auto positive = [&] { return b.PositiveConstant(channels); };
  int y = Apply(b, "BatchNormalization",
                {both, c.Chance(70) ? positive() : b.FloatConstant(channels), b.FloatConstant(channels),
                 b.FloatConstant(channels), positive()});
  ReadAgain(b, c.Chance(50) ? both : y);
  y = Apply(b, c.OneOf<std::string>({"Relu", "Relu", "LeakyRelu", "Sigmoid"}), {y});
  if (y < 0) return;
  if (c.Chance(60)) {
    Conv1x1(b, ByNumber(b, y), 2);
  } else {
    const Ints kernel = {c.Between(1, 2), 2};
    Apply(b, c.OneOf<std::string>({"MaxPool", "AveragePool"}), {y}, {{"kernel_shape", kernel}});
  }
}

}  // namespace

const std::vector<Recipe>& PatternRecipes() {
  static const auto* const recipes =
      new std::vector<Recipe>{{4, &Attention},           {4, &GeluByErf}, {5, &TwoPaths},
                              {2, &LayerNormWrittenOut}, {3, &Gate},      {3, &DenseLayer}};
  return *recipes;
}

}  // namespace dsperse::testing
