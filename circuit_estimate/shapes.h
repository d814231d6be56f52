// Small questions about nodes that several backends ask.
#ifndef DSPERSE_CIRCUIT_ESTIMATE_SHAPES_H_
#define DSPERSE_CIRCUIT_ESTIMATE_SHAPES_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "circuit_estimate/count.h"
#include "circuit_estimate/model_view.h"
#include "fold/ir/graph.h"
#include "fold/ops/window.h"

namespace dsperse {

// Only rearranges, repeats or drops elements (by name, default domain).
bool MovesData(absl::string_view op_type);

Count Product(absl::Span<const int64_t> dims);

// Kernel of a Conv or pool node: the attribute, or the spatial dims of the weight (input 1).
std::vector<int64_t> KernelOf(ModelView& view, const NodeView& node);
// The window of a Conv or pool with its kernel and the shape of its input.
absl::StatusOr<Window> WindowOf(ModelView& view, const NodeView& node);
// Whether a pool's ceil_mode adds windows that reach over the padded end of the image.
bool CeilAddsWindows(const NodeView& node, const Dims& in, const Dims& out);
// Kernel elements that lie inside the picture, summed over all positions of one channel.
Count TapsInside(const Window& window);
// How many positions have so many taps, or elements so many windows.
struct TapCount {
  Count taps;
  Count positions;
};
// For each number of taps inside (0 … kernel), how many positions of one channel have it.
// O(kernel log kernel) per axis; the numbers of several axes multiply.
std::vector<TapCount> TapHistogram(const Window& window);
// For each number of windows that cover an element of the picture, how many elements of one channel have it.
// O(kernel log kernel) per axis.
std::vector<TapCount> CoverHistogram(const Window& window);

// Gemm or MatMul as batches of an [l, m] × [m, n] product.
struct MatrixProduct {
  Count batches;
  Count l;
  Count m;
  Count n;
  int64_t l_size = 1;
  int64_t m_size = 1;
  int64_t n_size = 1;
};
// Empty when a shape isn't known or doesn't fit.
std::optional<MatrixProduct> MatrixProductOf(ModelView& view, const NodeView& node);

// The axis of a constant operand that holds the output channels: Conv 0, ConvTranspose 1, Gemm and
// MatMul the columns.
int ChannelAxis(const NodeView& node, const Tensor& weight);

// Elements that one output of a reduction reads: elements of the input / elements of the output.
Count ReducedElements(ModelView& view, const NodeView& node);

// Scale and shift of a BatchNormalization with constant parameters: s = γ/√(var+ε), β − μ·s.
struct ScaleShift {
  std::vector<double> scale;
  std::vector<double> shift;
};
std::optional<ScaleShift> ScaleShiftOf(ModelView& view, const NodeView& node);
// Whether they exist, without reading the parameters.
bool HasScaleShift(ModelView& view, const NodeView& node);

// Bounds of a Clip, from attributes (opset < 11) or inputs; nullopt: none. `constant` is false when
// a bound is computed.
struct ClipBounds {
  std::optional<double> low;
  std::optional<double> high;
  bool constant = true;
};
ClipBounds ClipBoundsOf(ModelView& view, const NodeView& node);

// The normalized size of a row (LayerNormalization, Softmax): elements from `axis` on, or of the
// one axis (Softmax since opset 13).
Count RowElements(ModelView& view, const NodeView& node);

}  // namespace dsperse

#endif  // DSPERSE_CIRCUIT_ESTIMATE_SHAPES_H_
