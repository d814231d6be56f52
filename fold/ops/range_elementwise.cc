// Ranges of arithmetic and of functions of one element.
#include <cmath>
#include <optional>
#include <utility>

#include "fold/ops/range.h"

namespace dsperse {
namespace {

// What implementations of exp, tanh and their kind may be off by, relative and absolute.
constexpr double kFunctionError = 1e-5;

Interval Spread(double low, double high) {
  return {low - kFunctionError * (1 + std::fabs(low)), high + kFunctionError * (1 + std::fabs(high))};
}

Interval Two(const RangeInput& in, Interval (*combine)(Interval, Interval)) {
  return in.inputs.size() == 2 ? combine(in.inputs[0], in.inputs[1]) : Interval();
}
Interval AddRule(const RangeInput& in) { return Two(in, &Add); }
Interval SubRule(const RangeInput& in) {
  return in.inputs.size() == 2 ? Add(in.inputs[0], Negate(in.inputs[1])) : Interval();
}
Interval MulRule(const RangeInput& in) {
  if (in.inputs.size() != 2) return {};
  const Interval product = Multiply(in.inputs[0], in.inputs[1]);
  if (!product.bounded() || in.node.input(0) != in.node.input(1)) return product;
  return {std::max(product.low, 0.0), product.high};  // a square
}
Interval DivRule(const RangeInput& in) { return Two(in, &Divide); }

Interval Fold(const RangeInput& in, Interval (*combine)(Interval, Interval)) {
  if (in.inputs.empty()) return {};
  Interval all = in.inputs[0];
  for (size_t i = 1; i < in.inputs.size(); ++i) all = combine(all, in.inputs[i]);
  return all;
}
Interval MaxRule(const RangeInput& in) { return Fold(in, &Maximum); }
Interval MinRule(const RangeInput& in) { return Fold(in, &Minimum); }

// The operands may be added in any order.
Interval SumRule(const RangeInput& in) {
  Interval sum = Interval::Point(0);
  double terms = 0;
  bool positive = true;
  bool negative = true;
  for (const Interval& x : in.inputs) {
    if (!x.bounded()) return {};
    sum = {sum.low + x.low, sum.high + x.high};
    terms += x.magnitude();
    positive = positive && x.low >= 0;
    negative = negative && x.high <= 0;
  }
  return Widen(sum, static_cast<double>(in.inputs.size()), terms, positive || negative);
}
Interval MeanRule(const RangeInput& in) {
  if (in.inputs.empty()) return {};
  return Divide(SumRule(in), Interval::Point(static_cast<double>(in.inputs.size())));
}

Interval NegRule(const RangeInput& in) { return Negate(in.inputs[0]); }
Interval AbsOf(Interval x) {
  if (!x.bounded()) return {};
  const double least = x.low > 0 ? x.low : x.high < 0 ? -x.high : 0;
  return {least, x.magnitude()};
}
Interval AbsRule(const RangeInput& in) { return AbsOf(in.inputs[0]); }
Interval ReluRule(const RangeInput& in) { return Maximum(in.inputs[0], Interval::Point(0)); }

Interval LeakyReluRule(const RangeInput& in) {
  const Interval x = in.inputs[0];
  const Interval below =
      Multiply(Minimum(x, Interval::Point(0)), Interval::Point(in.node.Float("alpha", 0.01f)));
  return Hull(Maximum(x, Interval::Point(0)), below);
}
Interval PReluRule(const RangeInput& in) {
  if (in.inputs.size() != 2) return {};
  const Interval below = Multiply(Minimum(in.inputs[0], Interval::Point(0)), in.inputs[1]);
  return Hull(Maximum(in.inputs[0], Interval::Point(0)), below);
}

Interval ClipRule(const RangeInput& in) {
  Interval x = in.inputs[0];
  if (!x.bounded()) return {};
  const auto bound = [&](int input, const char* attribute) -> std::optional<Interval> {
    if (in.node.input(input).valid()) return in.inputs[static_cast<size_t>(input)];
    if (in.node.HasAttr(attribute)) return Interval::Point(in.node.Float(attribute, 0));
    return std::nullopt;
  };
  // A bound that isn't finite can't be used, and doesn't widen: NaN is the caller's own.
  const std::optional<Interval> low = bound(1, "min");
  const std::optional<Interval> high = bound(2, "max");
  if (low.has_value()) x = low->bounded() ? Maximum(x, *low) : Interval();
  if (high.has_value()) x = high->bounded() ? Minimum(x, *high) : Interval();
  return x;
}

// A function that never falls, within [least, most].
Interval Rising(Interval x, double (*f)(double), double least, double most) {
  if (!x.bounded()) return {};
  const Interval y = Spread(f(x.low), f(x.high));
  if (!y.bounded()) return {};
  return {std::max(y.low, least), std::min(y.high, most)};
}
constexpr double kNone = 1e38;
double SigmoidOf(double x) { return 1 / (1 + std::exp(-x)); }

Interval SigmoidRule(const RangeInput& in) {
  return Rising(in.inputs[0], &SigmoidOf, -kFunctionError, 1 + kFunctionError);
}
Interval TanhRule(const RangeInput& in) {
  return Rising(in.inputs[0], [](double x) { return std::tanh(x); }, -1 - kFunctionError,
                1 + kFunctionError);
}
Interval ErfRule(const RangeInput& in) {
  return Rising(in.inputs[0], [](double x) { return std::erf(x); }, -1 - kFunctionError,
                1 + kFunctionError);
}
Interval ExpRule(const RangeInput& in) {
  const Interval x = in.inputs[0];
  // Beyond 80 implementations overflow at different places.
  if (!x.bounded() || x.high > 80) return {};
  return Rising(x, [](double v) { return std::exp(v); }, 0, kNone);
}
Interval LogRule(const RangeInput& in) {
  const Interval x = in.inputs[0];
  if (!x.bounded() || x.low < 0x1p-126) return {};
  return Rising(x, [](double v) { return std::log(v); }, -kNone, kNone);
}
Interval SqrtRule(const RangeInput& in) {
  const Interval x = in.inputs[0];
  if (!x.bounded() || x.low < 0) return {};
  const double high = std::sqrt(x.high);
  return Widen({std::sqrt(x.low), high}, 1, high, true);
}
Interval SoftplusRule(const RangeInput& in) {
  const Interval x = in.inputs[0];
  if (!x.bounded() || x.high > 80) return {};
  return Rising(x, [](double v) { return std::log1p(std::exp(v)); }, -kFunctionError, kNone);
}
Interval EluRule(const RangeInput& in) {
  const Interval x = in.inputs[0];
  const double alpha = in.node.Float("alpha", 1);
  if (!x.bounded() || alpha < 0) return {};
  const double low = x.low < 0 ? alpha * std::expm1(x.low) : x.low;
  const double high = x.high < 0 ? 0 : x.high;
  return Spread(low, high);
}
Interval SinRule(const RangeInput& in) {
  // Of large arguments some implementations reduce badly.
  const Interval x = in.inputs[0];
  if (!x.bounded() || x.magnitude() > 1e4) return {};
  return {-1 - kFunctionError, 1 + kFunctionError};
}

double HardSigmoidOf(double x, double alpha, double beta) {
  return std::max(0.0, std::min(1.0, alpha * x + beta));
}
Interval HardSigmoidRule(const RangeInput& in) {
  const Interval x = in.inputs[0];
  if (!x.bounded()) return {};
  const double alpha = in.node.Float("alpha", 0.2f);
  const double beta = in.node.Float("beta", 0.5f);
  const double a = HardSigmoidOf(x.low, alpha, beta);
  const double b = HardSigmoidOf(x.high, alpha, beta);
  // α·x + β is rounded before it is clipped.
  const Interval y = Widen(Interval::Of(a, b), 2, std::fabs(alpha) * x.magnitude() + std::fabs(beta));
  if (!y.bounded()) return {};
  return {std::max(y.low, 0.0), std::min(y.high, 1.0)};
}
// x·s(x) with 0 ≤ s ≤ 1, never below `least`: HardSwish, Gelu, Swish, Mish.
Interval Gated(Interval x, double least) {
  if (!x.bounded()) return {};
  return Spread(x.low >= 0 ? 0 : std::max(least, x.low), std::max(x.high, 0.0));
}
Interval HardSwishRule(const RangeInput& in) { return Gated(in.inputs[0], -0.375); }
Interval GeluRule(const RangeInput& in) { return Gated(in.inputs[0], -0.171); }
Interval MishRule(const RangeInput& in) {
  if (in.inputs[0].bounded() && in.inputs[0].high > 80) return {};
  return Gated(in.inputs[0], -0.31);
}

Interval PowRule(const RangeInput& in) {
  const Tensor* exponent = in.facts.ConstantOf(in.node.input(1));
  const Interval x = in.inputs[0];
  if (exponent == nullptr || exponent->num_elements() != 1 || !x.bounded()) return {};
  const absl::StatusOr<std::vector<double>> values = ToDoubles(*exponent);
  if (!values.ok()) return {};
  const double power = (*values)[0];
  const bool whole = power >= 1 && power <= 64 && power == std::floor(power);
  if (!whole) {
    if (!(power > 0 && power <= 64) || x.low < 0) return {};
    const Interval y = Spread(std::pow(x.low, power), std::pow(x.high, power));
    return y.bounded() ? Interval{std::max(y.low, 0.0), y.high} : Interval();
  }
  const bool even = std::fmod(power, 2) == 0;
  const Interval base = even ? AbsOf(x) : x;
  const Interval y{std::pow(base.low, power), std::pow(base.high, power)};
  if (!y.bounded()) return {};
  const Interval wide{y.low - kFunctionError * std::fabs(y.low) - 1e-37,
                      y.high + kFunctionError * std::fabs(y.high) + 1e-37};
  return {base.low >= 0 ? std::max(wide.low, 0.0) : wide.low, wide.high};
}
Interval ReciprocalRule(const RangeInput& in) { return Divide(Interval::Point(1), in.inputs[0]); }
// Exact, or held within whole numbers around.
Interval RoundingRule(const RangeInput& in) {
  const Interval x = in.inputs[0];
  if (!x.bounded()) return {};
  return {std::floor(x.low), std::ceil(x.high)};
}

constexpr std::pair<absl::string_view, RangeRule> kRules[] = {
    {"Abs", &AbsRule},         {"Add", &AddRule},           {"Ceil", &RoundingRule},
    {"Clip", &ClipRule},       {"Cos", &SinRule},           {"Div", &DivRule},
    {"Elu", &EluRule},         {"Erf", &ErfRule},           {"Exp", &ExpRule},
    {"Floor", &RoundingRule},  {"Gelu", &GeluRule},         {"HardSigmoid", &HardSigmoidRule},
    {"HardSwish", &HardSwishRule}, {"LeakyRelu", &LeakyReluRule}, {"Log", &LogRule},
    {"Max", &MaxRule},         {"Mean", &MeanRule},         {"Min", &MinRule},
    {"Mish", &MishRule},       {"Mul", &MulRule},           {"Neg", &NegRule},
    {"PRelu", &PReluRule},     {"Pow", &PowRule},           {"Reciprocal", &ReciprocalRule},
    {"Relu", &ReluRule},       {"Round", &RoundingRule},    {"Sigmoid", &SigmoidRule},
    {"Sin", &SinRule},         {"Softplus", &SoftplusRule}, {"Sqrt", &SqrtRule},
    {"Sub", &SubRule},         {"Sum", &SumRule},           {"Tanh", &TanhRule},
};

}  // namespace

RangeRule FindElementwiseRange(absl::string_view op_type) {
  for (const auto& [name, rule] : kRules) {
    if (name == op_type) return rule;
  }
  return nullptr;
}

}  // namespace dsperse
