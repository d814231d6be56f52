// The geometry that convolutions and poolings share: a window that slides over up to three spatial axes.
//
// Formulas: ONNX operator specifications of Conv, ConvTranspose and the pools. With k' = (k − 1)·d + 1
// (the dilated kernel), a Conv or pool has floor((in + pads − k') / stride) + 1 positions; with ceil_mode
// the quotient is rounded up, and a last window that would start in the padding at the end is dropped.
#ifndef DSPERSE_FOLD_OPS_WINDOW_H_
#define DSPERSE_FOLD_OPS_WINDOW_H_

#include <array>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "fold/ir/graph.h"

namespace dsperse {

// Arrays are D, H, W; a tensor with fewer spatial axes has leading ones (a kernel of 1, no padding).
struct Window {
  using Axes = std::array<int64_t, 3>;

  int rank = 0;  // number of real spatial axes, at the end of each array
  Axes in{1, 1, 1};
  Axes out{1, 1, 1};
  Axes kernel{1, 1, 1};
  Axes stride{1, 1, 1};
  Axes dilation{1, 1, 1};
  Axes pad_begin{0, 0, 0};
  Axes pad_end{0, 0, 0};

  int64_t in_size() const { return in[0] * in[1] * in[2]; }
  int64_t out_size() const { return out[0] * out[1] * out[2]; }
  int64_t kernel_size() const { return kernel[0] * kernel[1] * kernel[2]; }

  // Index on axis `a` of the input that kernel element `k` meets at output position `o`; may lie outside.
  int64_t At(int a, int64_t o, int64_t k) const {
    return o * stride[a] - pad_begin[a] + k * dilation[a];
  }
  // Output positions [begin, end) at which kernel element `k` of axis `a` meets the input.
  struct Range {
    int64_t begin;
    int64_t end;
  };
  Range Valid(int a, int64_t k) const;

  // The window has one element, doesn't skip, and nothing is padded: out[i] = f(in[i]).
  bool IsPointwise() const;
  // `dims` of a tensor [n, channels, out…] with the real spatial axes.
  Dims OutputDims(int64_t n, int64_t channels) const;
};

// Window of a Conv or pool node (attributes strides, dilations, pads, auto_pad, ceil_mode) over
// `spatial` with `kernel`, both of the same rank 1 to 3. Errors: InvalidArgument for lists of the wrong
// length, strides or dilations below 1, negative pads, and a kernel larger than the padded input;
// Unimplemented for more than three spatial axes.
absl::StatusOr<Window> ConvWindow(const NodeView& node, absl::Span<const int64_t> spatial,
                                  absl::Span<const int64_t> kernel);

// Window of a ConvTranspose node (output_padding, output_shape too), seen from its output: `in` is the
// node's output and `out` its input, so that At() tells where an element of the input is scattered.
absl::StatusOr<Window> ConvTransposeWindow(const NodeView& node, absl::Span<const int64_t> spatial,
                                           absl::Span<const int64_t> kernel);

// ResourceExhausted when a node would take more than a stated number of multiplications or
// comparisons (2^34 in exact mode, 2^40 in the interpreter): `elements` outputs, `each` steps apiece.
struct EvalContext;
absl::Status CheckOperations(const EvalContext& context, const NodeView& node, int64_t elements,
                             int64_t each);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_WINDOW_H_
