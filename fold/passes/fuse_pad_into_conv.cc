#include "fold/passes/fuse_pad_into_conv.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/passes/affine_fusion.h"
#include "fold/passes/constants.h"
#include "fold/passes/match.h"

namespace dsperse {
namespace {

// A Pad on spatial axes, all of it known.
struct SpatialPad {
  double value = 0;
  std::vector<int64_t> begins, ends;  // of each spatial axis
};

// A Pad and the operator that takes it in.
struct PadFusion {
  NodeId pad;
  std::vector<int64_t> pads;  // the operator's new ones
  bool count_include_pad = false;
};

bool IsPool(const NodeView& node) { return node.Is("MaxPool") || node.Is("AveragePool"); }

bool PadsItsInput(const NodeView& node) {
  return node.Is("Conv") || node.Is("ConvTranspose") || IsPool(node);
}

// Rank of the operator's input, or 0 where it isn't said.
int RankOf(const Graph& graph, const NodeView& node) {
  if (IsPool(node)) return static_cast<int>(node.Ints("kernel_shape").size()) + 2;
  const std::optional<Tensor> weight = ConstantOf(graph, node.input(1));
  if (weight) return weight->rank();
  const size_t kernel = node.Ints("kernel_shape").size();
  return kernel == 0 ? 0 : static_cast<int>(kernel) + 2;
}

std::optional<std::vector<int64_t>> ConstantInts(const Graph& graph, ValueId value) {
  const std::optional<Tensor> tensor = ConstantOf(graph, value);
  if (!tensor) return std::nullopt;
  const absl::StatusOr<std::vector<int64_t>> ints = ToInts(*tensor);
  return ints.ok() ? std::optional(*ints) : std::nullopt;
}

std::optional<double> PadValue(const Graph& graph, const NodeView& pad) {
  if (pad.opset() < 11) return static_cast<double>(pad.Float("value", 0));
  if (!pad.input(2).valid()) return 0.0;
  const std::optional<Tensor> tensor = ConstantOf(graph, pad.input(2));
  if (!tensor || tensor->num_elements() != 1) return std::nullopt;
  const absl::StatusOr<std::vector<double>> value = ToDoubles(*tensor);
  return value.ok() ? std::optional((*value)[0]) : std::nullopt;
}

// False where the sum exceeds its type.
bool AddTo(int64_t amount, int64_t* sum) { return !__builtin_add_overflow(*sum, amount, sum); }

Matched<SpatialPad> MatchPad(const Graph& graph, const NodeView& pad, int rank) {
  const std::string mode = pad.String("mode", "constant");
  if (mode != "constant") return NoMatch<SpatialPad>(absl::StrCat("its mode is ", mode));
  std::optional<std::vector<int64_t>> pads;
  if (pad.HasAttr("pads")) {
    pads = pad.Ints("pads");
  } else {
    pads = pad.input(1).valid() ? ConstantInts(graph, pad.input(1)) : std::nullopt;
  }
  if (!pads) return NoMatch<SpatialPad>("its pads are not constant");
  std::vector<int64_t> axes(static_cast<size_t>(rank));
  for (int i = 0; i < rank; ++i) axes[static_cast<size_t>(i)] = i;
  if (pad.input(3).valid()) {
    const std::optional<std::vector<int64_t>> given = ConstantInts(graph, pad.input(3));
    if (!given) return NoMatch<SpatialPad>("its axes are not constant");
    axes = *given;
  }
  if (pads->size() != 2 * axes.size()) return NoMatch<SpatialPad>();
  SpatialPad result;
  const size_t spatial = static_cast<size_t>(rank - 2);
  result.begins.assign(spatial, 0);
  result.ends.assign(spatial, 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t begin = (*pads)[i], end = (*pads)[axes.size() + i];
    const int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
    if (begin < 0 || end < 0) return NoMatch<SpatialPad>("it crops (negative pads)");
    if (begin == 0 && end == 0) continue;
    if (axis < 2 || axis >= rank) return NoMatch<SpatialPad>(absl::StrCat("it pads axis ", axis));
    const size_t spatial_axis = static_cast<size_t>(axis - 2);
    if (!AddTo(begin, &result.begins[spatial_axis]) || !AddTo(end, &result.ends[spatial_axis])) {
      return NoMatch<SpatialPad>("its pads are out of range");
    }
  }
  const std::optional<double> value = PadValue(graph, pad);
  if (!value) return NoMatch<SpatialPad>("its value is not constant");
  result.value = *value;
  return Match(std::move(result));
}

// Why padding with `value` isn't what the operator does with its own pads, or "".
std::string WhyNotItsPadding(const NodeView& node, const SpatialPad& pad, bool has_pads) {
  if (node.Is("MaxPool")) {
    if (!(std::isinf(pad.value) && pad.value < 0)) {
      return absl::StrCat("it pads a MaxPool with ", pad.value, ", which may win");
    }
    if (node.output(1).valid()) return "the MaxPool's indices count the padding";
    // Such a window may lie in the padding alone, where a pool's own result is not said.
    for (int64_t dilation : node.Ints("dilations")) {
      if (dilation != 1) return "the MaxPool has dilations above 1";
    }
  } else if (pad.value != 0) {
    return absl::StrCat("it pads with ", pad.value);
  }
  if (IsPool(node) && node.Int("ceil_mode", 0) != 0) {
    return "with ceil_mode the pool's windows would change";
  }
  if (node.Is("AveragePool") && has_pads && node.Int("count_include_pad", 0) == 0) {
    return "the AveragePool doesn't count its own padding";
  }
  if (node.Is("AveragePool") && node.opset() < 7) {
    return "AveragePool can't count its padding before opset 7";
  }
  return "";
}

std::string WhyTooWide(const NodeView& node, const std::vector<int64_t>& pads) {
  if (!IsPool(node)) return "";
  const std::vector<int64_t> kernel = node.Ints("kernel_shape");
  for (size_t i = 0; i < pads.size(); ++i) {
    if (pads[i] >= kernel[i % kernel.size()]) {
      return absl::StrCat("a pool may not pad by ", pads[i], " with a kernel of ",
                          kernel[i % kernel.size()]);
    }
  }
  return "";
}

Matched<PadFusion> MatchFusion(const Graph& graph, const NodeView& pad) {
  const ValueId padded = pad.output(0);
  if (!padded.valid()) return NoMatch<PadFusion>();
  NodeId taker;  // a reader that could take it in
  for (const Use& use : graph.Uses(padded)) {
    if (!use.is_block_output() && use.index == 0 && PadsItsInput(graph.node(use.node))) taker = use.node;
  }
  if (!taker.valid()) return NoMatch<PadFusion>();
  if (!graph.HasSingleNodeUse(padded)) {
    return NoMatch<PadFusion>(absl::StrCat("its result ", WhyStillNeeded(graph, padded)));
  }
  const NodeView node = graph.node(taker);
  const bool transposed = node.Is("ConvTranspose");
  const int rank = RankOf(graph, node);
  if (rank < 3) return NoMatch<PadFusion>("the rank of its input is unknown");
  Matched<SpatialPad> found = MatchPad(graph, pad, rank);
  if (!found) return NoMatch<PadFusion>(std::move(found.why_not));
  const std::string auto_pad = node.String("auto_pad", "NOTSET");
  if (auto_pad != "NOTSET" && auto_pad != "VALID") {
    return NoMatch<PadFusion>(
        absl::StrCat(Describe(graph, node.id()), " has auto_pad ", auto_pad));
  }
  const size_t spatial = static_cast<size_t>(rank - 2);
  std::vector<int64_t> own = auto_pad == "VALID" ? std::vector<int64_t>() : node.Ints("pads");
  const bool has_pads = std::any_of(own.begin(), own.end(), [](int64_t p) { return p != 0; });
  if (own.size() != 2 * spatial) own.assign(2 * spatial, 0);
  std::string why_not = WhyNotItsPadding(node, *found, has_pads);
  if (!why_not.empty()) return NoMatch<PadFusion>(std::move(why_not));

  PadFusion fusion;
  fusion.pad = pad.id();
  fusion.count_include_pad = node.Is("AveragePool");
  const std::vector<int64_t> strides = node.Ints("strides", std::vector<int64_t>(spatial, 1));
  for (size_t i = 0; i < 2 * spatial; ++i) {
    const int64_t amount = i < spatial ? found->begins[i] : found->ends[i - spatial];
    if (!transposed) {
      if (!AddTo(amount, &own[i])) return NoMatch<PadFusion>("its pads are out of range");
      continue;
    }
    // Zeros around the input of a ConvTranspose make a border of amount · stride, which its pads crop.
    int64_t border = 0;
    const bool fits = strides.size() == spatial && !__builtin_mul_overflow(amount, strides[i % spatial], &border) &&
                      !__builtin_sub_overflow(own[i], border, &own[i]);
    if (!fits || own[i] < 0 || node.HasAttr("output_shape")) {
      return NoMatch<PadFusion>("the ConvTranspose doesn't crop what the padding adds");
    }
  }
  why_not = WhyTooWide(node, own);
  if (!why_not.empty()) return NoMatch<PadFusion>(std::move(why_not));
  fusion.pads = std::move(own);
  return Match(std::move(fusion));
}

void Apply(Graph& graph, const PadFusion& fusion) {
  const NodeView pad = graph.node(fusion.pad);
  const ValueId data = pad.input(0);
  const NodeId node = graph.Uses(pad.output(0))[0].node;
  graph.SetInput(node, 0, data);
  if (graph.node(node).HasAttr("auto_pad")) graph.RemoveAttribute(node, "auto_pad");
  graph.SetAttribute(node, "pads", fusion.pads);
  if (fusion.count_include_pad) graph.SetAttribute(node, "count_include_pad", int64_t{1});
  graph.RemoveNode(fusion.pad);
}

}  // namespace

absl::StatusOr<bool> FusePadIntoConv::Run(Graph& graph, PassContext& context) const {
  bool changed = false;
  for (NodeId id : graph.AllNodes()) {
    const NodeView node = graph.node(id);
    if (!node.Is("Pad")) continue;
    const Matched<PadFusion> fusion = MatchFusion(graph, node);
    if (!fusion) {
      if (!fusion.why_not.empty()) context.Missed(node, fusion.why_not);
      continue;
    }
    context.Applied(node, absl::StrCat("became padding of ",
                                       Describe(graph, graph.Uses(node.output(0))[0].node)));
    Apply(graph, *fusion);
    changed = true;
  }
  return changed;
}

}  // namespace dsperse
