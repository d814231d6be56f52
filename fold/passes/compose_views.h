// compose_views: chains of operators that only rearrange become one.
//
//   Before                                       After
//   Reshape(Flatten(Unsqueeze(x)), s)            Reshape(x, s')
//   Slice(Slice(x, 0:8 of axis 2), 0:8 of axis 3)  Slice(x, 0:8 of axes 2 and 3)
//   Pad(Pad(x, p), q)                            Pad(x, p + q)
//   Concat(Concat(a, b), c)                      Concat(a, b, c)
//   Concat(Split(x))                             x
//
// Applies when
//   - a Reshape, Flatten, Squeeze, Unsqueeze, or Transpose that moves only dimensions of size 1, reads
//     another one and the dimensions of its result are known,
//     but for at most one and those that the chain's input has in the same place (`0` and `−1` are resolved
//     first);
//   - a Slice reads a Slice, all of both constant; where they share an axis, its size is known and the steps
//     are positive;
//   - a Pad reads a Pad that has no other reader, both of mode constant with the same value and pads that are
//     constant and not negative;
//   - a Concat reads a Concat on the same axis that has no other reader, or all results of a Split on its
//     axis in their order.
// Declines when
//   - two or more dimensions of the result are unknown;
//   - a bound of two Slices isn't constant, or they share an axis of unknown size or cut backwards;
//   - two Pads differ in value or mode, or crop.
// Exact: no element changes. O(nodes + uses).
#ifndef DSPERSE_FOLD_PASSES_COMPOSE_VIEWS_H_
#define DSPERSE_FOLD_PASSES_COMPOSE_VIEWS_H_

#include "fold/pass.h"

namespace dsperse {

class ComposeViews final : public Pass {
 public:
  absl::string_view name() const override { return "compose_views"; }
  absl::string_view summary() const override {
    return "Makes one operator of chains that only rearrange elements";
  }
  absl::StatusOr<bool> Run(Graph& graph, PassContext& context) const override;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_COMPOSE_VIEWS_H_
