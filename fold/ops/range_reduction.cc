// Ranges of pools, reductions and normalizations.
#include <algorithm>
#include <cmath>
#include <vector>

#include "fold/ops/range.h"

namespace dsperse {
namespace {

// Elements of input 0 for each of output 0, or 0 where that isn't known.
double ReducedCount(const RangeInput& in) {
  const std::optional<Dims> from = in.facts.StaticShape(in.node.input(0));
  const std::optional<Dims> to = in.facts.StaticShape(in.node.output(0));
  if (!from.has_value() || !to.has_value()) return 0;
  double n = 1;
  for (int64_t size : *from) n *= static_cast<double>(size);
  double m = 1;
  for (int64_t size : *to) m *= static_cast<double>(size);
  return m == 0 ? 0 : n / m;
}

Interval SumOf(Interval x, double n) {
  if (!x.bounded() || n < 1) return {};
  return Widen({x.low * n, x.high * n}, n + 2, x.magnitude() * n, true);
}
Interval MeanOf(Interval x, double n) {
  if (!x.bounded() || n < 1) return {};
  return Widen(x, n + 4, x.magnitude(), true);
}

Interval ReduceSum(const RangeInput& in) { return SumOf(in.inputs[0], ReducedCount(in)); }
Interval ReduceMean(const RangeInput& in) { return MeanOf(in.inputs[0], ReducedCount(in)); }
Interval Extreme(const RangeInput& in) {
  return ReducedCount(in) >= 1 ? in.inputs[0] : Interval();
}
Interval ReduceL1(const RangeInput& in) {
  const Interval x = in.inputs[0];
  if (!x.bounded()) return {};
  return SumOf({x.low > 0 ? x.low : x.high < 0 ? -x.high : 0, x.magnitude()}, ReducedCount(in));
}
Interval ReduceSumSquare(const RangeInput& in) {
  const Interval x = in.inputs[0];
  if (!x.bounded()) return {};
  return SumOf(Widen({0, x.magnitude() * x.magnitude()}, 1, x.magnitude() * x.magnitude(), true),
               ReducedCount(in));
}
Interval ReduceL2(const RangeInput& in) {
  const Interval squares = ReduceSumSquare(in);
  if (!squares.bounded()) return {};
  const double high = std::sqrt(squares.high);
  return Widen({0, high}, 2, high, true);
}

// No window lies in the padding alone.
bool EveryWindowMeetsThePicture(const NodeView& node) {
  const std::vector<int64_t> kernel = node.Ints("kernel_shape");
  const std::vector<int64_t> pads = node.Ints("pads");
  for (int64_t dilation : node.Ints("dilations")) {
    if (dilation != 1) return false;
  }
  if (node.Int("ceil_mode", 0) != 0) return false;
  for (size_t i = 0; i < pads.size(); ++i) {
    if (kernel.empty() || pads[i] < 0 || pads[i] >= kernel[i % kernel.size()]) return false;
  }
  return true;
}

Interval MaxPool(const RangeInput& in) {
  return EveryWindowMeetsThePicture(in.node) ? in.inputs[0] : Interval();
}
Interval AveragePool(const RangeInput& in) {
  if (!EveryWindowMeetsThePicture(in.node)) return {};
  double taps = 1;
  for (int64_t size : in.node.Ints("kernel_shape")) taps *= static_cast<double>(size);
  // Padding may be averaged too.
  return MeanOf(HullWithZero(in.inputs[0]), taps);
}

Interval Softmax(const RangeInput& in) {
  return in.inputs[0].bounded() ? Interval{0, 1 + 1e-4} : Interval();
}

// (x − μ)/√(σ² + ε)·γ + β. Mathematically below √n, but ε alone holds whatever the rounding of σ².
Interval Normalization(const RangeInput& in) {
  const Interval x = in.inputs[0];
  const double epsilon = in.node.Float("epsilon", 1e-5f);
  if (!x.bounded() || !(epsilon > 0) || in.inputs.size() < 2) return {};
  const std::optional<Dims> dims = in.facts.StaticShape(in.node.input(0));
  if (!dims.has_value()) return {};
  double n = 1;
  for (int64_t size : *dims) n *= static_cast<double>(size);
  // The mean is off by no more than this.
  const Interval mean = MeanOf(x, n);
  if (!mean.bounded()) return {};
  const double widest = std::max(x.high - mean.low, mean.high - x.low);
  const double most = widest / std::sqrt(epsilon) * 1.001;
  Interval y = Multiply({-most, most}, in.inputs[1]);
  if (in.node.input(2).valid()) y = Add(y, in.inputs[2]);
  return y;
}

constexpr std::pair<absl::string_view, RangeRule> kRules[] = {
    {"AveragePool", &AveragePool},
    {"GlobalAveragePool", &ReduceMean},
    {"GlobalMaxPool", &Extreme},
    {"InstanceNormalization", &Normalization},
    {"LayerNormalization", &Normalization},
    {"MaxPool", &MaxPool},
    {"ReduceL1", &ReduceL1},
    {"ReduceL2", &ReduceL2},
    {"ReduceMax", &Extreme},
    {"ReduceMean", &ReduceMean},
    {"ReduceMin", &Extreme},
    {"ReduceSum", &ReduceSum},
    {"ReduceSumSquare", &ReduceSumSquare},
    {"Softmax", &Softmax},
};

}  // namespace

RangeRule FindReductionRange(absl::string_view op_type) {
  for (const auto& [name, rule] : kRules) {
    if (name == op_type) return rule;
  }
  return nullptr;
}

}  // namespace dsperse
