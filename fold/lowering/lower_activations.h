// Activations that a target doesn't know, in terms of Max, Min, Mul, Add, Clip and Erf.
//
//   lower_relu         Relu(x)            → Max(x, 0)                          same        opset ≥ 8
//   lower_abs          Abs(x)             → Max(x, Neg(x))                     same        opset ≥ 8
//   lower_prelu        PRelu(x, s)        → Max(x, 0) + s·Min(x, 0)            re-rounded  opset ≥ 8
//   lower_hard_sigmoid HardSigmoid(x)     → Clip(α·x + β, 0, 1)                re-rounded
//   lower_gelu         Gelu(x)            → ½·x·(1 + Erf(x/√2)), or tanh form  re-rounded
//   lower_pow          Pow(x, n)          → Mul(x, x)…, where the price falls  re-rounded
//   lower_div          Div(x, c)          → Mul(x, 1/c)                        re-rounded
//
// Applies when the target refuses the node as it is. Constants that these make are not proven as they are:
// fusion absorbs them, or lower_constants.h rewrites them. Declines when
//   - the model's opset has no form of the operators for it (Max and Min broadcast from 8 on, Mul and Add from 7);
//   - the element type is no float, or not known;
//   - PRelu: a slope is not finite; HardSigmoid: alpha or beta are none of the type's numbers;
//   - Pow: the exponent is not a whole constant of 2 to 16, or may raise the rank; Div: the divisor is not constant, or
//     its reciprocal is not finite and normal in the type.
#ifndef DSPERSE_FOLD_LOWERING_LOWER_ACTIVATIONS_H_
#define DSPERSE_FOLD_LOWERING_LOWER_ACTIVATIONS_H_

#include "fold/lowering/node_lowering.h"

namespace dsperse {

#define DSPERSE_NODE_LOWERING(Class, Name, Op, Level, Summary) \
  DSPERSE_NODE_LOWERING_FOR("", Class, Name, Op, Level, Summary)
// For one target, by its name; "": for each.
#define DSPERSE_NODE_LOWERING_FOR(For, Class, Name, Op, Level, Summary)                     \
  class Class final : public NodeLowering {                                                 \
   public:                                                                                  \
    absl::string_view name() const override { return Name; }                                \
    absl::string_view summary() const override { return Summary; }                          \
    absl::string_view op_type() const override { return Op; }                               \
    LoweringClass lowering_class() const override { return LoweringClass::Level; }          \
    bool Serves(const Target& target) const override {                                      \
      return absl::string_view(For).empty() || target.name() == For;                        \
    }                                                                                       \
                                                                                            \
   protected:                                                                               \
    absl::StatusOr<Matched<Rewrite>> Match(const Graph& graph, const NodeView& node,        \
                                           Facts& facts) const override;                    \
  }

DSPERSE_NODE_LOWERING(LowerRelu, "lower_relu", "Relu", kSame, "Relu as Max(x, 0)");
DSPERSE_NODE_LOWERING(LowerAbs, "lower_abs", "Abs", kSame, "Abs as Max(x, -x)");
DSPERSE_NODE_LOWERING(LowerPRelu, "lower_prelu", "PRelu", kReRounded,
                      "PRelu as Max(x, 0) + slope * Min(x, 0)");
DSPERSE_NODE_LOWERING(LowerHardSigmoid, "lower_hard_sigmoid", "HardSigmoid", kReRounded,
                      "HardSigmoid as Clip(alpha * x + beta, 0, 1)");
DSPERSE_NODE_LOWERING(LowerGelu, "lower_gelu", "Gelu", kReRounded, "Gelu by its Erf or Tanh form");
DSPERSE_NODE_LOWERING_FOR("jstprove", LowerDiv, "lower_div", "Div", kReRounded,
                      "Div by a constant as Mul by its reciprocal");

class LowerPow final : public NodeLowering {
 public:
  absl::string_view name() const override { return "lower_pow"; }
  absl::string_view summary() const override { return "Pow by a whole number as Mul"; }
  absl::string_view op_type() const override { return "Pow"; }
  LoweringClass lowering_class() const override { return LoweringClass::kReRounded; }

 protected:
  bool price_driven() const override { return true; }
  absl::StatusOr<Matched<Rewrite>> Match(const Graph& graph, const NodeView& node,
                                         Facts& facts) const override;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_LOWERING_LOWER_ACTIVATIONS_H_
