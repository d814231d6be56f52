#include "fold/lowering/lower_conv_products.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/random_check.h"
#include "fold/passes/constants.h"

namespace dsperse {
namespace {

constexpr double kLeastSaved = 64;  // products for each element of the result
constexpr int64_t kMostColumns = int64_t{1} << 18;  // of the index: 2 MiB, which `slice` holds in memory

// A Conv over one image in the form that targets prove.
struct Image {
  int64_t channels, height, width;
  int64_t kernels, kernel_height, kernel_width;
  int64_t out_height, out_width;
  std::vector<int64_t> strides, pads;

  int64_t pixels() const { return height * width; }
  int64_t positions() const { return out_height * out_width; }
  int64_t taps() const { return kernel_height * kernel_width; }
  bool padded() const {
    return std::any_of(pads.begin(), pads.end(), [](int64_t pad) { return pad != 0; });
  }
  // Every pixel once, in order?
  bool whole() const { return taps() == 1 && !padded() && strides == std::vector<int64_t>{1, 1}; }
  ProductSizes product() const {
    return {static_cast<double>(positions()), static_cast<double>(channels * taps()), static_cast<double>(kernels)};
  }
};

std::optional<Image> ImageOf(const Graph& graph, const NodeView& node, Facts& facts) {
  const std::optional<Tensor> kernel = ConstantOf(graph, node.input(1));
  const std::optional<Dims> in = facts.StaticShape(node.input(0));
  const std::optional<Dims> out = facts.StaticShape(node.output(0));
  if (!kernel || kernel->rank() != 4 || !IsFloat(kernel->dtype()) || kernel->num_elements() < 1) return std::nullopt;
  if (!in || !out || in->size() != 4 || out->size() != 4) return std::nullopt;
  // Sizes that the file need not hold: no product of a few overflows.
  for (const Dims* dims : {&*in, &*out, &kernel->dims()}) {
    const absl::StatusOr<int64_t> elements = NumElements(*dims);
    if (!elements.ok() || *elements < 1 || *elements > (int64_t{1} << 40)) return std::nullopt;
  }
  const auto ones = [&](absl::string_view name) { return node.Ints(name, {1, 1}); };
  if (node.Int("group", 1) != 1 || ones("dilations") != std::vector<int64_t>{1, 1}) return std::nullopt;
  if (node.String("auto_pad", "NOTSET") != "NOTSET") return std::nullopt;
  const Dims& k = kernel->dims();
  Image image{(*in)[1], (*in)[2], (*in)[3], k[0], k[2], k[3], (*out)[2], (*out)[3],
              ones("strides"), node.Ints("pads", {0, 0, 0, 0})};
  if (image.channels != k[1] || (*out)[0] != (*in)[0] || (*out)[1] != k[0]) return std::nullopt;
  if (image.strides.size() != 2 || image.pads.size() != 4) return std::nullopt;
  for (size_t axis = 0; axis < 2; ++axis) {
    const int64_t size = (*in)[axis + 2], taps = k[axis + 2], stride = image.strides[axis];
    const int64_t before = image.pads[axis], after = image.pads[axis + 2];
    if (stride < 1 || before < 0 || after < 0 || before > (int64_t{1} << 40) || after > (int64_t{1} << 40)) return std::nullopt;
    if (size + before + after < taps || (size + before + after - taps) / stride + 1 != (*out)[axis + 2]) return std::nullopt;
  }
  return image;
}

// For each tap of the kernel, then each position: its pixel, or the one behind the last where it lies in the padding.
std::vector<int64_t> PixelsOf(const Image& image) {
  std::vector<int64_t> pixels;
  pixels.reserve(static_cast<size_t>(image.taps() * image.positions()));
  for (int64_t i = 0; i < image.kernel_height; ++i) {
    for (int64_t j = 0; j < image.kernel_width; ++j) {
      for (int64_t oy = 0; oy < image.out_height; ++oy) {
        const int64_t y = oy * image.strides[0] + i - image.pads[0];
        for (int64_t ox = 0; ox < image.out_width; ++ox) {
          const int64_t x = ox * image.strides[1] + j - image.pads[1];
          const bool inside = y >= 0 && y < image.height && x >= 0 && x < image.width;
          pixels.push_back(inside ? y * image.width + x : image.pixels());
        }
      }
    }
  }
  return pixels;
}

// [C·kh·kw, P]: what each position's taps read.
ValueId Patches(const Image& image, Rewriter& r) {
  const ValueId x = r.Emit("Reshape", {r.anchor().input(0), r.Ints({image.channels, image.pixels()}, "pixels_shape")}, "pixels");
  if (image.whole()) return x;
  ValueId pixels = x;
  if (image.padded()) {
    const std::vector<int64_t> column = {0, 0, 0, 1};
    pixels = r.opset() < 11 ? r.Emit("Pad", {x}, "padded", {{"pads", column}})
                            : r.Emit("Pad", {x, r.Ints(column, "padding")}, "padded");
  }
  const ValueId taps = r.Emit("Gather", {pixels, r.Ints(PixelsOf(image), "taps_index")}, "taps", {{"axis", int64_t{1}}});
  return r.Emit("Reshape", {taps, r.Ints({image.channels * image.taps(), image.positions()}, "patches_shape")}, "patches");
}

}  // namespace

bool LowerConvProducts::Wanted(const Graph&, const NodeView&, const Target& target) const {
  return target.checks_products();
}

std::string LowerConvProducts::WhyNotIn(const Graph& graph) const {
  for (NodeId id : graph.AllNodes()) {
    if (graph.node(id).Is("Resize") || graph.node(id).Is("Upsample")) return "the network resizes images";
  }
  return "";
}

absl::StatusOr<Matched<Rewrite>> LowerConvProducts::Match(const Graph& graph, const NodeView& node,
                                                          Facts& facts) const {
  const std::optional<Image> image = ImageOf(graph, node, facts);
  if (!image) return NoMatch<Rewrite>();
  const ProductSizes sizes = image->product();
  const double saved = ComputedProducts(sizes) - CheckedProducts(sizes);
  if (!IsChecked(sizes) || saved < kLeastSaved * sizes.l * sizes.n) return NoMatch<Rewrite>();
  const std::optional<Tensor> bias = ConstantOf(graph, node.input(2));
  if (node.input(2).valid() && (!bias || bias->dims() != Dims{image->kernels})) return NoMatch<Rewrite>("its bias is no constant vector");
  if ((*facts.StaticShape(node.input(0)))[0] != 1) return NoMatch<Rewrite>("its batch holds more than one image");
  if (node.opset() < 7) return NoMatch<Rewrite>(absl::StrCat("Gemm broadcasts C from opset 7 on, the model has ", node.opset()));
  if (image->taps() > kMostColumns / image->positions()) {
    return NoMatch<Rewrite>("its patches would have an index of more than 2^18 columns");
  }
  const Tensor kernel = *ConstantOf(graph, node.input(1));
  DSPERSE_ASSIGN_OR_RETURN(const Tensor weights, kernel.WithDims({image->kernels, image->channels * image->taps()}));
  std::optional<Tensor> c = bias;
  if (!c) {
    const std::string zero(static_cast<size_t>(BitWidth(kernel.dtype()) / 8), '\0');
    DSPERSE_ASSIGN_OR_RETURN(c, Tensor::Uniform(kernel.dtype(), {image->kernels}, zero));
  }
  const std::string text = absl::StrCat("written as Gemm: ", static_cast<int64_t>(ComputedProducts(sizes)), " products checked by ",
                                        static_cast<int64_t>(CheckedProducts(sizes)));
  return dsperse::Match(Rewrite{text, [=](Rewriter& r) {
    const ValueId patches = Patches(*image, r);
    const ValueId product = r.Emit("Gemm", {patches, r.Constant(weights, "matrix"), r.Constant(*c, "vector")}, "product",
                                   {{"transA", int64_t{1}}, {"transB", int64_t{1}}});
    const ValueId channels = r.Emit("Transpose", {product}, "channels", {{"perm", std::vector<int64_t>{1, 0}}});
    r.Replace("Reshape", {channels, r.Ints({1, image->kernels, image->out_height, image->out_width}, "image_shape")});
  }});
}

}  // namespace dsperse
