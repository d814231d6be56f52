// drop_unreachable_bounds: removes comparisons that never change a value within the given input ranges.
//
//   Before                                  After           where x lies in
//   y = Relu(x)                             y = x           [0, …)
//   y = Clip(x, 0, 6)                       y = Clip(x, 0)  (…, 6]
//   y = Clip(x, 0, 6)                       y = x           [0, 6]
//
// Runs only where ranges are given (`FoldOptions::input_ranges`, `--input-range`), so it is in no list of
// passes: the model then computes the same for
// inputs within these ranges, and for no others is anything said. Bounds come from interval analysis
// (fold/ops/range.h), which allows for float32 sums in any order.
// Declines when
//   - nothing is known of x, or its bound lies outside;
//   - a bound of a Clip is not a finite constant of one element;
//   - the result is an output of its block and x can't take its place (see eliminate_identity_ops).
// Exact within the ranges (±0 counts as equal). O(nodes + uses), and reads the weights before a comparison.
#ifndef DSPERSE_FOLD_PASSES_DROP_UNREACHABLE_BOUNDS_H_
#define DSPERSE_FOLD_PASSES_DROP_UNREACHABLE_BOUNDS_H_

#include "fold/ops/range.h"
#include "fold/pass.h"

namespace dsperse {

class DropUnreachableBounds final : public Pass {
 public:
  // Of the main graph's inputs; must outlive the pass.
  explicit DropUnreachableBounds(const InputRanges* ranges) : ranges_(*ranges) {}
  absl::string_view name() const override { return "drop_unreachable_bounds"; }
  absl::string_view summary() const override {
    return "Removes Relu and bounds of Clip that the given input ranges never reach";
  }
  absl::StatusOr<bool> Run(Graph& graph, PassContext& context) const override;

 private:
  const InputRanges& ranges_;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_DROP_UNREACHABLE_BOUNDS_H_
