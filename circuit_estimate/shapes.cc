#include "circuit_estimate/shapes.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"

namespace dsperse {
namespace {

using Histogram = std::map<uint64_t, Count>;

// Stretches of an axis that may overlap: where their number changes, and by how much. An axis may
// be of any length.
using Stretches = std::map<int64_t, int64_t>;

void Cover(int64_t begin, int64_t end, Stretches* stretches) {
  if (begin >= end) return;
  ++(*stretches)[begin];
  --(*stretches)[end];
}

// By the number of stretches over them: how many of the `size` elements of an axis.
Histogram Depths(absl::Span<const Stretches> all, int64_t size) {
  Histogram depths;
  int64_t bare = std::max<int64_t>(0, size);
  for (const Stretches& stretches : all) {
    int64_t from = 0, depth = 0;
    for (const auto& [at, change] : stretches) {
      if (depth > 0) {
        depths[static_cast<uint64_t>(depth)] += Count(at - from);
        bare -= at - from;
      }
      depth += change;
      from = at;
    }
  }
  if (bare > 0) depths[0] = Count(bare);
  return depths;
}

// Of a picture, from that of the axes so far and that of one more.
Histogram Cross(const Histogram& axes, const Histogram& one) {
  Histogram both;
  for (const auto& [taps, positions] : axes) {
    for (const auto& [more, times] : one) both[taps * more] += positions * times;
  }
  return both;
}

std::vector<TapCount> Listed(const Histogram& histogram) {
  std::vector<TapCount> list;
  for (const auto& [taps, positions] : histogram) list.push_back({Count(taps), positions});
  return list;
}

}  // namespace

bool MovesData(absl::string_view op_type) {
  static constexpr absl::string_view kNames[] = {
      "Cast",     "Concat", "DepthToSpace", "Dropout",   "Expand",  "Flatten",      "Gather",
      "Identity", "Pad",    "Reshape",      "Resize",    "Slice",   "SpaceToDepth", "Split",
      "Squeeze",  "Tile",   "Transpose",    "Unsqueeze", "Upsample"};
  return std::find(std::begin(kNames), std::end(kNames), op_type) != std::end(kNames);
}

Count Product(absl::Span<const int64_t> dims) {
  Count product(1);
  for (int64_t size : dims) product *= Count(size);
  return product;
}

std::vector<int64_t> KernelOf(ModelView& view, const NodeView& node) {
  std::vector<int64_t> kernel = node.Ints("kernel_shape");
  if (!kernel.empty() || !(node.Is("Conv") || node.Is("ConvTranspose"))) return kernel;
  if (const Dims* weight = view.ShapeOf(node.input(1)); weight != nullptr && weight->size() > 2) {
    kernel.assign(weight->begin() + 2, weight->end());
  }
  return kernel;
}

absl::StatusOr<Window> WindowOf(ModelView& view, const NodeView& node) {
  const Dims* in = view.ShapeOf(node.input(0));
  const std::vector<int64_t> kernel = KernelOf(view, node);
  if (in == nullptr || in->size() < 3 || kernel.size() != in->size() - 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("node '", node.name(), "': shapes of input and kernel don't fit"));
  }
  constexpr int64_t kLargest = int64_t{1} << 20;  // elements are looked at one by one
  for (const int64_t size : kernel) {
    if (size > kLargest) {
      return absl::ResourceExhaustedError(absl::StrCat("node '", node.name(), "': a kernel of ",
                                                       size, " elements on an axis, more than ",
                                                       kLargest));
    }
  }
  return ConvWindow(node, absl::MakeConstSpan(*in).subspan(2), kernel);
}

bool CeilAddsWindows(const NodeView& node, const Dims& in, const Dims& out) {
  if (node.Int("ceil_mode", 0) == 0) return false;
  const std::vector<int64_t> kernel = node.Ints("kernel_shape");
  const size_t axes = kernel.size();
  const std::vector<int64_t> strides = node.Ints("strides", std::vector<int64_t>(axes, 1));
  const std::vector<int64_t> pads = node.Ints("pads", std::vector<int64_t>(2 * axes, 0));
  if (strides.size() != axes || pads.size() != 2 * axes || in.size() != axes + 2 || out.size() != in.size()) return true;
  for (size_t i = 0; i < axes; ++i) {
    // In double: exact for all sizes that there is memory for.
    const double padding = static_cast<double>(pads[i]) + static_cast<double>(pads[i + axes]);
    const double image = static_cast<double>(in[i + 2]) + padding;
    const double last = (static_cast<double>(out[i + 2]) - 1) * static_cast<double>(strides[i]);
    if (last + static_cast<double>(kernel[i]) > image) return true;
  }
  return false;
}

Count TapsInside(const Window& window) {
  Count taps(1);
  for (int axis = 0; axis < 3; ++axis) {
    Count inside(0);
    for (int64_t k = 0; k < window.kernel[axis]; ++k) {
      const Window::Range valid = window.Valid(axis, k);
      inside += Count(std::max<int64_t>(0, valid.end - valid.begin));
    }
    taps *= inside;
  }
  return taps;
}

std::vector<TapCount> TapHistogram(const Window& window) {
  Histogram histogram{{1, Count(1)}};
  for (int axis = 0; axis < 3; ++axis) {
    Stretches positions;
    for (int64_t k = 0; k < window.kernel[axis]; ++k) {
      const Window::Range valid = window.Valid(axis, k);
      Cover(valid.begin, valid.end, &positions);
    }
    histogram = Cross(histogram, Depths({positions}, window.out[axis]));
  }
  return Listed(histogram);
}

std::vector<TapCount> CoverHistogram(const Window& window) {
  Histogram histogram{{1, Count(1)}};
  for (int axis = 0; axis < 3; ++axis) {
    // Kernel element k meets every stride-th element of a stretch: each class of elements modulo
    // the stride is looked at by itself.
    const int64_t stride = window.stride[axis];
    std::map<int64_t, Stretches> classes;
    for (int64_t k = 0; k < window.kernel[axis]; ++k) {
      const Window::Range valid = window.Valid(axis, k);
      if (valid.begin >= valid.end) continue;
      const int64_t first = window.At(axis, valid.begin, k);
      const int64_t last = window.At(axis, valid.end - 1, k);
      Cover(first / stride, last / stride + 1, &classes[first % stride]);
    }
    std::vector<Stretches> all;
    for (auto& [residue, elements] : classes) all.push_back(std::move(elements));
    histogram = Cross(histogram, Depths(all, window.in[axis]));
  }
  return Listed(histogram);
}

std::optional<MatrixProduct> MatrixProductOf(ModelView& view, const NodeView& node) {
  const Dims* a = view.ShapeOf(node.input(0));
  const Dims* b = view.ShapeOf(node.input(1));
  if (a == nullptr || b == nullptr || a->empty() || b->empty()) return std::nullopt;
  MatrixProduct product;
  if (node.Is("Gemm")) {
    if (a->size() != 2 || b->size() != 2) return std::nullopt;
    const bool across = node.Int("transA", 0) != 0;
    product.l_size = (*a)[across ? 1 : 0];
    product.m_size = (*a)[across ? 0 : 1];
    product.n_size = (*b)[node.Int("transB", 0) != 0 ? 0 : 1];
    product.batches = Count(1);
  } else {
    product.l_size = a->size() > 1 ? (*a)[a->size() - 2] : 1;
    product.m_size = a->back();
    product.n_size = b->size() > 1 ? b->back() : 1;
    product.batches = Count(1);
    const size_t ranks = std::max(a->size(), b->size());
    for (size_t i = 2; i < ranks; ++i) {  // axes before the last two, from the right
      const int64_t x = i < a->size() ? (*a)[a->size() - 1 - i] : 1;
      const int64_t y = i < b->size() ? (*b)[b->size() - 1 - i] : 1;
      product.batches *= Count(std::max(x, y));
    }
  }
  product.l = Count(product.l_size);
  product.m = Count(product.m_size);
  product.n = Count(product.n_size);
  return product;
}

int ChannelAxis(const NodeView& node, const Tensor& weight) {
  if (node.Is("Conv")) return 0;
  if (node.Is("ConvTranspose")) return 1;
  if (node.Is("Gemm") && node.Int("transB", 0) != 0) return 0;
  return weight.rank() > 1 ? weight.rank() - 1 : -1;
}

Count ReducedElements(ModelView& view, const NodeView& node) {
  const Count in = view.Elements(node.input(0));
  const Count out = view.Elements(node.output(0));
  if (out.value() == 0) return Count(0);
  return Count(in.value() / out.value());
}

bool HasScaleShift(ModelView& view, const NodeView& node) {
  int64_t channels = -1;
  for (int i = 1; i <= 4; ++i) {
    const Tensor* parameter = view.SmallConstantOf(node.input(i));
    if (parameter == nullptr || parameter->dtype() == DType::kString) return false;
    if (channels < 0) channels = parameter->num_elements();
    if (parameter->num_elements() != channels) return false;
  }
  return true;
}

std::optional<ScaleShift> ScaleShiftOf(ModelView& view, const NodeView& node) {
  std::optional<std::vector<double>> p[4];
  for (int i = 0; i < 4; ++i) {
    p[i] = view.DoublesOf(node.input(i + 1));
    if (!p[i].has_value() || p[i]->size() != p[0]->size()) return std::nullopt;
  }
  const double epsilon = node.Float("epsilon", 1e-5f);
  ScaleShift result;
  result.scale.reserve(p[0]->size());
  result.shift.reserve(p[0]->size());
  for (size_t c = 0; c < p[0]->size(); ++c) {
    const double scale = (*p[0])[c] / std::sqrt((*p[3])[c] + epsilon);
    result.scale.push_back(scale);
    result.shift.push_back((*p[1])[c] - (*p[2])[c] * scale);
  }
  return result;
}

ClipBounds ClipBoundsOf(ModelView& view, const NodeView& node) {
  ClipBounds bounds;
  if (node.HasAttr("min")) bounds.low = node.Float("min", 0);
  if (node.HasAttr("max")) bounds.high = node.Float("max", 0);
  for (int i = 1; i <= 2; ++i) {
    if (!node.input(i).valid()) continue;
    std::optional<double>& bound = i == 1 ? bounds.low : bounds.high;
    bound = view.ScalarOf(node.input(i));
    if (!bound.has_value()) {
      bounds.constant = false;
      bound = 0;
    }
  }
  return bounds;
}

Count RowElements(ModelView& view, const NodeView& node) {
  const Dims* in = view.ShapeOf(node.input(0));
  if (in == nullptr || in->empty()) return Count(1);
  const int64_t rank = static_cast<int64_t>(in->size());
  const bool softmax = node.Is("Softmax") || node.Is("LogSoftmax");
  const bool one_axis = softmax && node.opset() >= 13;
  int64_t axis = node.Int("axis", softmax && node.opset() < 13 ? 1 : -1);
  if (node.Is("InstanceNormalization")) axis = 2;
  axis = std::min(std::max<int64_t>(axis < 0 ? axis + rank : axis, 0), rank - 1);
  if (one_axis) return Count((*in)[static_cast<size_t>(axis)]);
  return Product(absl::MakeConstSpan(*in).subspan(static_cast<size_t>(axis)));
}

}  // namespace dsperse
