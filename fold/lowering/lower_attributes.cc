#include "fold/lowering/lower_attributes.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/types/span.h"

namespace dsperse {
namespace {

constexpr int64_t kMost = int64_t{1} << 31;  // no product of two overflows

bool InRange(absl::Span<const int64_t> numbers, int64_t least) {
  return std::all_of(numbers.begin(), numbers.end(), [=](int64_t v) { return v >= least && v <= kMost; });
}

// Begins, then ends: those of auto_pad and output_shape by ONNX's formula.
Matched<std::vector<int64_t>> PadsOf(const NodeView& node, const std::vector<int64_t>& kernel,
                                     const std::vector<int64_t>& strides, const std::vector<int64_t>& dilations,
                                     Facts& facts) {
  using Pads = std::vector<int64_t>;
  const size_t axes = kernel.size();
  const std::string mode = node.String("auto_pad", "NOTSET");
  const bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  if (!same && !node.HasAttr("output_shape")) {
    Pads pads = mode == "NOTSET" ? node.Ints("pads", Pads(2 * axes, 0)) : Pads(2 * axes, 0);
    if (pads.size() != 2 * axes) return NoMatch<Pads>("its attributes don't fit its kernel");
    return Match(std::move(pads));
  }
  const std::optional<Dims> in = facts.StaticShape(node.input(0)), out = facts.StaticShape(node.output(0));
  const Pads more = node.Ints("output_padding", Pads(axes, 0));
  if (!in || !out || in->size() != axes + 2 || out->size() != axes + 2) return NoMatch<Pads>("its shapes are not known");
  if (more.size() != axes || !InRange(kernel, 1) || !InRange(strides, 1) || !InRange(dilations, 1) || !InRange(more, 0) ||
      !InRange(*in, 0) || !InRange(*out, 0)) {
    return NoMatch<Pads>("its pads need sizes and strides of 1 to 2^31");
  }
  Pads pads(2 * axes);
  for (size_t i = 0; i < axes; ++i) {
    const int64_t full = strides[i] * ((*in)[i + 2] - 1) + more[i] + (kernel[i] - 1) * dilations[i] + 1;
    const int64_t total = full - (*out)[i + 2];
    if (total < 0) return NoMatch<Pads>("its result is larger than what its kernel reaches");
    pads[i] = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
    pads[i + axes] = total - pads[i];
  }
  return Match(std::move(pads));
}

Matched<Rewrite> MatchStrides(const NodeView& node) {
  if (node.HasAttr("strides")) return NoMatch<Rewrite>();
  const size_t axes = node.Ints("kernel_shape").size();
  if (axes == 0) return NoMatch<Rewrite>("it has no kernel_shape");
  return Match(Rewrite{"strides written out", [axes](Rewriter& r) {
    r.graph().SetAttribute(r.anchor().id(), "strides", std::vector<int64_t>(axes, 1));
  }});
}

}  // namespace

absl::StatusOr<Matched<Rewrite>> LowerConvTransposeAttributes::Match(const Graph&, const NodeView& node,
                                                                     Facts& facts) const {
  const std::string mode = node.String("auto_pad", "NOTSET");
  if (node.HasAttr("kernel_shape") && node.HasAttr("strides") && node.HasAttr("dilations") && mode == "NOTSET" &&
      !node.HasAttr("output_shape")) {
    return NoMatch<Rewrite>();
  }
  const std::optional<Dims> weight = facts.StaticShape(node.input(1));
  if (!weight || weight->size() < 3) return NoMatch<Rewrite>("the shape of its kernel is not known");
  const std::vector<int64_t> kernel(weight->begin() + 2, weight->end());
  const std::vector<int64_t> ones(kernel.size(), 1);
  const std::vector<int64_t> strides = node.Ints("strides", ones), dilations = node.Ints("dilations", ones);
  if (node.Ints("kernel_shape", kernel) != kernel || strides.size() != kernel.size() || dilations.size() != kernel.size()) {
    return NoMatch<Rewrite>("its attributes don't fit its kernel");
  }
  const Matched<std::vector<int64_t>> pads = PadsOf(node, kernel, strides, dilations, facts);
  if (!pads) return NoMatch<Rewrite>(pads.why_not);
  return dsperse::Match(Rewrite{"attributes written out", [=, pads = *pads](Rewriter& r) {
    // In place: the node stays what it was.
    Graph& g = r.graph();
    const NodeId id = r.anchor().id();
    g.RemoveAttribute(id, "auto_pad");
    g.RemoveAttribute(id, "output_shape");
    g.SetAttribute(id, "kernel_shape", kernel);
    g.SetAttribute(id, "strides", strides);
    g.SetAttribute(id, "dilations", dilations);
    g.SetAttribute(id, "pads", pads);
  }});
}

absl::StatusOr<Matched<Rewrite>> LowerMaxPoolStrides::Match(const Graph&, const NodeView& node, Facts&) const {
  return MatchStrides(node);
}
absl::StatusOr<Matched<Rewrite>> LowerAveragePoolStrides::Match(const Graph&, const NodeView& node, Facts&) const {
  return MatchStrides(node);
}

}  // namespace dsperse
