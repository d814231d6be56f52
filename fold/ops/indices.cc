#include "fold/ops/indices.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/eval_util.h"
#include "fold/ops/strided.h"

namespace dsperse {
namespace {

absl::StatusOr<int64_t> InRange(const NodeView& node, int64_t index, int64_t dim) {
  if (index < -dim || index >= dim) {
    return InvalidNode(node, absl::StrCat("index ", index, " on an axis of ", dim, " elements"));
  }
  return index < 0 ? index + dim : index;
}

}  // namespace

absl::Status NormalizeIndices(const NodeView& node, int64_t dim, absl::Span<int64_t> indices) {
  for (int64_t& index : indices) {
    DSPERSE_ASSIGN_OR_RETURN(index, InRange(node, index, dim));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<int64_t>> ElementPlaces(const NodeView& node, const Dims& data,
                                                   const Tensor& indices, int axis) {
  const Dims& dims = indices.dims();
  bool fits = dims.size() == data.size();
  for (size_t i = 0; fits && i < dims.size(); ++i) {
    fits = static_cast<int>(i) == axis || dims[i] <= data[i];
  }
  if (!fits) {
    return InvalidNode(node, absl::StrCat("indices ", DimsToString(dims), " for data ",
                                          DimsToString(data)));
  }
  DSPERSE_ASSIGN_OR_RETURN(std::vector<int64_t> places, IntsOf(node, indices, "indices"));
  const Dims strides = RowMajorStrides(data);
  Dims at(dims.size(), 0);
  for (int64_t& place : places) {
    DSPERSE_ASSIGN_OR_RETURN(const int64_t index, InRange(node, place, data[axis]));
    place = index * strides[axis];
    for (size_t k = 0; k < at.size(); ++k) {
      if (static_cast<int>(k) != axis) place += at[k] * strides[k];
    }
    for (size_t k = at.size(); k-- > 0;) {
      if (++at[k] < dims[k]) break;
      at[k] = 0;
    }
  }
  return places;
}

absl::StatusOr<SlicePlaces> FindSlices(const NodeView& node, const Dims& data, const Tensor& indices,
                                       int64_t batch_dims, int64_t max_elements) {
  const Dims& dims = indices.dims();
  const int64_t rank = static_cast<int64_t>(data.size());
  const int64_t index_rank = static_cast<int64_t>(dims.size());
  bool fits = batch_dims >= 0 && batch_dims < std::min(rank, index_rank) &&
              dims.back() >= (batch_dims > 0 ? 1 : 0) && dims.back() <= rank - batch_dims;
  for (int64_t i = 0; fits && i < batch_dims; ++i) fits = dims[i] == data[i];
  if (!fits) {
    return InvalidNode(node, absl::StrCat("indices ", DimsToString(dims), " for data ",
                                          DimsToString(data), " with batch_dims ", batch_dims));
  }
  const int64_t depth = dims.back();
  SlicePlaces slices;
  slices.slice_dims.assign(data.begin() + batch_dims + depth, data.end());
  DSPERSE_ASSIGN_OR_RETURN(slices.slice_size, NumElements(slices.slice_dims));
  DSPERSE_ASSIGN_OR_RETURN(const int64_t count, NumElements(absl::MakeConstSpan(dims).first(dims.size() - 1)));
  DSPERSE_ASSIGN_OR_RETURN(const int64_t batches, NumElements(absl::MakeConstSpan(dims).first(static_cast<size_t>(batch_dims))));
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<int64_t> values, IntsOf(node, indices, "indices"));
  if (slices.slice_size == 0) return slices;  // nothing to move, wherever it would be
  if (count > max_elements / slices.slice_size) {
    return absl::ResourceExhaustedError(absl::StrCat(DescribeNode(node), ": ", count, " slices of ", slices.slice_size,
                                                     " elements, more than ", max_elements, " in all"));
  }
  const Dims strides = RowMajorStrides(data);
  const int64_t batch_size = batch_dims > 0 ? strides[batch_dims - 1] : 0;
  slices.places.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    int64_t place = batches > 0 ? i / (count / batches) * batch_size : 0;
    for (int64_t k = 0; k < depth; ++k) {
      DSPERSE_ASSIGN_OR_RETURN(const int64_t index,
                               InRange(node, values[i * depth + k], data[batch_dims + k]));
      place += index * strides[batch_dims + k];
    }
    slices.places.push_back(place);
  }
  return slices;
}

}  // namespace dsperse
