#include "fold/lowering/lower_activations.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/lowering/broadcast.h"
#include "fold/lowering/precision.h"
#include "fold/passes/constants.h"

namespace dsperse {
namespace {

// Why an elementwise rewrite with constants of the data's type is not possible, or "".
std::string WhyNotFloat(const NodeView& node, Facts& facts) {
  const DType type = facts.TypeOf(node.input(0));
  if (type == DType::kUndefined) return "its element type is not known";
  if (!IsFloat(type)) return absl::StrCat("its element type is ", DTypeName(type));
  return "";
}

// The same for Mul, Add and the like with a constant of another shape.
std::string WhyNotMul(const NodeView& node, Facts& facts) {
  if (std::string why = WhyNotBroadcast(node, "Mul"); !why.empty()) return why;
  return WhyNotFloat(node, facts);
}

std::string WhyNotMax(const NodeView& node, Facts& facts) {
  if (std::string why = WhyNotBroadcast(node, "Max", kVariadicBroadcast); !why.empty()) return why;
  return WhyNotFloat(node, facts);
}

absl::StatusOr<std::vector<double>> SmallConstant(const Graph& graph, ValueId value) {
  const std::optional<Tensor> constant = ConstantOf(graph, value);
  constexpr int64_t kMost = 1 << 20;
  if (!constant || constant->num_elements() > kMost || !IsComputable(constant->dtype())) {
    return std::vector<double>();
  }
  return ToDoubles(*constant);
}

}  // namespace

absl::StatusOr<Matched<Rewrite>> LowerRelu::Match(const Graph&, const NodeView& node,
                                                  Facts& facts) const {
  if (std::string why = WhyNotMax(node, facts); !why.empty()) return NoMatch<Rewrite>(why);
  const DType type = facts.TypeOf(node.input(0));
  return dsperse::Match(Rewrite{"written as Max(x, 0)", [type](Rewriter& r) {
    r.Replace("Max", {r.anchor().input(0), r.Scalar(type, 0, "zero")});
  }});
}

absl::StatusOr<Matched<Rewrite>> LowerAbs::Match(const Graph&, const NodeView& node,
                                                 Facts& facts) const {
  if (std::string why = WhyNotMax(node, facts); !why.empty()) return NoMatch<Rewrite>(why);
  return dsperse::Match(Rewrite{"written as Max(x, -x)", [](Rewriter& r) {
    const ValueId x = r.anchor().input(0);
    r.Replace("Max", {x, r.Emit("Neg", {x}, "neg")});
  }});
}

absl::StatusOr<Matched<Rewrite>> LowerPRelu::Match(const Graph& graph, const NodeView& node,
                                                   Facts& facts) const {
  if (std::string why = WhyNotMax(node, facts); !why.empty()) return NoMatch<Rewrite>(why);
  // An infinite slope times the 0 that a positive element leaves is no number.
  if (const std::optional<Tensor> slope = ConstantOf(graph, node.input(1)); slope && IsFloat(slope->dtype())) {
    DSPERSE_ASSIGN_OR_RETURN(const int64_t bad, FirstNonFinite(*slope));
    if (bad >= 0) return NoMatch<Rewrite>(absl::StrCat("element ", bad, " of its slope is not finite"));
  }
  const DType type = facts.TypeOf(node.input(0));
  return dsperse::Match(Rewrite{"written as Max(x, 0) + slope * Min(x, 0)", [type](Rewriter& r) {
    const ValueId x = r.anchor().input(0), slope = r.anchor().input(1);
    const ValueId zero = r.Scalar(type, 0, "zero");
    const ValueId above = r.Emit("Max", {x, zero}, "above");
    const ValueId below = r.Emit("Min", {x, zero}, "below");
    r.Replace("Add", {above, r.Emit("Mul", {below, slope}, "scaled")});
  }});
}

absl::StatusOr<Matched<Rewrite>> LowerHardSigmoid::Match(const Graph&, const NodeView& node,
                                                         Facts& facts) const {
  if (std::string why = WhyNotMul(node, facts); !why.empty()) return NoMatch<Rewrite>(why);
  const DType type = facts.TypeOf(node.input(0));
  const double alpha = node.Float("alpha", 0.2f), beta = node.Float("beta", 0.5f);
  if (!KeepsPrecision(type, alpha) || !KeepsPrecision(type, beta)) {
    return NoMatch<Rewrite>(absl::StrCat("alpha ", alpha, " or beta ", beta, " is no ", DTypeName(type)));
  }
  return dsperse::Match(Rewrite{"written as Clip(alpha * x + beta, 0, 1)", [=](Rewriter& r) {
    const ValueId scaled =
        r.Emit("Mul", {r.anchor().input(0), r.Scalar(type, alpha, "alpha")}, "scaled");
    const ValueId shifted = r.Emit("Add", {scaled, r.Scalar(type, beta, "beta")}, "shifted");
    if (r.opset() < 11) {
      r.Replace("Clip", {shifted}, {{"min", 0.0f}, {"max", 1.0f}});
    } else {
      r.Replace("Clip", {shifted, r.Scalar(type, 0, "min"), r.Scalar(type, 1, "max")});
    }
  }});
}

absl::StatusOr<Matched<Rewrite>> LowerGelu::Match(const Graph&, const NodeView& node,
                                                  Facts& facts) const {
  if (std::string why = WhyNotFloat(node, facts); !why.empty()) return NoMatch<Rewrite>(why);
  const DType type = facts.TypeOf(node.input(0));
  if (node.String("approximate", "none") == "tanh") {
    return dsperse::Match(Rewrite{"written with Tanh", [type](Rewriter& r) {
      // ½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))), as ONNX defines it.
      const ValueId x = r.anchor().input(0);
      const ValueId square = r.Emit("Mul", {x, x}, "square");
      const ValueId cube = r.Emit("Mul", {square, x}, "cube");
      const ValueId part = r.Emit("Mul", {cube, r.Scalar(type, 0.044715, "cubic")}, "part");
      const ValueId sum = r.Emit("Add", {x, part}, "sum");
      const ValueId inner =
          r.Emit("Mul", {sum, r.Scalar(type, 0.79788456080286535588, "sqrt_2_over_pi")}, "inner");
      const ValueId tanh = r.Emit("Tanh", {inner}, "tanh");
      const ValueId gate = r.Emit("Add", {tanh, r.Scalar(type, 1, "one")}, "gate");
      const ValueId half = r.Emit("Mul", {x, r.Scalar(type, 0.5, "half")}, "halved");
      r.Replace("Mul", {half, gate});
    }});
  }
  return dsperse::Match(Rewrite{"written with Erf", [type](Rewriter& r) {
    const ValueId x = r.anchor().input(0);
    const ValueId inner =
        r.Emit("Mul", {x, r.Scalar(type, 0.70710678118654752440, "sqrt_half")}, "inner");
    const ValueId erf = r.Emit("Erf", {inner}, "erf");
    const ValueId gate = r.Emit("Add", {erf, r.Scalar(type, 1, "one")}, "gate");
    const ValueId half = r.Emit("Mul", {x, r.Scalar(type, 0.5, "half")}, "halved");
    r.Replace("Mul", {half, gate});
  }});
}

absl::StatusOr<Matched<Rewrite>> LowerPow::Match(const Graph& graph, const NodeView& node,
                                                 Facts& facts) const {
  if (std::string why = WhyNotFloat(node, facts); !why.empty()) return NoMatch<Rewrite>(why);
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<double> exponent, SmallConstant(graph, node.input(1)));
  const double power = exponent.size() == 1 ? exponent[0] : 0;
  if (!(power >= 2 && power <= 16 && power == std::trunc(power))) {
    return NoMatch<Rewrite>("the exponent is not a whole constant of 2 to 16");
  }
  // A constant of a higher rank would broadcast the result.
  const Shape& shape = facts.ShapeOf(node.input(0));
  if (ConstantOf(graph, node.input(1))->rank() > 0 &&
      (!shape.has_rank() || facts.ShapeOf(node.output(0)) != shape)) {
    return NoMatch<Rewrite>("the exponent changes the shape, or may");
  }
  // By squaring, from the highest bit of the exponent down: true squares, false multiplies by x.
  std::vector<bool> steps;
  const int n = static_cast<int>(power);
  int bit = 1;
  while (bit * 2 <= n) bit *= 2;
  for (bit /= 2; bit >= 1; bit /= 2) {
    steps.push_back(true);
    if ((n & bit) != 0) steps.push_back(false);
  }
  return dsperse::Match(Rewrite{"written as Mul", [steps](Rewriter& r) {
    const ValueId x = r.anchor().input(0);
    ValueId value = x;
    for (size_t i = 0; i + 1 < steps.size(); ++i) {
      value = r.Emit("Mul", {value, steps[i] ? value : x}, absl::StrCat("step_", i));
    }
    r.Replace("Mul", {value, steps.back() ? value : x});
  }});
}

absl::StatusOr<Matched<Rewrite>> LowerDiv::Match(const Graph& graph, const NodeView& node,
                                                 Facts& facts) const {
  if (std::string why = WhyNotMul(node, facts); !why.empty()) return NoMatch<Rewrite>(why);
  const std::optional<Tensor> divisor = ConstantOf(graph, node.input(1));
  DSPERSE_ASSIGN_OR_RETURN(std::vector<double> values, SmallConstant(graph, node.input(1)));
  if (values.empty()) return NoMatch<Rewrite>("the divisor is not constant, or of more than 2^20 elements");
  for (double& v : values) {
    v = 1 / v;
    if (v == 0 || !KeepsPrecision(divisor->dtype(), v)) {
      return NoMatch<Rewrite>("a reciprocal of the divisor is not finite, or too small");
    }
  }
  DSPERSE_ASSIGN_OR_RETURN(Tensor reciprocal, RoundTo(divisor->dtype(), divisor->dims(), values));
  return dsperse::Match(Rewrite{"written as Mul by the reciprocal", [reciprocal](Rewriter& r) {
    r.Replace("Mul", {r.anchor().input(0), r.Constant(reciprocal, "reciprocal")});
  }});
}

}  // namespace dsperse
