#include "fold/passes/eliminate_redundant_transposes.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/op.h"
#include "fold/passes/constants.h"
#include "fold/passes/match.h"
#include "fold/passes/rewire.h"

namespace dsperse {
namespace {

using Permutation = std::vector<int64_t>;

// The node's permutation; empty where it isn't spelt out and the rank is unknown, or is none.
Permutation PermutationOf(const NodeView& node, PassContext& context) {
  Permutation perm = node.Ints("perm");
  if (perm.empty()) {
    const Shape& shape = context.facts().ShapeOf(node.input(0));
    if (!shape.has_rank()) return {};
    for (int i = shape.rank() - 1; i >= 0; --i) perm.push_back(i);
  }
  std::vector<bool> seen(perm.size());
  for (int64_t axis : perm) {
    if (axis < 0 || axis >= static_cast<int64_t>(perm.size()) || seen[static_cast<size_t>(axis)]) {
      return {};
    }
    seen[static_cast<size_t>(axis)] = true;
  }
  return perm;
}

// First `a`, then `b`.
Permutation Composed(const Permutation& a, const Permutation& b) {
  Permutation out(b.size());
  for (size_t i = 0; i < b.size(); ++i) out[i] = a[static_cast<size_t>(b[i])];
  return out;
}

bool IsIdentity(const Permutation& perm) {
  for (size_t i = 0; i < perm.size(); ++i) {
    if (perm[i] != static_cast<int64_t>(i)) return false;
  }
  return true;
}

bool IsElementwise(const NodeView& node) {
  static constexpr absl::string_view kTypes[] = {
      "Abs",   "Add",         "Ceil",      "Celu",    "Clip",     "Cos",      "Div",
      "Elu",   "Erf",         "Exp",       "Floor",   "Gelu",     "HardSigmoid", "HardSwish",
      "LeakyRelu", "Log",     "Mish",      "Mul",     "Neg",      "Pow",      "Reciprocal",
      "Relu",  "Round",       "Selu",      "Sigmoid", "Sign",     "Sin",      "Softplus",
      "Softsign", "Sqrt",     "Sub",       "Tanh",    "ThresholdedRelu", "Max", "Min", "Sum", "Mean"};
  if (!node.domain().empty() || node.opset() < 7 || node.num_outputs() != 1) return false;
  return std::find(std::begin(kTypes), std::end(kTypes), node.op_type()) != std::end(kTypes);
}

// Inputs of an elementwise operator that lie in the place of its result (Clip's bounds don't).
int NumDataInputs(const NodeView& node) { return node.Is("Clip") ? 1 : node.num_inputs(); }

// ---- Transpose of a Transpose ----

Matched<bool> Compose(Graph& graph, NodeId id, PassContext& context) {
  const NodeView node = graph.node(id);
  const ValueId between = node.input(0);
  const NodeId producer = between.valid() ? graph.Producer(between) : NodeId();
  if (!producer.valid() || !graph.node(producer).Is("Transpose")) return NoMatch<bool>();
  const Permutation first = PermutationOf(graph.node(producer), context);
  const Permutation second = PermutationOf(node, context);
  if (first.empty() || first.size() != second.size()) return NoMatch<bool>();
  const Permutation both = Composed(first, second);
  const ValueId data = graph.node(producer).input(0);
  if (IsIdentity(both)) {
    std::string why_not = WhyNotForward(graph, node.output(0), data);
    if (!why_not.empty()) return NoMatch<bool>(std::move(why_not));
    context.Applied(node, absl::StrCat("undoes ", Describe(graph, producer)));
    ForwardAndRemove(graph, node.output(0), data);
    return Match(true);
  }
  context.Applied(node, absl::StrCat("composed with ", Describe(graph, producer)));
  graph.SetInput(id, 0, data);
  graph.SetAttribute(id, "perm", both);
  return Match(true);
}

// ---- through elementwise operators ----

struct Leaf {
  NodeId node;  // of the tree, which reads it
  int input;
  ValueId value;  // what it is to read
  std::optional<Tensor> constant;  // or this
};

struct Tree {
  std::vector<NodeId> nodes;
  std::vector<Leaf> leaves;
  int transposes = 0;
};

class TreeMatcher {
 public:
  TreeMatcher(const Graph& graph, NodeId id, PassContext& context)
      : graph_(graph), node_(graph.node(id)), context_(context) {}

  absl::StatusOr<Matched<Tree>> Match() {
    perm_ = PermutationOf(node_, context_);
    if (perm_.empty() || !Enter(node_.input(0))) return NoMatch<Tree>();
    ValueId blocked;  // the first value that neither is a leaf nor can be entered
    while (!stack_.empty()) {
      const NodeView node = graph_.node(stack_.back());
      stack_.pop_back();
      for (int i = 0; i < NumDataInputs(node); ++i) {
        if (!node.input(i).valid()) continue;
        DSPERSE_ASSIGN_OR_RETURN(const bool fits, TakeLeaf(node, i));
        if (fits || Enter(node.input(i))) continue;
        // Whether that is worth a remark shows only once the other leaves are known.
        if (!blocked.valid()) blocked = node.input(i);
      }
    }
    if (tree_.transposes == 0) return NoMatch<Tree>();
    if (blocked.valid()) {
      return NoMatch<Tree>(
          absl::StrCat("'", graph_.Name(blocked), "' is needed in its present order"));
    }
    return dsperse::Match(std::move(tree_));
  }

 private:
  // Makes the producer of `value` part of the tree, if it may be.
  bool Enter(ValueId value) {
    if (!value.valid() || !graph_.HasSingleNodeUse(value)) return false;
    const NodeId producer = graph_.Producer(value);
    if (!producer.valid() || !IsElementwise(graph_.node(producer))) return false;
    tree_.nodes.push_back(producer);
    stack_.push_back(producer);
    return true;
  }

  absl::StatusOr<bool> TakeLeaf(const NodeView& node, int input) {
    const ValueId value = node.input(input);
    const NodeId producer = graph_.Producer(value);
    if (producer.valid() && graph_.node(producer).Is("Transpose")) {
      const Permutation perm = PermutationOf(graph_.node(producer), context_);
      if (perm.size() != perm_.size() || !IsIdentity(Composed(perm, perm_))) return false;
      tree_.leaves.push_back({node.id(), input, graph_.node(producer).input(0), std::nullopt});
      ++tree_.transposes;
      return true;
    }
    const std::optional<Tensor> constant = ConstantOf(graph_, value);
    if (!constant) return false;
    if (constant->num_elements() == 1) {
      return constant->rank() <= static_cast<int>(perm_.size());
    }
    return TakeConstant(node, input, *constant);
  }

  // A constant that isn't the same everywhere is transposed with the rest.
  absl::StatusOr<bool> TakeConstant(const NodeView& node, int input, const Tensor& constant) {
    const size_t rank = perm_.size();
    if (constant.dims().size() > rank || constant.num_bytes() > context_.options().max_constant) {
      return false;
    }
    Dims dims(rank - constant.dims().size(), 1);
    dims.insert(dims.end(), constant.dims().begin(), constant.dims().end());
    DSPERSE_ASSIGN_OR_RETURN(const Tensor widened, constant.WithDims(dims));
    EvalContext evaluation;
    const Tensor* inputs[] = {&widened};
    // Evaluated as the Transpose at hand.
    const absl::StatusOr<std::vector<Tensor>> result = Evaluate(evaluation, node_, inputs);
    if (!result.ok()) {
      if (IsFileError(result.status())) return result.status();
      return false;
    }
    tree_.leaves.push_back({node.id(), input, ValueId(), (*result)[0]});
    return true;
  }

  const Graph& graph_;
  const NodeView node_;
  PassContext& context_;
  Permutation perm_;
  std::vector<NodeId> stack_;
  Tree tree_;
};

void ApplyTree(Graph& graph, NodeId id, const Tree& tree) {
  for (const Leaf& leaf : tree.leaves) {
    ValueId value = leaf.value;
    if (leaf.constant) {
      const ValueId old = graph.node(leaf.node).input(leaf.input);
      value = graph.AddConstant(graph.Name(old), *leaf.constant, graph.node(leaf.node).block());
    }
    graph.SetInput(leaf.node, leaf.input, value);
  }
  // Values in the tree have another shape now: new ones, so that nothing known or declared of the old
  // ones is taken for theirs.
  for (auto it = tree.nodes.rbegin(); it != tree.nodes.rend(); ++it) {
    const bool last = it + 1 == tree.nodes.rend();
    const NodeView old = graph.node(*it);
    NewNode fresh;
    fresh.name = std::string(old.name());
    fresh.op_type = std::string(old.op_type());
    fresh.like = *it;
    fresh.inputs.assign(old.inputs().begin(), old.inputs().end());
    const ValueId result = old.output(0);
    if (last) {
      graph.SetInput(id, 0, ValueId());
      fresh.outputs = {graph.node(id).output(0)};
      graph.AddNode(std::move(fresh), *it);
    } else {
      fresh.new_outputs = {std::string(graph.Name(result))};
      const NodeId made = graph.AddNode(std::move(fresh), *it);
      graph.ReplaceUses(result, graph.node(made).output(0));
    }
    graph.RemoveNode(*it);
  }
  graph.RemoveNode(id);
}

}  // namespace

absl::StatusOr<bool> EliminateRedundantTransposes::Run(Graph& graph, PassContext& context) const {
  bool changed = false;
  for (NodeId id : graph.AllNodes()) {
    if (!graph.IsLive(id) || !graph.node(id).Is("Transpose")) continue;
    const Matched<bool> composed = Compose(graph, id, context);
    if (composed) {
      changed = true;
      continue;
    }
    std::string why_not = composed.why_not;
    DSPERSE_ASSIGN_OR_RETURN(const Matched<Tree> tree, TreeMatcher(graph, id, context).Match());
    if (tree) {
      context.Applied(graph.node(id), absl::StrCat("undoes the Transposes before ", tree->nodes.size(),
                                                   " elementwise operators"));
      ApplyTree(graph, id, *tree);
      changed = true;
      continue;
    }
    if (why_not.empty()) why_not = tree.why_not;
    if (!why_not.empty()) context.Missed(graph.node(id), why_not);
  }
  return changed;
}

}  // namespace dsperse
