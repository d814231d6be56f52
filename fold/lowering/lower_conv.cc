#include "fold/lowering/lower_conv.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/lowering/precision.h"
#include "fold/passes/constants.h"

namespace dsperse {
namespace {

struct ConvShape {
  Tensor kernel;               // [M, C/group, k…]
  std::vector<int64_t> sizes;  // k…
  int axes = 0;
};

// The Conv's kernel, if it is constant and fits the input's rank.
Matched<ConvShape> KernelOf(const Graph& graph, const NodeView& node) {
  const std::optional<Tensor> kernel = ConstantOf(graph, node.input(1));
  if (!kernel) return NoMatch<ConvShape>("its kernel: " + WhyNotConstant(graph, node.input(1)));
  if (!IsFloat(kernel->dtype())) {
    return NoMatch<ConvShape>(absl::StrCat("its kernel is ", DTypeName(kernel->dtype())));
  }
  if (kernel->is_uniform() && kernel->num_elements() > kMostMade) {
    return NoMatch<ConvShape>(absl::StrCat("its kernel is a ConstantOfShape of ", kernel->num_elements(), " elements"));
  }
  if (kernel->rank() < 3) return NoMatch<ConvShape>("its kernel has no spatial axis");
  ConvShape shape;
  shape.kernel = *kernel;
  shape.axes = kernel->rank() - 2;
  shape.sizes.assign(kernel->dims().begin() + 2, kernel->dims().end());
  return Match(std::move(shape));
}

std::vector<int64_t> IntsOr(const NodeView& node, absl::string_view name, int count, int64_t value) {
  return node.Ints(name, std::vector<int64_t>(static_cast<size_t>(count), value));
}

// pads of auto_pad, in ONNX's order (all begins, then all ends).
std::optional<std::vector<int64_t>> PadsOf(const NodeView& node, const ConvShape& conv, Facts& facts) {
  const std::string mode = node.String("auto_pad", "NOTSET");
  if (mode == "NOTSET") return IntsOr(node, "pads", 2 * conv.axes, 0);
  std::vector<int64_t> pads(static_cast<size_t>(2 * conv.axes), 0);
  if (mode == "VALID") return pads;
  const std::optional<Dims> input = facts.StaticShape(node.input(0));
  if (!input || static_cast<int>(input->size()) != conv.axes + 2) return std::nullopt;
  const std::vector<int64_t> strides = IntsOr(node, "strides", conv.axes, 1);
  const std::vector<int64_t> dilations = IntsOr(node, "dilations", conv.axes, 1);
  for (int i = 0; i < conv.axes; ++i) {
    const size_t k = static_cast<size_t>(i);
    const int64_t size = (*input)[k + 2];
    constexpr int64_t kMost = int64_t{1} << 31;  // no product of two overflows
    for (int64_t number : {size + 1, conv.sizes[k], strides[k], dilations[k]}) {
      if (number < 1 || number > kMost) return std::nullopt;
    }
    const int64_t out = (size + strides[k] - 1) / strides[k];
    const int64_t reach = (conv.sizes[k] - 1) * dilations[k] + 1;
    const int64_t total = std::max<int64_t>((out - 1) * strides[k] + reach - size, 0);
    const int64_t less = total / 2, more = total - less;
    pads[k] = mode == "SAME_LOWER" ? more : less;
    pads[k + static_cast<size_t>(conv.axes)] = mode == "SAME_LOWER" ? less : more;
  }
  return pads;
}

bool AttributesFit(const NodeView& node, int axes) {
  const size_t n = static_cast<size_t>(axes);
  return IntsOr(node, "strides", axes, 1).size() == n && IntsOr(node, "dilations", axes, 1).size() == n &&
         IntsOr(node, "pads", 2 * axes, 0).size() == 2 * n;
}

}  // namespace

absl::StatusOr<Matched<Rewrite>> LowerConvAttributes::Match(const Graph& graph, const NodeView& node,
                                                            Facts& facts) const {
  const std::string mode = node.String("auto_pad", "NOTSET");
  if (node.HasAttr("kernel_shape") && node.HasAttr("strides") && node.HasAttr("dilations") &&
      mode == "NOTSET") {
    return NoMatch<Rewrite>();
  }
  const Matched<ConvShape> conv = KernelOf(graph, node);
  if (!conv) return NoMatch<Rewrite>(conv.why_not);
  if (!AttributesFit(node, conv->axes)) return NoMatch<Rewrite>("its attributes don't fit its kernel");
  const std::optional<std::vector<int64_t>> pads = PadsOf(node, *conv, facts);
  if (!pads) return NoMatch<Rewrite>("auto_pad needs a known input shape, and sizes and strides of 1 to 2^31");
  const std::vector<int64_t> strides = IntsOr(node, "strides", conv->axes, 1);
  const std::vector<int64_t> dilations = IntsOr(node, "dilations", conv->axes, 1);
  const std::vector<int64_t> sizes = conv->sizes;
  return dsperse::Match(Rewrite{"attributes written out", [=](Rewriter& r) {
    // In place: the node stays what it was.
    Graph& g = r.graph();
    const NodeId id = r.anchor().id();
    g.RemoveAttribute(id, "auto_pad");
    g.SetAttribute(id, "kernel_shape", sizes);
    g.SetAttribute(id, "strides", strides);
    g.SetAttribute(id, "dilations", dilations);
    g.SetAttribute(id, "pads", *pads);
  }});
}

absl::StatusOr<Matched<Rewrite>> LowerConv1d::Match(const Graph& graph, const NodeView& node,
                                                    Facts&) const {
  const Matched<ConvShape> conv = KernelOf(graph, node);
  if (!conv || conv->axes != 1) return NoMatch<Rewrite>();
  if (node.String("auto_pad", "NOTSET") != "NOTSET") return NoMatch<Rewrite>();  // written out first
  if (!AttributesFit(node, 1)) return NoMatch<Rewrite>("its attributes don't fit its kernel");
  const Dims& d = conv->kernel.dims();
  DSPERSE_ASSIGN_OR_RETURN(const Tensor kernel, conv->kernel.WithDims({d[0], d[1], 1, d[2]}));
  const int64_t stride = IntsOr(node, "strides", 1, 1)[0];
  const int64_t dilation = IntsOr(node, "dilations", 1, 1)[0];
  const std::vector<int64_t> pads = IntsOr(node, "pads", 2, 0);
  return dsperse::Match(Rewrite{"written as a Conv over two axes", [=](Rewriter& r) {
    const NodeView node_view = r.anchor();
    const std::vector<ValueId> old(node_view.inputs().begin(), node_view.inputs().end());
    const int64_t group = node_view.Int("group", 1);
    std::vector<ValueId> inputs = {r.Unsqueeze(old[0], {2}, "unsqueezed"), r.Constant(kernel, "kernel")};
    if (old.size() > 2) inputs.push_back(old[2]);
    Attributes attributes = {{"kernel_shape", std::vector<int64_t>{1, d[2]}},
                             {"strides", std::vector<int64_t>{1, stride}},
                             {"dilations", std::vector<int64_t>{1, dilation}},
                             {"pads", std::vector<int64_t>{0, pads[0], 0, pads[1]}}};
    if (group != 1) attributes.push_back({"group", group});
    const ValueId flat = r.Emit("Conv", std::move(inputs), "conv2d", std::move(attributes));
    auto [parts, squeeze] = r.SqueezeParts(flat, {2});
    r.Replace("Squeeze", std::move(parts), std::move(squeeze));
  }});
}

absl::StatusOr<Matched<Rewrite>> LowerDilatedConv::Match(const Graph& graph, const NodeView& node,
                                                         Facts&) const {
  const Matched<ConvShape> conv = KernelOf(graph, node);
  if (!conv || !AttributesFit(node, conv->axes)) return NoMatch<Rewrite>();
  const std::vector<int64_t> dilations = IntsOr(node, "dilations", conv->axes, 1);
  if (std::all_of(dilations.begin(), dilations.end(), [](int64_t d) { return d == 1; })) {
    return NoMatch<Rewrite>();
  }
  if (node.String("auto_pad", "NOTSET") != "NOTSET") return NoMatch<Rewrite>();
  Dims wide = conv->kernel.dims();
  for (int i = 0; i < conv->axes; ++i) {
    const size_t k = static_cast<size_t>(i) + 2;
    int64_t reach;
    if (dilations[k - 2] < 1 || __builtin_mul_overflow(wide[k] - 1, dilations[k - 2], &reach)) {
      return NoMatch<Rewrite>("its dilations are out of range");
    }
    wide[k] = reach + 1;
  }
  constexpr int64_t kMost = int64_t{1} << 30;
  const absl::StatusOr<int64_t> count = NumElements(wide);
  const int64_t width = BitWidth(conv->kernel.dtype()) / 8;
  if (!count.ok() || *count > kMost / width) return NoMatch<Rewrite>("the spread kernel exceeds 1 GiB");
  DSPERSE_ASSIGN_OR_RETURN(const Tensor dense, conv->kernel.Load());
  std::string bytes(static_cast<size_t>(*count * width), '\0');  // zero bytes are 0.0
  const Dims& from = dense.dims();
  std::vector<int64_t> index(from.size(), 0);
  for (int64_t i = 0; i < dense.num_elements(); ++i) {
    int64_t place = 0;
    for (size_t a = 0; a < from.size(); ++a) {
      place = place * wide[a] + (a < 2 ? index[a] : index[a] * dilations[a - 2]);
    }
    std::memcpy(bytes.data() + place * width, dense.raw().data() + i * width, static_cast<size_t>(width));
    for (size_t a = from.size(); a-- > 0 && ++index[a] == from[a];) index[a] = 0;
  }
  DSPERSE_ASSIGN_OR_RETURN(const Tensor kernel, Tensor::FromBytes(dense.dtype(), wide, std::move(bytes)));
  return dsperse::Match(Rewrite{"kernel spread with zeros", [kernel](Rewriter& r) {
    const NodeView node_view = r.anchor();
    std::vector<ValueId> inputs(node_view.inputs().begin(), node_view.inputs().end());
    inputs[1] = r.Constant(kernel, "spread_kernel");
    const Dims& d = kernel.dims();
    r.Replace("Conv", std::move(inputs),
              {{"kernel_shape", std::vector<int64_t>(d.begin() + 2, d.end())},
               {"dilations", std::vector<int64_t>(d.size() - 2, 1)}},
              /*like_anchor=*/true);
  }});
}

namespace {

// Conv, or ConvTranspose, whose kernel is [C, M/group, k…].
absl::StatusOr<Matched<Rewrite>> MatchGroups(const Graph& graph, const NodeView& node) {
  const bool transposed = node.Is("ConvTranspose");
  const int64_t group = node.Int("group", 1);
  if (group == 1) return NoMatch<Rewrite>();
  const Matched<ConvShape> conv = KernelOf(graph, node);
  if (!conv) return NoMatch<Rewrite>(conv.why_not);
  const int64_t rows = conv->kernel.dims()[0];
  if (group < 1 || rows % group != 0) {
    return NoMatch<Rewrite>(absl::StrCat(rows, " channels do not divide into ", group, " groups"));
  }
  // A node and a kernel are made for each: what isn't stored may claim any number of channels, and one without channels
  // any number of groups. EfficientNet-B7 has 3,840.
  constexpr int64_t kMostGroups = int64_t{1} << 12;
  if (group > rows || group > kMostGroups) {
    return NoMatch<Rewrite>(
        absl::StrCat(group, " groups of ", rows, " channels, more than ", std::min(rows, kMostGroups)));
  }
  const int64_t rows_each = rows / group;
  const int64_t in_each = transposed ? rows_each : conv->kernel.dims()[1];
  const int64_t out_each = transposed ? conv->kernel.dims()[1] : rows_each;
  std::optional<Tensor> bias;
  if (node.input(2).valid()) {
    bias = ConstantOf(graph, node.input(2));
    if (!bias) return NoMatch<Rewrite>("its bias: " + WhyNotConstant(graph, node.input(2)));
    if (bias->dims() != Dims{group * out_each} || bias->dtype() != conv->kernel.dtype()) {
      return NoMatch<Rewrite>("its bias has another length or type");
    }
  }
  std::vector<Tensor> kernels, biases;
  for (int64_t g = 0; g < group; ++g) {
    DSPERSE_ASSIGN_OR_RETURN(Tensor part, conv->kernel.Rows(g * rows_each, (g + 1) * rows_each));
    kernels.push_back(std::move(part));
    if (!bias) continue;
    DSPERSE_ASSIGN_OR_RETURN(Tensor part_bias, bias->Rows(g * out_each, (g + 1) * out_each));
    biases.push_back(std::move(part_bias));
  }
  return dsperse::Match(Rewrite{absl::StrCat("written as ", group, " ", node.op_type(), " of one group"), [=](Rewriter& r) {
    const std::string op(r.anchor().op_type());
    const std::vector<int64_t> sizes(static_cast<size_t>(group), in_each);
    const std::vector<ValueId> parts = r.Split(r.anchor().input(0), 1, sizes, "split");
    // All attributes but group, for each part.
    const NodeView node_view = r.anchor();
    Attributes attributes;
    for (const char* name : {"kernel_shape", "strides", "dilations", "pads", "output_padding", "output_shape"}) {
      if (node_view.HasAttr(name)) attributes.push_back({name, node_view.Ints(name)});
    }
    if (node_view.HasAttr("auto_pad")) attributes.push_back({"auto_pad", node_view.String("auto_pad", "")});
    std::vector<ValueId> results;
    for (size_t g = 0; g < kernels.size(); ++g) {
      const std::string suffix = absl::StrCat("group_", g);
      std::vector<ValueId> inputs = {parts[g], r.Constant(kernels[g], suffix + "_kernel")};
      if (!biases.empty()) inputs.push_back(r.Constant(biases[g], suffix + "_bias"));
      results.push_back(r.Emit(op, std::move(inputs), suffix, attributes));
    }
    r.Replace("Concat", std::move(results), {{"axis", int64_t{1}}});
  }});
}

}  // namespace

absl::StatusOr<Matched<Rewrite>> LowerGroupedConv::Match(const Graph& graph, const NodeView& node, Facts&) const {
  return MatchGroups(graph, node);
}
absl::StatusOr<Matched<Rewrite>> LowerGroupedConvTranspose::Match(const Graph& graph, const NodeView& node,
                                                                  Facts&) const {
  return MatchGroups(graph, node);
}

}  // namespace dsperse
