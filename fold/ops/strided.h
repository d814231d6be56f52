// Moving elements without looking at them: every operator that only rearranges comes down to these.
//
// Elements are moved by their width in bytes, never by their type, so float16, bool and float8 tensors
// need no code of their own and nothing can be rounded on the way.
#ifndef DSPERSE_FOLD_OPS_STRIDED_H_
#define DSPERSE_FOLD_OPS_STRIDED_H_

#include <cstdint>
#include <string>
#include <type_traits>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "fold/ir/graph.h"
#include "fold/ir/tensor.h"
#include "fold/ops/op.h"

namespace dsperse {

// Bytes of one element: 1, 2, 4, 8 or 16; 0 for types that can't be moved byte by byte (strings and
// the packed 4-bit types).
int64_t MovableWidth(DType type);

// Row-major strides, in elements. The product of `dims` must fit 63 bits.
Dims RowMajorStrides(absl::Span<const int64_t> dims);

// A zeroed buffer for `dims` elements of `width` bytes. ResourceExhausted beyond `max_bytes`,
// InvalidArgument for a count that doesn't fit 63 bits.
absl::StatusOr<std::string> MakeBytes(absl::Span<const int64_t> dims, int64_t width,
                                      int64_t max_bytes);

// dst[i0, i1, …] = src[offset + Σ i·strides[k]], dst row-major over `dims`, strides in elements
// (zero repeats, negative reverses). All addressed elements must exist. O(product of dims), and whole
// runs are copied where the innermost strides allow it.
void CopyStrided(const char* src, int64_t offset, absl::Span<const int64_t> dims,
                 absl::Span<const int64_t> strides, int64_t width, char* dst);

// The same from a tensor of any payload into a new one of shape `dims`. A uniform source gives a uniform
// result; others are loaded. Unimplemented for strings and packed types.
absl::StatusOr<Tensor> TakeStrided(const EvalContext& context, const NodeView& node,
                                   const Tensor& source, int64_t offset, Dims dims,
                                   absl::Span<const int64_t> strides);

// MovableWidth of the tensor's type; Unimplemented, naming the node, where it is 0.
absl::StatusOr<int64_t> RequireMovable(const NodeView& node, const Tensor& tensor);

// Calls `f` with an integral constant of the width, so that loops over elements are compiled per width.
template <typename F>
void DispatchWidth(int64_t width, F&& f) {
  switch (width) {
    case 1: f(std::integral_constant<int, 1>{}); break;
    case 2: f(std::integral_constant<int, 2>{}); break;
    case 4: f(std::integral_constant<int, 4>{}); break;
    case 8: f(std::integral_constant<int, 8>{}); break;
    default: f(std::integral_constant<int, 16>{}); break;
  }
}

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_STRIDED_H_
