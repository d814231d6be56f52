// Constants of elementwise operators, in forms in which the target proves them as what they are.
//
// DSperse's JSTprove scales the weights of Conv and Gemm to its fixed point, but takes any other constant
// operand as its whole part, unscaled: `x + 0.25` is proven as x, `x · 2` as 2^-17 · x, Max(x, 0.5) as
// Max(x, 0). The proof verifies; it is one of another model. (Measured on witnesses: tests/dsperse/lowering_test.py.)
//
//   lower_factor    Mul(x, −1)  → Neg(x)                                              same
//                   Mul(x, 2)   → Add(x, x)                                           same
//                   Mul(x, 2^-j)→ Div(x, 2^j)                                         same
//                   Mul(x, 1/n) → Div(x, n), n whole                                  re-rounded
//                   Mul(x, c)   → Conv 1×1 of one channel on x as a row; an Add or Sub of one number
//                                 behind it becomes the Conv's bias; x of rank 4: wire re-rounded
//                   Mul(x, c), c per channel → depthwise 1×1 Conv                     same sum
//                   Mul(x, c), else          → Mul(x, wire of c)                      same sum
//   lower_offset    Add, Sub                 → the same with a wire of the constant   same sum
//   lower_max_bound, lower_min_bound   Max, Min: likewise                             same sum
//   lower_join      Concat: likewise                                                  same sum
//   lower_clip      Clip(x, lo, hi)          → Min(Max(x, lo), hi)                    same
//
// The *wire* of a constant is a Conv of an element of x with weights of zero and the constant as bias: it
// costs three constraints an element of the constant (not of the result).
//
// Applies when the target refuses the node as it is. Declines when x's shape is not known (Reshape needs
// it), x has no element or is a view of a constant, the model's opset is below 7, the type is no float, or bfloat16 below
// opset 22 (Conv), or the constant's is another. Clip: a bound is NaN, or infinite on the wrong side.
#ifndef DSPERSE_FOLD_LOWERING_LOWER_CONSTANTS_H_
#define DSPERSE_FOLD_LOWERING_LOWER_CONSTANTS_H_

#include "fold/lowering/lower_activations.h"

namespace dsperse {

// For one target, by its name ("": for each). After fusion has absorbed all it can (phase 1), and after what this
// leaves is absorbed (phase 2).
#define DSPERSE_CONSTANT_LOWERING(For, Class, Name, Op, Level, Phase, Summary)              \
  class Class final : public NodeLowering {                                                 \
   public:                                                                                  \
    absl::string_view name() const override { return Name; }                                \
    absl::string_view summary() const override { return Summary; }                          \
    absl::string_view op_type() const override { return Op; }                               \
    int phase() const override { return Phase; }                                            \
    LoweringClass lowering_class() const override { return LoweringClass::Level; }          \
    bool Serves(const Target& target) const override {                                      \
      return absl::string_view(For).empty() || target.name() == For;                        \
    }                                                                                       \
                                                                                            \
   protected:                                                                               \
    absl::StatusOr<Matched<Rewrite>> Match(const Graph& graph, const NodeView& node,        \
                                           Facts& facts) const override;                    \
  }

DSPERSE_CONSTANT_LOWERING("", LowerClip, "lower_clip", "Clip", kSame, 1,
                          "Clip as Max and Min, where its bounds are not 0");
DSPERSE_CONSTANT_LOWERING("jstprove", LowerFactor, "lower_factor", "Mul", kReRounded, 1,
                          "A constant factor as Neg, Add, Div or weights of a 1x1 Conv");
DSPERSE_CONSTANT_LOWERING("jstprove", LowerOffset, "lower_offset", "Add", kSameSum, 2,
                          "A constant addend as the bias of a Conv of zeros");
DSPERSE_CONSTANT_LOWERING("jstprove", LowerOffsetSub, "lower_offset_sub", "Sub", kSameSum, 2,
                          "A constant of Sub as the bias of a Conv of zeros");
DSPERSE_CONSTANT_LOWERING("jstprove", LowerMaxBound, "lower_max_bound", "Max", kSameSum, 2,
                          "A constant of Max as the bias of a Conv of zeros");
DSPERSE_CONSTANT_LOWERING("jstprove", LowerMinBound, "lower_min_bound", "Min", kSameSum, 2,
                          "A constant of Min as the bias of a Conv of zeros");
DSPERSE_CONSTANT_LOWERING("jstprove", LowerJoin, "lower_join", "Concat", kSameSum, 2,
                          "A constant part of Concat as the bias of a Conv of zeros");

}  // namespace dsperse

#endif  // DSPERSE_FOLD_LOWERING_LOWER_CONSTANTS_H_
