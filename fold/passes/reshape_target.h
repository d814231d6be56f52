// How to say a shape to a Reshape.
#ifndef DSPERSE_FOLD_PASSES_RESHAPE_TARGET_H_
#define DSPERSE_FOLD_PASSES_RESHAPE_TARGET_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "fold/ir/shape.h"
#include "fold/passes/match.h"

namespace dsperse {

// The shape input that makes a Reshape (allowzero = 0) of a value of shape `from` give dimensions `to`: known
// ones as they are, 0 where it is the input's in the same place, −1 for at most one other. No match, with the
// reason, where that can't be said.
Matched<std::vector<int64_t>> ReshapeTarget(const Shape& from, absl::Span<const Dim> to);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_RESHAPE_TARGET_H_
