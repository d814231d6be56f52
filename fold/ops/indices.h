// Tensors of indices, as the Gather and Scatter operators read them.
//
// Every function checks every index: InvalidArgument, with the index and the axis, for one out of range.
// Negative indices count from the end.
#ifndef DSPERSE_FOLD_OPS_INDICES_H_
#define DSPERSE_FOLD_OPS_INDICES_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "fold/ir/graph.h"
#include "fold/ir/tensor.h"

namespace dsperse {

// Brings indices into [0, dim).
absl::Status NormalizeIndices(const NodeView& node, int64_t dim, absl::Span<int64_t> indices);

// GatherElements, ScatterElements: for each element of `indices` (row-major) the place, in a tensor of
// shape `data`, of the element with the same coordinates but indices[…] on `axis`. The ranks must be
// equal, and no other axis of `indices` longer than that of `data`.
absl::StatusOr<std::vector<int64_t>> ElementPlaces(const NodeView& node, const Dims& data,
                                                   const Tensor& indices, int axis);

// GatherND, ScatterND: each row along the last axis of `indices` names a slice of the data.
struct SlicePlaces {
  std::vector<int64_t> places;  // where each slice starts, in elements
  Dims slice_dims;
  int64_t slice_size = 1;
};
// ResourceExhausted where the slices hold more than `max_elements` in all: a row of no index names the whole data, and
// takes no place itself.
absl::StatusOr<SlicePlaces> FindSlices(const NodeView& node, const Dims& data, const Tensor& indices,
                                       int64_t batch_dims, int64_t max_elements);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_INDICES_H_
