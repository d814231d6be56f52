// Arithmetic on integers of which only some are known: the elements of shape tensors.
//
// A Shape whose batch is unknown still tells its other entries; Gather, Concat, Mul, … carry them on
// to the Reshape that needs them. The work is limited to integer and bool tensors of rank ≤ 1 with at
// most kMaxElements elements.
#ifndef DSPERSE_FOLD_OPS_PARTIAL_VALUES_H_
#define DSPERSE_FOLD_OPS_PARTIAL_VALUES_H_

#include "absl/types/span.h"
#include "fold/ir/graph.h"
#include "fold/ops/facts.h"

namespace dsperse {

inline constexpr int64_t kMaxElements = 1024;

// Fills `elements` of the outputs (or `value`, when all of them turn out known) of operators that
// shape arithmetic is made of: Shape, Size, Gather, Slice, Concat, Split, Squeeze, Unsqueeze, Reshape,
// Flatten, Identity, Cast, Add, Sub, Mul, Div, Mod, Min, Max, Neg, Abs, comparisons, Not, And, Or and
// Where. `outputs` have their types and shapes already; a shape that follows from the elements alone
// is filled in.
void PropagateElements(const NodeView& node, absl::Span<const Fact* const> inputs,
                       absl::Span<Fact> outputs);

// A Reshape keeps the number of elements: the one dimension of `output` that is unknown follows from
// the others and from `input`, names cancelled against names.
void CompleteReshape(const Shape& input, Shape* output);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_PARTIAL_VALUES_H_
