#include "fold/lowering/lower_pools.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/lowering/broadcast.h"
#include "fold/lowering/precision.h"
#include "fold/lowering/scratch.h"
#include "fold/passes/constants.h"

namespace dsperse {
namespace {

bool AllAre(const std::vector<int64_t>& values, int64_t want) {
  return std::all_of(values.begin(), values.end(), [&](int64_t v) { return v == want; });
}

// Is the producer of MaxPool's input monotone, rising, and elementwise? (Max may still broadcast its input's rank.)
bool IsMonotone(const Graph& graph, const NodeView& f) {
  if (f.Is("Relu") || f.Is("Clip")) return true;
  if (!f.Is("Max") || f.num_inputs() != 2) return false;
  const std::optional<Tensor> c = ConstantOf(graph, f.input(1));
  return c && c->num_elements() == 1;
}

// A mean over `axes` (not negative) of the node's input.
absl::StatusOr<Matched<Rewrite>> MatchMean(const NodeView& node, const std::vector<int64_t>& axes,
                                           bool keep_dims, Facts& facts) {
  if (std::string why = WhyNotBroadcast(node, "Div"); !why.empty()) return NoMatch<Rewrite>(why);
  const DType type = facts.TypeOf(node.input(0));
  if (!IsFloat(type)) return NoMatch<Rewrite>("its element type is no float");
  const std::optional<Dims> dims = facts.StaticShape(node.input(0));
  if (!dims) return NoMatch<Rewrite>("the shape of its input is not known");
  int64_t count = 1;
  for (int64_t a : axes) {
    const int64_t size = (*dims)[static_cast<size_t>(a)];
    if (size < 1 || __builtin_mul_overflow(count, size, &count) || count > MostSummed(type)) {
      return NoMatch<Rewrite>(
          absl::StrCat("it takes the mean of no element, or of more than ", MostSummed(type), " of ", DTypeName(type)));
    }
  }
  return dsperse::Match(Rewrite{"written as ReduceSum and Div", [=](Rewriter& r) {
    r.ReplaceByMean(r.anchor().input(0), type, axes, count, keep_dims);
  }});
}

// The axes that a reduction names, not negative, each once.
absl::StatusOr<Matched<std::vector<int64_t>>> AxesOf(const Graph& graph, const NodeView& node, Facts& facts) {
  const Shape& shape = facts.ShapeOf(node.input(0));
  if (!shape.has_rank()) return NoMatch<std::vector<int64_t>>("the rank of its input is not known");
  std::vector<int64_t> axes = node.Ints("axes");
  if (node.input(1).valid()) {
    const std::optional<Tensor> given = ConstantOf(graph, node.input(1));
    if (!given) return NoMatch<std::vector<int64_t>>("its axes: " + WhyNotConstant(graph, node.input(1)));
    DSPERSE_ASSIGN_OR_RETURN(axes, ToInts(*given));
  }
  if (axes.empty()) {
    if (node.Int("noop_with_empty_axes", 0) != 0) return NoMatch<std::vector<int64_t>>("it has no axes");
    for (int a = 0; a < shape.rank(); ++a) axes.push_back(a);
  }
  for (int64_t& a : axes) {
    if (a < 0) a += shape.rank();
    if (a < 0 || a >= shape.rank()) return NoMatch<std::vector<int64_t>>("its axes are out of range");
  }
  std::vector<int64_t> sorted = axes;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    return NoMatch<std::vector<int64_t>>("it names an axis twice");
  }
  return dsperse::Match(std::move(axes));
}

// A window of this many taps at most is taken apart by Slices.
constexpr int64_t kMostSlices = 16;

// Windows that tile the image, as the sum of one Slice a tap: DSperse loses count of the elements behind a Concat of
// unequal parts and refuses a Reshape there, as a DenseNet has it.
void ReplaceBySlices(Rewriter& r, DType type, const Dims& in, const std::vector<int64_t>& kernel, int64_t taps) {
  const ValueId x = r.anchor().input(0);
  std::vector<int64_t> axes, ends(in.begin() + 2, in.end());
  for (size_t a = 0; a < kernel.size(); ++a) axes.push_back(static_cast<int64_t>(a) + 2);
  const ValueId to = r.Ints(ends, "ends"), along = r.Ints(axes, "axes"), steps = r.Ints(kernel, "steps");
  std::vector<int64_t> start(kernel.size(), 0);
  ValueId sum;
  for (int64_t tap = 0; tap < taps; ++tap) {
    const std::string name = absl::StrCat("tap_", tap);
    const ValueId part = r.Emit("Slice", {x, r.Ints(start, absl::StrCat(name, "_starts")), to, along, steps}, name);
    sum = tap == 0 ? part : r.Emit("Add", {sum, part}, absl::StrCat("sum_", tap));
    for (size_t a = kernel.size(); a-- > 0 && ++start[a] == kernel[a];) start[a] = 0;
  }
  r.Replace("Div", {sum, r.Scalar(type, static_cast<double>(taps), "count")});
}

bool MayPad(const NodeView& pool) {
  const std::string mode = pool.String("auto_pad", "NOTSET");
  return mode == "SAME_UPPER" || mode == "SAME_LOWER" || (mode == "NOTSET" && !AllAre(pool.Ints("pads"), 0));
}

// Swaps the anchor, a MaxPool, with the activation it reads.
void SwapPool(Rewriter& r) {
  Graph& g = r.graph();
  const NodeId pool = r.anchor().id();
  const NodeId f = g.Producer(r.anchor().input(0));
  const ValueId x = g.node(f).input(0);
  std::vector<ValueId> operands(g.node(f).inputs().begin(), g.node(f).inputs().end());
  const std::string op(g.node(f).op_type());
  NewNode pooled;
  pooled.name = std::string(g.node(pool).name());
  pooled.op_type = "MaxPool";
  pooled.inputs = {x};
  pooled.like = pool;
  pooled.new_outputs = {absl::StrCat(g.Name(g.node(f).output(0)), "_pooled")};
  const NodeId first = g.AddNode(std::move(pooled), pool);
  operands[0] = g.node(first).output(0);
  NewNode activated;
  activated.name = std::string(g.node(f).name());
  activated.op_type = op;
  activated.inputs = operands;
  activated.like = f;
  activated.outputs = {g.node(pool).output(0)};
  g.AddNode(std::move(activated), pool);
  g.RemoveNode(pool);
  g.RemoveNode(f);
}

}  // namespace

absl::StatusOr<Matched<Rewrite>> LowerAveragePool::Match(const Graph&, const NodeView& node,
                                                         Facts& facts) const {
  const std::optional<Dims> in = facts.StaticShape(node.input(0));
  const std::optional<Dims> out = facts.StaticShape(node.output(0));
  const DType type = facts.TypeOf(node.input(0));
  if (!in || !out || in->size() < 3) return NoMatch<Rewrite>("its shapes are not known");
  if (!IsFloat(type)) return NoMatch<Rewrite>("its element type is no float");
  const size_t axes = in->size() - 2;
  const std::vector<int64_t> kernel = node.Ints("kernel_shape");
  const std::vector<int64_t> strides = node.Ints("strides", std::vector<int64_t>(axes, 1));
  const std::vector<int64_t> pads = node.Ints("pads", std::vector<int64_t>(2 * axes, 0));
  if (kernel.size() != axes || strides.size() != axes || pads.size() != 2 * axes) {
    return NoMatch<Rewrite>("its attributes don't fit its input");
  }
  if (node.Int("ceil_mode", 0) != 0) return NoMatch<Rewrite>("ceil_mode is set");
  if (!AllAre(node.Ints("dilations"), 1)) return NoMatch<Rewrite>("it is dilated");
  const std::string mode = node.String("auto_pad", "NOTSET");
  if (mode != "NOTSET" && mode != "VALID") return NoMatch<Rewrite>("its pads are not written out (auto_pad)");
  const bool padded = mode == "NOTSET" && !AllAre(pads, 0);
  if (padded && node.Int("count_include_pad", 0) == 0) {
    return NoMatch<Rewrite>("its pads do not count: windows at the border are divided by another number");
  }
  if (std::find(in->begin() + 1, in->end(), 0) != in->end()) return NoMatch<Rewrite>("its input has no element");
  int64_t taps = 1;
  for (int64_t k : kernel) {
    if (k < 1 || __builtin_mul_overflow(taps, k, &taps) || taps > MostSummed(type)) {
      return NoMatch<Rewrite>(absl::StrCat("its window has no tap, or more than ", MostSummed(type), " of ", DTypeName(type)));
    }
  }
  // Along each axis the windows lie side by side, or there is one that covers it.
  bool tiles = !padded;
  for (size_t a = 0; a < axes; ++a) {
    const int64_t size = (*in)[a + 2];
    tiles &= kernel[a] >= 1 && (size == kernel[a] || (kernel[a] == strides[a] && size % kernel[a] == 0));
  }
  if (tiles && std::equal(kernel.begin(), kernel.end(), in->begin() + 2)) {
    std::vector<int64_t> image;
    for (size_t a = 0; a < axes; ++a) image.push_back(static_cast<int64_t>(a) + 2);
    return MatchMean(node, image, true, facts);
  }
  if (std::string why = WhyNotBroadcast(node, "Div"); tiles && !why.empty()) return NoMatch<Rewrite>(why);
  if (tiles && taps <= kMostSlices && node.opset() >= 10) {
    return dsperse::Match(Rewrite{"written as a sum of Slices and Div", [=](Rewriter& r) {
      ReplaceBySlices(r, type, *in, kernel, taps);
    }});
  }
  // Windows longer than there are side by side are for lower_reduce_sum too long.
  const bool sums = std::all_of(kernel.begin(), kernel.end() - 1,
                                [&](int64_t k) { return k <= in->back() / kernel.back(); });
  if (tiles && sums) {
    // [N, C, H, W] → [N, C, H/k, k, W/k, k], mean over the window axes.
    std::vector<int64_t> split = {(*in)[0], (*in)[1]};
    std::vector<int64_t> window_axes;
    for (size_t a = 0; a < axes; ++a) {
      split.push_back((*in)[a + 2] / kernel[a]);
      window_axes.push_back(static_cast<int64_t>(split.size()));
      split.push_back(kernel[a]);
    }
    return dsperse::Match(Rewrite{"written as Reshape, ReduceSum and Div", [=](Rewriter& r) {
      const ValueId windows = r.Emit("Reshape", {r.anchor().input(0), r.Ints(split, "windows")}, "windows");
      r.ReplaceByMean(windows, type, window_axes, taps, false);
    }});
  }
  const int64_t channels = (*in)[1];
  Dims dims = {channels, 1};
  dims.insert(dims.end(), kernel.begin(), kernel.end());
  DSPERSE_ASSIGN_OR_RETURN(const Tensor one, RoundTo(type, {}, {1.0 / static_cast<double>(taps)}));
  DSPERSE_ASSIGN_OR_RETURN(const Tensor weights, Tensor::Uniform(type, dims, one.raw()));
  return dsperse::Match(Rewrite{"written as a depthwise Conv", [=](Rewriter& r) {
    r.Replace("Conv", {r.anchor().input(0), r.Constant(weights, "weights")},
              {{"group", channels},
               {"kernel_shape", kernel},
               {"strides", strides},
               {"dilations", std::vector<int64_t>(axes, 1)},
               {"pads", padded ? pads : std::vector<int64_t>(2 * axes, 0)}});
  }});
}

absl::StatusOr<Matched<Rewrite>> LowerGlobalMaxPool::Match(const Graph&, const NodeView& node,
                                                           Facts& facts) const {
  const std::optional<Dims> in = facts.StaticShape(node.input(0));
  if (!in || in->size() < 3) return NoMatch<Rewrite>("its input shape is not known");
  const std::vector<int64_t> kernel(in->begin() + 2, in->end());
  if (std::find(kernel.begin(), kernel.end(), 0) != kernel.end()) return NoMatch<Rewrite>("its image is empty");
  return dsperse::Match(Rewrite{"written as MaxPool", [kernel](Rewriter& r) {
    const std::vector<int64_t> ones(kernel.size(), 1);
    Attributes attributes = {{"kernel_shape", kernel},
                             {"strides", ones},
                             {"pads", std::vector<int64_t>(2 * kernel.size(), 0)}};
    if (r.opset() >= 10) attributes.push_back({"dilations", ones});
    r.Replace("MaxPool", {r.anchor().input(0)}, std::move(attributes));
  }});
}

absl::StatusOr<Matched<Rewrite>> LowerGlobalAveragePool::Match(const Graph&, const NodeView& node,
                                                               Facts& facts) const {
  const Shape& shape = facts.ShapeOf(node.input(0));
  if (!shape.has_rank() || shape.rank() < 3) return NoMatch<Rewrite>("the rank of its input is not known");
  std::vector<int64_t> axes;
  for (int a = 2; a < shape.rank(); ++a) axes.push_back(a);
  return MatchMean(node, axes, true, facts);
}

absl::StatusOr<Matched<Rewrite>> LowerReduceMean::Match(const Graph& graph, const NodeView& node,
                                                        Facts& facts) const {
  DSPERSE_ASSIGN_OR_RETURN(const Matched<std::vector<int64_t>> axes, AxesOf(graph, node, facts));
  if (!axes) return NoMatch<Rewrite>(axes.why_not);
  return MatchMean(node, *axes, node.Int("keepdims", 1) != 0, facts);
}

absl::StatusOr<Matched<Rewrite>> LowerReduceSum::Match(const Graph& graph, const NodeView& node,
                                                       Facts& facts) const {
  DSPERSE_ASSIGN_OR_RETURN(const Matched<std::vector<int64_t>> named, AxesOf(graph, node, facts));
  if (!named) return NoMatch<Rewrite>(named.why_not);
  const std::optional<Dims> dims = facts.StaticShape(node.input(0));
  if (!dims) return NoMatch<Rewrite>("the shape of its input is not known");
  std::vector<int64_t> axes = *named;
  std::sort(axes.begin(), axes.end());
  Dims left = *dims;
  for (size_t i = axes.size(); i-- > 0;) {
    const int64_t size = left[static_cast<size_t>(axes[i])];
    if (size > left.back()) {
      return NoMatch<Rewrite>(
          absl::StrCat("axis ", axes[i], " has ", size, " elements, the last one ", left.back()));
    }
    left.erase(left.begin() + axes[i]);
  }
  const bool keep_dims = node.Int("keepdims", 1) != 0;
  return dsperse::Match(Rewrite{"written as one sum an axis", [axes, keep_dims](Rewriter& r) {
    ValueId sum = r.anchor().input(0);
    for (size_t i = axes.size(); i-- > 0;) {
      const std::vector<int64_t> axis = {axes[i]};
      const std::string name = absl::StrCat("along_", axes[i]);
      std::vector<ValueId> inputs = {sum};
      Attributes attributes = {{"keepdims", int64_t{0}}};
      if (r.opset() < 13) {
        attributes.push_back({"axes", axis});
      } else {
        inputs.push_back(r.Ints(axis, absl::StrCat(name, "_axes")));
      }
      if (i == 0 && !keep_dims) return r.Replace("ReduceSum", std::move(inputs), std::move(attributes));
      sum = r.Emit("ReduceSum", std::move(inputs), name, std::move(attributes));
    }
    auto [inputs, attributes] = r.SqueezeParts(sum, axes);
    r.Replace("Unsqueeze", std::move(inputs), std::move(attributes));
  }});
}

absl::StatusOr<bool> LowerPoolOrder::Run(Graph& graph, PassContext& context) const {
  if (context.target == nullptr || !context.pricer) return false;
  bool changed = false;
  for (NodeId id : graph.AllNodes()) {
    if (!graph.IsLive(id) || !graph.node(id).Is("MaxPool")) continue;
    const NodeView pool = graph.node(id);
    const ValueId x = pool.input(0);
    const NodeId producer = x.valid() ? graph.Producer(x) : NodeId{};
    if (!producer.valid() || !IsMonotone(graph, graph.node(producer))) continue;
    if (context.facts().ShapeOf(x) != context.facts().ShapeOf(graph.node(producer).input(0))) {
      context.Missed(pool, "the activation changes the shape, or may");
      continue;
    }
    if (!graph.HasSingleNodeUse(x)) {
      context.Missed(pool, "the activation's result has another reader");
      continue;
    }
    // EZKL pads with zeros, which the activation's result is seldom below, and what it reads often.
    if (context.target->name() == "ezkl" && MayPad(pool)) {
      context.Missed(pool, "its pads are zeros, and count for what the activation reads");
      continue;
    }
    if (std::any_of(pool.outputs().begin() + 1, pool.outputs().end(), [](ValueId output) { return output.valid(); })) {
      context.Missed(pool, "its Indices are read");
      continue;
    }
    DSPERSE_ASSIGN_OR_RETURN(
        const std::optional<PriceChange> change,
        PriceOfRewrite(graph, id, context.facts(), context.pricer, SwapPool, {producer}));
    if (!change || change->after >= change->before) continue;
    context.Applied(pool, absl::StrCat("put before the activation: ", change->before, " → ",
                                       change->after, " ", change->unit, " (same)"));
    Rewriter rewriter(graph, id);
    SwapPool(rewriter);
    changed = true;
  }
  return changed;
}

}  // namespace dsperse
