// A constant that is read at two powers of the target's scale, as one constant for each.
//
//   LayerNormalization(x, ones, ones) → LayerNormalization(x, ones, ones_bias)     same
//
// JSTprove scales weights once and biases twice, and keeps constants by name (fixed_point.h): one that is the bias of a
// Conv and the scale of a LayerNormalization was, in one of the two, 2^18 times too large or too small. Constants of
// zeros are the same at any scale and stay shared; eliminate_duplicate_constants keeps the parts apart.
//
// Applies to initializers of the main graph, with a target; the readers at the power of the first keep it. The parts
// share its payload until they are written. Linear in uses.
#ifndef DSPERSE_FOLD_LOWERING_LOWER_SHARED_SCALES_H_
#define DSPERSE_FOLD_LOWERING_LOWER_SHARED_SCALES_H_

#include "fold/pass.h"

namespace dsperse {

class LowerSharedScales final : public Pass {
 public:
  absl::string_view name() const override { return "lower_shared_scales"; }
  absl::string_view summary() const override { return "Constants that enter circuits at two scales, one for each"; }
  int phase() const override { return 2; }
  absl::StatusOr<bool> Run(Graph& graph, PassContext& context) const override;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_LOWERING_LOWER_SHARED_SCALES_H_
