#include "fold/passes/compose_views.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "fold/ops/views.h"
#include "fold/passes/constants.h"
#include "fold/passes/match.h"
#include "fold/passes/reshape_target.h"
#include "fold/passes/rewire.h"

namespace dsperse {
namespace {

// A rewrite that was decided; applied at once, so it needs no copy of what it read.
using Rewritten = Matched<bool>;
Rewritten Done() { return Match(true); }

std::optional<std::vector<int64_t>> Ints(const Graph& graph, const NodeView& node, int input,
                                         absl::string_view attribute) {
  if (node.HasAttr(attribute)) return node.Ints(attribute);
  const std::optional<Tensor> tensor = ConstantOf(graph, node.input(input));
  if (!tensor) return std::nullopt;
  const absl::StatusOr<std::vector<int64_t>> values = ToInts(*tensor);
  return values.ok() ? std::optional(*values) : std::nullopt;
}

ValueId AddInts(Graph& graph, const NodeView& node, absl::string_view what,
                const std::vector<int64_t>& values) {
  return graph.AddConstant(
      absl::StrCat(graph.Name(node.output(0)), "_", what),
      Tensor::Of<int64_t>({static_cast<int64_t>(values.size())}, absl::MakeConstSpan(values)),
      node.block());
}

// The node of the same block and operator that makes `value` for one reader only.
NodeId OwnProducer(const Graph& graph, ValueId value, absl::string_view op_type) {
  if (!value.valid() || !graph.HasSingleNodeUse(value)) return NodeId();
  const NodeId producer = graph.Producer(value);
  return producer.valid() && graph.node(producer).Is(op_type) ? producer : NodeId();
}

// ---- Reshape, Flatten, Squeeze, Unsqueeze ----

// A Transpose that moves only dimensions of size 1 leaves the elements in their order.
bool MovesOnlyOnes(const NodeView& node, PassContext& context) {
  const Shape& shape = context.facts().ShapeOf(node.input(0));
  const std::vector<int64_t> perm = node.Ints("perm");
  if (!shape.has_rank() || static_cast<size_t>(shape.rank()) != perm.size()) return false;
  int64_t last = -1;
  for (int64_t axis : perm) {
    if (axis < 0 || axis >= shape.rank()) return false;
    const Dim& dim = shape.dim(static_cast<int>(axis));
    if (dim.known() && dim.size() == 1) continue;
    if (axis < last) return false;
    last = axis;
  }
  return true;
}

bool ActsAsView(const NodeView& node, PassContext& context) {
  return IsView(node) || (node.Is("Transpose") && MovesOnlyOnes(node, context));
}

// Of results of views: the value at the start of their chain.
using Roots = absl::flat_hash_map<ValueId, ValueId>;

// The value at the start of the chain of views that ends in `node`, or none if there is no chain. Asked in the order of
// the nodes, it looks at each view once.
ValueId RootOfViews(const Graph& graph, const NodeView& node, PassContext& context, Roots& roots) {
  ValueId value = node.input(0);
  ValueId root;
  while (value.valid()) {
    const NodeId producer = graph.Producer(value);
    if (!producer.valid() || graph.BlockOf(value) != node.block() || !ActsAsView(graph.node(producer), context)) {
      break;
    }
    // An output of the graph may have taken its place since.
    const auto known = roots.find(value);
    const bool found = known != roots.end() && graph.IsLive(known->second);
    value = root = found ? known->second : graph.node(producer).input(0);
    if (found) break;
  }
  const ValueId start = root.valid() ? root : node.input(0);
  if (start.valid()) roots[node.output(0)] = start;
  return root;
}

Rewritten ComposeReshapes(Graph& graph, NodeId id, PassContext& context, Roots& roots) {
  const NodeView node = graph.node(id);
  if (node.opset() < 5) return NoMatch<bool>();
  const ValueId root = RootOfViews(graph, node, context, roots);
  if (!root.valid()) return NoMatch<bool>();
  const Shape from = context.facts().ShapeOf(root);
  const Shape to = context.facts().ShapeOf(node.output(0));
  if (from == to && from.is_static() && WhyNotForward(graph, node.output(0), root).empty()) {
    context.Applied(node, "removed: the chain of views gives back its input");
    ForwardAndRemove(graph, node.output(0), root);
    return Done();
  }
  if (!to.has_rank()) return NoMatch<bool>("the rank of its result is unknown");
  const Matched<std::vector<int64_t>> target = ReshapeTarget(from, to.dims());
  if (!target) return NoMatch<bool>(absl::StrCat(target.why_not, ": ", to.ToString()));
  context.Applied(node, absl::StrCat("reads '", graph.Name(root), "' directly"));
  NewNode reshape;
  reshape.name = std::string(node.name());
  reshape.op_type = "Reshape";
  reshape.inputs = {root, AddInts(graph, node, "shape", *target)};
  reshape.outputs = {node.output(0)};
  graph.AddNode(std::move(reshape), id);
  graph.RemoveNode(id);
  return Done();
}

// ---- Slice ----

struct SliceParts {
  std::vector<int64_t> starts, ends, axes, steps;
};

std::optional<SliceParts> PartsOf(const Graph& graph, const NodeView& node, int rank) {
  SliceParts parts;
  const auto starts = Ints(graph, node, 1, "starts"), ends = Ints(graph, node, 2, "ends");
  if (!starts || !ends || starts->size() != ends->size()) return std::nullopt;
  parts.starts = *starts;
  parts.ends = *ends;
  if (node.HasAttr("axes") || node.input(3).valid()) {
    const auto axes = Ints(graph, node, 3, "axes");
    if (!axes || axes->size() != starts->size()) return std::nullopt;
    parts.axes = *axes;
  } else {
    for (size_t i = 0; i < starts->size(); ++i) parts.axes.push_back(static_cast<int64_t>(i));
  }
  if (node.input(4).valid()) {
    const auto steps = Ints(graph, node, 4, "");
    if (!steps || steps->size() != starts->size()) return std::nullopt;
    parts.steps = *steps;
  } else {
    parts.steps.assign(starts->size(), 1);
  }
  for (int64_t& axis : parts.axes) {
    if (axis < 0) {
      if (rank < 0) return std::nullopt;
      axis += rank;
      if (axis < 0) return std::nullopt;
    }
  }
  return parts;
}

// Position `i` of a Slice's start or end on an axis of `size`, clamped as ONNX does for positive steps.
int64_t Clamped(int64_t i, int64_t size) {
  return std::clamp<int64_t>(i < 0 ? i + size : i, 0, size);
}

// Elements that a Slice takes.
int64_t Taken(int64_t start, int64_t end, int64_t step) {
  return end > start ? (end - start - 1) / step + 1 : 0;
}

// Appends the cut `j` of `b` to `a`, which may cut the same axis already; the reason why not, or "".
std::string AddCut(const SliceParts& b, size_t j, const Shape& shape, SliceParts& a) {
  const auto same = std::find(a.axes.begin(), a.axes.end(), b.axes[j]);
  if (same == a.axes.end()) {
    a.starts.push_back(b.starts[j]);
    a.ends.push_back(b.ends[j]);
    a.axes.push_back(b.axes[j]);
    a.steps.push_back(b.steps[j]);
    return "";
  }
  const size_t i = static_cast<size_t>(same - a.axes.begin());
  const int64_t axis = b.axes[j];
  if (a.steps[i] <= 0 || b.steps[j] <= 0) {
    return absl::StrCat("the Slice before it cuts axis ", axis, " too, backwards");
  }
  if (!shape.has_rank() || axis >= shape.rank() || !shape.dim(static_cast<int>(axis)).known()) {
    return absl::StrCat("the Slice before it cuts axis ", axis, " too, whose size is unknown");
  }
  const int64_t size = shape.dim(static_cast<int>(axis)).size();
  const int64_t start = Clamped(a.starts[i], size);
  const int64_t taken = Taken(start, Clamped(a.ends[i], size), a.steps[i]);
  const int64_t inner_start = Clamped(b.starts[j], taken);
  const int64_t inner_taken = Taken(inner_start, Clamped(b.ends[j], taken), b.steps[j]);
  int64_t step = 0, first = 0;  // `first` may lie a step beyond the axis, where nothing is taken
  if (__builtin_mul_overflow(a.steps[i], b.steps[j], &step) || (inner_taken > 1 && step > size) ||
      __builtin_mul_overflow(a.steps[i], inner_start, &first) || __builtin_add_overflow(start, first, &first)) {
    return absl::StrCat("its steps on axis ", axis, " are too large");
  }
  a.starts[i] = first;
  a.ends[i] = inner_taken == 0 ? first : first + (inner_taken - 1) * step + 1;
  a.steps[i] = step;
  return "";
}

Rewritten ComposeSlices(Graph& graph, NodeId id, PassContext& context) {
  const NodeView node = graph.node(id);
  const NodeId inner = node.input(0).valid() ? graph.Producer(node.input(0)) : NodeId();
  if (!inner.valid() || !graph.node(inner).Is("Slice") || node.opset() < 10 ||
      graph.node(inner).block() != node.block()) {
    return NoMatch<bool>();
  }
  const NodeView first = graph.node(inner);
  const Shape& shape = context.facts().ShapeOf(first.input(0));
  const int rank = shape.has_rank() ? shape.rank() : -1;
  std::optional<SliceParts> both = PartsOf(graph, first, rank);
  const std::optional<SliceParts> cuts = PartsOf(graph, node, rank);
  if (!both || !cuts) {
    return NoMatch<bool>("its bounds, or those of the Slice before it, are not constant");
  }
  for (size_t j = 0; j < cuts->axes.size(); ++j) {
    std::string why_not = AddCut(*cuts, j, shape, *both);
    if (!why_not.empty()) return NoMatch<bool>(std::move(why_not));
  }
  context.Applied(node, absl::StrCat("took in ", Describe(graph, inner)));
  graph.SetInput(id, 0, first.input(0));
  graph.SetInput(id, 1, AddInts(graph, graph.node(id), "starts", both->starts));
  graph.SetInput(id, 2, AddInts(graph, graph.node(id), "ends", both->ends));
  graph.SetInput(id, 3, AddInts(graph, graph.node(id), "axes", both->axes));
  graph.SetInput(id, 4, AddInts(graph, graph.node(id), "steps", both->steps));
  return Done();
}

// ---- Pad ----

Rewritten ComposePads(Graph& graph, NodeId id, PassContext& context) {
  const NodeView node = graph.node(id);
  const NodeId inner = OwnProducer(graph, node.input(0), "Pad");
  if (!inner.valid() || node.opset() < 11) return NoMatch<bool>();
  const NodeView first = graph.node(inner);
  if (node.String("mode", "constant") != "constant" ||
      first.String("mode", "constant") != "constant") {
    return NoMatch<bool>("it, or the Pad before it, isn't of mode constant");
  }
  if (node.input(3).valid() || first.input(3).valid()) {
    return NoMatch<bool>("it, or the Pad before it, names its axes");
  }
  const auto a = Ints(graph, first, 1, "pads"), b = Ints(graph, node, 1, "pads");
  if (!a || !b || a->size() != b->size()) {
    return NoMatch<bool>("its pads, or those of the Pad before it, are not constant");
  }
  const auto value = [&](const NodeView& pad) -> std::optional<std::vector<double>> {
    if (!pad.input(2).valid()) return std::vector<double>{0.0};
    const std::optional<Tensor> tensor = ConstantOf(graph, pad.input(2));
    if (!tensor) return std::nullopt;
    const absl::StatusOr<std::vector<double>> values = ToDoubles(*tensor);
    return values.ok() ? std::optional(*values) : std::nullopt;
  };
  const auto va = value(first), vb = value(node);
  if (!va || !vb || *va != *vb) return NoMatch<bool>("the Pad before it has another value");
  std::vector<int64_t> sum;
  for (size_t i = 0; i < a->size(); ++i) {
    if ((*a)[i] < 0 || (*b)[i] < 0) return NoMatch<bool>("it, or the Pad before it, crops");
    int64_t both = 0;
    if (__builtin_add_overflow((*a)[i], (*b)[i], &both)) return NoMatch<bool>("its pads are out of range");
    sum.push_back(both);
  }
  context.Applied(node, absl::StrCat("took in ", Describe(graph, inner)));
  graph.SetInput(id, 1, AddInts(graph, node, "pads", sum));
  graph.SetInput(id, 0, graph.node(inner).input(0));
  graph.RemoveNode(inner);
  return Done();
}

// ---- Concat ----

// The node's axis, not negative; nothing where that needs a rank that is unknown.
std::optional<int64_t> AxisOf(const NodeView& node, int64_t fallback, PassContext& context) {
  const int64_t axis = node.Int("axis", fallback);
  if (axis >= 0) return axis;
  const Shape& shape = context.facts().ShapeOf(node.input(0));
  if (!shape.has_rank()) return std::nullopt;
  return axis + shape.rank();
}

// The Concat that makes `value` for this reader only and on the same axis, or none. Two unknown axes are equal here.
NodeId InnerConcat(const Graph& graph, ValueId value, std::optional<int64_t> axis, PassContext& context) {
  const NodeId producer = OwnProducer(graph, value, "Concat");
  return producer.valid() && AxisOf(graph.node(producer), 1, context) == axis ? producer : NodeId();
}

// Takes in the whole tree of Concats at once.
Rewritten ComposeConcats(Graph& graph, NodeId id, PassContext& context) {
  const NodeView node = graph.node(id);
  const bool any = std::any_of(node.inputs().begin(), node.inputs().end(), [&](ValueId input) {
    return OwnProducer(graph, input, "Concat").valid();
  });
  const std::optional<int64_t> axis = any ? AxisOf(node, 1, context) : std::nullopt;
  if (!axis) return NoMatch<bool>();
  NewNode concat;
  std::vector<NodeId> taken;
  std::vector<ValueId> stack(node.inputs().rbegin(), node.inputs().rend());
  while (!stack.empty()) {
    const ValueId value = stack.back();
    stack.pop_back();
    const NodeId inner = InnerConcat(graph, value, axis, context);
    if (!inner.valid()) {
      concat.inputs.push_back(value);
      continue;
    }
    taken.push_back(inner);
    const absl::Span<const ValueId> inputs = graph.node(inner).inputs();
    stack.insert(stack.end(), inputs.rbegin(), inputs.rend());
  }
  if (taken.empty()) return NoMatch<bool>();
  context.Applied(node, absl::StrCat("took in ", taken.size(), " Concat before it"));
  concat.name = std::string(node.name());
  concat.op_type = "Concat";
  concat.like = id;
  concat.outputs = {node.output(0)};
  graph.AddNode(std::move(concat), id);
  graph.RemoveNode(id);
  for (NodeId inner : taken) graph.RemoveNode(inner);
  return Done();
}

// Concat of all results of a Split, in order, on the same axis: what was split.
Rewritten UndoSplit(Graph& graph, NodeId id, PassContext& context) {
  const NodeView node = graph.node(id);
  const NodeId split = node.input(0).valid() ? graph.Producer(node.input(0)) : NodeId();
  if (!split.valid() || !graph.node(split).Is("Split")) return NoMatch<bool>();
  const NodeView parts = graph.node(split);
  if (parts.block() != node.block() || parts.num_outputs() != node.num_inputs()) {
    return NoMatch<bool>();
  }
  for (int i = 0; i < node.num_inputs(); ++i) {
    if (node.input(i) != parts.output(i)) return NoMatch<bool>();
  }
  const auto axis = AxisOf(node, 1, context);
  if (!axis || axis != AxisOf(parts, 0, context)) return NoMatch<bool>();
  const ValueId whole = parts.input(0);
  std::string why_not = WhyNotForward(graph, node.output(0), whole);
  if (!why_not.empty()) return NoMatch<bool>(std::move(why_not));
  context.Applied(node, "removed: it puts together what was split");
  ForwardAndRemove(graph, node.output(0), whole);
  return Done();
}

Rewritten Compose(Graph& graph, NodeId id, PassContext& context, Roots& roots) {
  const NodeView node = graph.node(id);
  if (ActsAsView(node, context)) return ComposeReshapes(graph, id, context, roots);
  if (node.Is("Slice")) return ComposeSlices(graph, id, context);
  if (node.Is("Pad")) return ComposePads(graph, id, context);
  return NoMatch<bool>();
}

Rewritten ComposeConcat(Graph& graph, NodeId id, PassContext& context) {
  if (!graph.node(id).Is("Concat")) return NoMatch<bool>();
  Rewritten undone = UndoSplit(graph, id, context);
  return undone || !undone.why_not.empty() ? undone : ComposeConcats(graph, id, context);
}

}  // namespace

absl::StatusOr<bool> ComposeViews::Run(Graph& graph, PassContext& context) const {
  bool changed = false;
  Roots roots;
  const auto visit = [&](NodeId id, auto compose) {
    if (!graph.IsLive(id)) return;
    const Rewritten result = compose(graph, id, context);
    changed |= result.match.has_value();
    if (!result.why_not.empty()) context.Missed(graph.node(id), result.why_not);
  };
  // Forwards: what comes before a node is composed already. Concats backwards: the last takes in all.
  const std::vector<NodeId> nodes = graph.AllNodes();
  for (NodeId id : nodes) {
    visit(id, [&](Graph& g, NodeId node, PassContext& c) { return Compose(g, node, c, roots); });
  }
  for (auto it = nodes.rbegin(); it != nodes.rend(); ++it) visit(*it, ComposeConcat);
  return changed;
}

}  // namespace dsperse
