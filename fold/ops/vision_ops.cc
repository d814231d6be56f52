// Operators of detection and warping heads: GridSample, NonMaxSuppression, Col2Im. For the interpreter
// only: no constant of a model comes out of them.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/conv_kernels.h"
#include "fold/ops/element_reader.h"
#include "fold/ops/eval_util.h"
#include "fold/ops/families.h"

namespace dsperse {
namespace {

// ---- GridSample ----

enum class Sampling { kNearest, kLinear, kCubic };
enum class Padding { kZeros, kBorder, kReflection };

struct Sampler {
  Sampling sampling;
  Padding padding;
  bool align_corners;

  double Low() const { return align_corners ? 0 : -0.5; }
  double High(int64_t size) const { return static_cast<double>(size) - (align_corners ? 1 : 0.5); }
  // Mirrored at the ends until it lies between them.
  double Reflect(double v, int64_t size) const {
    const double low = Low();
    const double range = High(size) - low;
    if (range <= 0) return 0;
    const double away = v < low ? low - v : v - High(size);
    if (away <= 0) return v;
    const double turns = std::floor(away / range);
    const double rest = away - turns * range;
    const bool from_low = (v < low) == (std::fmod(turns, 2) == 0);
    return from_low ? low + rest : High(size) - rest;
  }
  // The element that a tap at `i` reads, or −1 for a zero.
  int64_t Element(double i, int64_t size) const {
    switch (padding) {
      case Padding::kZeros: return i >= 0 && i < static_cast<double>(size) ? static_cast<int64_t>(i) : -1;
      case Padding::kBorder: break;
      case Padding::kReflection: i = std::trunc(Reflect(i, size));
    }
    return static_cast<int64_t>(std::clamp(i, 0.0, static_cast<double>(size - 1)));
  }
};

struct Tap {
  int64_t element;
  double weight;
};
using Taps = absl::InlinedVector<Tap, 4>;

// Cubic convolution (Keys, 1981) with a = −0.75, as PyTorch has it.
std::array<double, 4> CubicWeights(double x) {
  constexpr double a = -0.75;
  const auto outer = [](double t) { return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a; };
  const auto inner = [](double t) { return ((a + 2) * t - (a + 3)) * t * t + 1; };
  return {outer(x + 1), inner(x), inner(1 - x), outer(2 - x)};
}

// What is read along one axis of `size` elements for a coordinate in −1 … 1.
Taps TapsAt(const Sampler& sampler, double coordinate, int64_t size) {
  const auto n = static_cast<double>(size);
  double v = sampler.align_corners ? (coordinate + 1) / 2 * (n - 1) : ((coordinate + 1) * n - 1) / 2;
  v = std::clamp(v, -1e15, 1e15);
  if (sampler.sampling == Sampling::kNearest) v = std::nearbyint(v);
  if (v < sampler.Low() || v > sampler.High(size)) {
    if (sampler.padding == Padding::kBorder) v = std::clamp(v, 0.0, n - 1);
    if (sampler.padding == Padding::kReflection) v = sampler.Reflect(v, size);
  }
  Taps taps;
  const double base = std::floor(v);
  switch (sampler.sampling) {
    case Sampling::kNearest: taps.push_back({sampler.Element(std::trunc(v), size), 1}); break;
    case Sampling::kLinear:
      taps.push_back({sampler.Element(base, size), 1 - (v - base)});
      taps.push_back({sampler.Element(base + 1, size), v - base});
      break;
    case Sampling::kCubic: {
      const std::array<double, 4> weights = CubicWeights(v - base);
      for (int i = 0; i < 4; ++i) taps.push_back({sampler.Element(base - 1 + i, size), weights[static_cast<size_t>(i)]});
    }
  }
  return taps;
}

absl::StatusOr<Sampler> ReadSampler(const NodeView& node, int spatial) {
  Sampler sampler;
  const std::string mode = node.String("mode", node.opset() < 20 ? "bilinear" : "linear");
  if (mode == "nearest") {
    sampler.sampling = Sampling::kNearest;
  } else if (mode == "linear" || mode == "bilinear") {
    sampler.sampling = Sampling::kLinear;
  } else if (mode == "cubic" || mode == "bicubic") {
    sampler.sampling = Sampling::kCubic;
  } else {
    return InvalidNode(node, absl::StrCat("mode \"", mode, "\" is unknown"));
  }
  if (sampler.sampling == Sampling::kCubic && spatial != 2) {
    return InvalidNode(node, absl::StrCat("mode \"cubic\" over ", spatial, " axes"));
  }
  const std::string padding = node.String("padding_mode", "zeros");
  if (padding == "zeros") {
    sampler.padding = Padding::kZeros;
  } else if (padding == "border") {
    sampler.padding = Padding::kBorder;
  } else if (padding == "reflection") {
    sampler.padding = Padding::kReflection;
  } else {
    return InvalidNode(node, absl::StrCat("padding_mode \"", padding, "\" is unknown"));
  }
  sampler.align_corners = node.Int("align_corners", 0) != 0;
  return sampler;
}

absl::StatusOr<Outputs> GridSample(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 2));
  const Tensor& x = *inputs[0];
  const Tensor& grid = *inputs[1];
  const int spatial = x.rank() - 2;
  if (spatial < 1 || grid.rank() != x.rank() || grid.dims()[0] != x.dims()[0] || grid.dims().back() != spatial) {
    return InvalidNode(node, absl::StrCat("input ", DimsToString(x.dims()), ", grid ", DimsToString(grid.dims())));
  }
  if (!IsFloat(x.dtype()) || !IsFloat(grid.dtype())) return UnsupportedType(node, x.dtype());
  DSPERSE_ASSIGN_OR_RETURN(const Sampler sampler, ReadSampler(node, spatial));
  Dims dims = {x.dims()[0], x.dims()[1]};
  for (int i = 1; i <= spatial; ++i) dims.push_back(grid.dims()[static_cast<size_t>(i)]);
  DSPERSE_ASSIGN_OR_RETURN(const int64_t elements, NumElements(dims));
  const int64_t image = ProductOf(x.dims(), 2, x.rank());
  if (elements > 0 && image == 0) return InvalidNode(node, absl::StrCat("an image of ", DimsToString(x.dims())));
  if (spatial > 8) return Unsupported(node, x.dtype(), absl::StrCat(spatial, " spatial axes"));
  DSPERSE_RETURN_IF_ERROR(CheckOperations(context, node, elements, int64_t{1} << (2 * spatial)));
  const int64_t points = ProductOf(dims, 2, static_cast<int>(dims.size()));
  const int64_t channels = dims[1];
  const ElementReader read_grid(grid);
  const ElementReader read(x);
  return DispatchFloats(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        T* out = nullptr;
        DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<T>(context, dims, &out));
        if (elements == 0) return Single(std::move(result));
        std::vector<std::pair<int64_t, double>> reads;  // element of an image (−1: zero), weight
        for (int64_t n = 0; n < dims[0]; ++n) {
          for (int64_t p = 0; p < points; ++p) {
            reads.assign(1, {0, 1.0});
            for (int axis = 0; axis < spatial; ++axis) {
              // The last coordinate is that of the first spatial axis.
              const double coordinate = read_grid((n * points + p) * spatial + spatial - 1 - axis);
              if (std::isnan(coordinate)) return InvalidNode(node, "a coordinate is NaN");
              const int64_t size = x.dims()[static_cast<size_t>(axis + 2)];
              std::vector<std::pair<int64_t, double>> next;
              const Taps taps = TapsAt(sampler, coordinate, size);
              for (const auto& [at, weight] : reads) {
                for (const Tap& tap : taps) {
                  const bool zero = at < 0 || tap.element < 0;
                  next.emplace_back(zero ? -1 : at * size + tap.element, weight * tap.weight);
                }
              }
              reads = std::move(next);
            }
            for (int64_t c = 0; c < channels; ++c) {
              const int64_t plane = n * channels + c;
              double sum = 0;
              for (const auto& [at, weight] : reads) {
                if (at >= 0) sum += weight * read(plane * image + at);
              }
              out[plane * points + p] = static_cast<T>(sum);
            }
          }
        }
        return Single(std::move(result));
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
}

// ---- NonMaxSuppression ----

// In float, operation by operation, as the threshold is compared with a float.
struct Box {
  float x_low, x_high, y_low, y_high;
  float Area() const { return (x_high - x_low) * (y_high - y_low); }
};

Box ReadBox(const float* box, bool centred) {
  if (centred) {
    const float width = box[2] / 2;
    const float height = box[3] / 2;
    return {box[0] - width, box[0] + width, box[1] - height, box[1] + height};
  }
  return {std::min(box[1], box[3]), std::max(box[1], box[3]), std::min(box[0], box[2]), std::max(box[0], box[2])};
}

bool Overlap(const Box& a, const Box& b, float threshold) {
  const float width = std::min(a.x_high, b.x_high) - std::max(a.x_low, b.x_low);
  const float height = std::min(a.y_high, b.y_high) - std::max(a.y_low, b.y_low);
  if (width <= 0 || height <= 0) return false;
  const float both = width * height;
  const float either = a.Area() + b.Area() - both;
  if (both <= 0 || a.Area() <= 0 || b.Area() <= 0 || either <= 0) return false;
  return both / either > threshold;
}

absl::StatusOr<float> Threshold(const NodeView& node, const Tensor* tensor, float fallback) {
  if (tensor == nullptr) return fallback;
  if (tensor->dtype() != DType::kFloat || tensor->num_elements() != 1) {
    return InvalidNode(node, absl::StrCat("a threshold of ", DTypeName(tensor->dtype()), DimsToString(tensor->dims())));
  }
  return tensor->data<float>()[0];
}

absl::StatusOr<Outputs> NonMaxSuppression(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 2));
  const Tensor& boxes = *inputs[0];
  const Tensor& scores = *inputs[1];
  if (boxes.dtype() != DType::kFloat || scores.dtype() != DType::kFloat) return UnsupportedType(node, boxes.dtype());
  if (boxes.rank() != 3 || scores.rank() != 3 || boxes.dims()[2] != 4 || boxes.dims()[0] != scores.dims()[0] ||
      boxes.dims()[1] != scores.dims()[2]) {
    return InvalidNode(node, absl::StrCat("boxes ", DimsToString(boxes.dims()), ", scores ", DimsToString(scores.dims())));
  }
  int64_t limit = 0;
  if (const Tensor* most = InputAt(inputs, 2)) {
    DSPERSE_ASSIGN_OR_RETURN(limit, IntOf(node, *most, "max_output_boxes_per_class"));
  }
  DSPERSE_ASSIGN_OR_RETURN(const float iou, Threshold(node, InputAt(inputs, 3), 0));
  DSPERSE_ASSIGN_OR_RETURN(const float least, Threshold(node, InputAt(inputs, 4), 0));
  const bool filtered = InputAt(inputs, 4) != nullptr;
  const bool centred = node.Int("center_point_box", 0) != 0;
  const int64_t count = boxes.dims()[1];
  const int64_t classes = scores.dims()[1];
  DSPERSE_RETURN_IF_ERROR(CheckOperations(context, node, scores.num_elements(), std::clamp<int64_t>(limit, 1, count + 1)));
  for (float score : scores.data<float>()) {
    if (std::isnan(score)) return InvalidNode(node, "a score is NaN");
  }
  std::vector<int64_t> chosen;
  if (scores.num_elements() == 0) return Single(Tensor::Of<int64_t>({0, 3}, chosen));
  std::vector<int64_t> order(static_cast<size_t>(count));
  for (int64_t n = 0; n < boxes.dims()[0]; ++n) {
    const float* corners = boxes.data<float>().data() + n * count * 4;
    for (int64_t c = 0; c < classes; ++c) {
      const float* score = scores.data<float>().data() + (n * classes + c) * count;
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), [score](int64_t a, int64_t b) { return score[a] > score[b]; });
      std::vector<Box> kept;
      for (int64_t i : order) {
        if (static_cast<int64_t>(kept.size()) >= limit) break;
        if (filtered && !(score[i] > least)) break;
        const Box box = ReadBox(corners + 4 * i, centred);
        if (std::any_of(kept.begin(), kept.end(), [&](const Box& other) { return Overlap(box, other, iou); })) continue;
        kept.push_back(box);
        chosen.insert(chosen.end(), {n, c, i});
      }
    }
  }
  return Single(Tensor::Of<int64_t>({static_cast<int64_t>(chosen.size()) / 3, 3}, chosen));
}

// ---- Col2Im ----

absl::StatusOr<Outputs> Col2Im(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 3));
  const Tensor& x = *inputs[0];
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<int64_t> image, IntsOf(node, *inputs[1], "image_shape"));
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<int64_t> block, IntsOf(node, *inputs[2], "block_shape"));
  const size_t spatial = image.size();
  const std::vector<int64_t> ones(spatial, 1);
  const std::vector<int64_t> dilations = node.Ints("dilations", ones);
  const std::vector<int64_t> strides = node.Ints("strides", ones);
  const std::vector<int64_t> pads = node.Ints("pads", std::vector<int64_t>(2 * spatial, 0));
  const auto wrong = [&] {
    return InvalidNode(node, absl::StrCat("input ", DimsToString(x.dims()), ", image ", DimsToString(image),
                                          ", block ", DimsToString(block)));
  };
  if (x.rank() != 3 || spatial == 0 || block.size() != spatial || dilations.size() != spatial ||
      strides.size() != spatial || pads.size() != 2 * spatial) {
    return wrong();
  }
  // All numbers small enough that no product below leaves 64 bits.
  constexpr int64_t kLimit = int64_t{1} << 24;
  std::vector<int64_t> places(spatial);
  for (size_t d = 0; d < spatial; ++d) {
    for (int64_t v : {image[d], block[d], dilations[d], strides[d]}) {
      if (v < 1 || v > kLimit) return wrong();
    }
    if (pads[d] < 0 || pads[d + spatial] < 0 || pads[d] > kLimit || pads[d + spatial] > kLimit) return wrong();
    const int64_t room = image[d] + pads[d] + pads[d + spatial] - dilations[d] * (block[d] - 1) - 1;
    if (room < 0) return wrong();
    places[d] = room / strides[d] + 1;
  }
  const absl::StatusOr<int64_t> block_size = NumElements(block);
  const absl::StatusOr<int64_t> place_count = NumElements(places);
  if (!block_size.ok() || !place_count.ok() || x.dims()[1] % *block_size != 0 || x.dims()[2] != *place_count) {
    return wrong();
  }
  const int64_t channels = x.dims()[1] / *block_size;
  Dims dims = {x.dims()[0], channels};
  dims.insert(dims.end(), image.begin(), image.end());
  DSPERSE_ASSIGN_OR_RETURN(const int64_t elements, NumElements(dims));
  DSPERSE_RETURN_IF_ERROR(CheckOperations(context, node, x.num_elements(), static_cast<int64_t>(spatial)));
  if (elements > context.max_output_bytes / 8) {
    return absl::ResourceExhaustedError(absl::StrCat(DescribeNode(node), ": an image of ", DimsToString(dims),
                                                     " needs more than the ", context.max_output_bytes,
                                                     " bytes allowed"));
  }
  if (!IsFloat(x.dtype())) return UnsupportedType(node, x.dtype());
  const int64_t image_size = ProductOf(dims, 2, static_cast<int>(dims.size()));
  std::vector<double> sums(static_cast<size_t>(elements), 0.0);
  const ElementReader read(x);
  for (int64_t i = 0; i < x.num_elements(); ++i) {
    int64_t place = i % *place_count;
    int64_t element = i / *place_count % *block_size;
    const int64_t plane = i / (*place_count * *block_size);
    int64_t at = 0;
    int64_t step = 1;
    bool inside = true;
    for (size_t d = spatial; d-- > 0;) {
      const int64_t v = place % places[d] * strides[d] + element % block[d] * dilations[d] - pads[d];
      place /= places[d];
      element /= block[d];
      inside = inside && v >= 0 && v < image[d];
      at += v * step;
      step *= image[d];
    }
    if (inside) sums[static_cast<size_t>(plane * image_size + at)] += read(i);
  }
  return DispatchFloats(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        T* out = nullptr;
        DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<T>(context, dims, &out));
        for (size_t i = 0; i < sums.size(); ++i) out[i] = static_cast<T>(sums[i]);
        return Single(std::move(result));
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
}

}  // namespace

void AppendVisionOps(std::vector<OpDef>* rows) {
  const auto add = [rows](absl::string_view op_type, int64_t since, EvaluateFn evaluate) {
    AddRow(rows, op_type, since, evaluate).foldable = false;
  };
  add("Col2Im", 18, &Col2Im);
  add("GridSample", 16, &GridSample);
  add("NonMaxSuppression", 10, &NonMaxSuppression);
}

}  // namespace dsperse
