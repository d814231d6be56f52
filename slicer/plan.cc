#include "slicer/plan.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "slicer/budget_policy.h"
#include "slicer/dsperse_policy.h"
#include "slicer/orders.h"
#include "slicer/reads.h"
#include "slicer/sequence.h"

namespace dsperse {
namespace {

constexpr std::pair<Policy, absl::string_view> kPolicies[] = {{Policy::kBudget, "budget"},
                                                              {Policy::kDsperse, "dsperse"},
                                                              {Policy::kLayer, "layer"},
                                                              {Policy::kPoints, "points"},
                                                              {Policy::kWhole, "whole"}};
constexpr std::pair<Minimize, absl::string_view> kMinimize[] = {{Minimize::kTotal, "total"},
                                                                {Minimize::kLargest, "largest"},
                                                                {Minimize::kSlices, "slices"}};

bool BeginsALayer(absl::string_view op) {
  return op == "Conv" || op == "ConvTranspose" || op == "Gemm" || op == "MatMul";
}

// What a layer that was lowered may begin with: a grouped Conv is a Split and a Conv for each group, one of many products
// patches and a Gemm.
bool BringsData(absl::string_view op) {
  return op == "Split" || op == "Reshape" || op == "Pad" || op == "Gather";
}

// Shapes and constants only: nothing to prove, and nothing to lose.
class Planner {
 public:
  Planner(const Graph& graph, Facts& facts, RangePricer& pricer, const PlanOptions& options)
      : graph_(graph), facts_(facts), pricer_(pricer), options_(options) {}

  absl::StatusOr<Plan> Run() {
    if (!graph_.FirstNode(graph_.main()).valid()) {
      return absl::InvalidArgumentError("the model has no nodes to slice");
    }
    DSPERSE_ASSIGN_OR_RETURN(const Sequence sequence,
                             Sequence::Make(graph_, facts_, graph_.Nodes(graph_.main())));
    if (options_.policy == Policy::kBudget) return ByBudget(sequence);
    std::vector<int> begins = {0};
    switch (options_.policy) {
      case Policy::kDsperse:
        begins = DsperseCuts(graph_, sequence, options_.dsperse_estimate);
        break;
      case Policy::kLayer:
        begins = AtLayers(sequence);
        break;
      case Policy::kPoints: {
        DSPERSE_ASSIGN_OR_RETURN(begins, AtTensors(sequence));
        break;
      }
      case Policy::kWhole:
      case Policy::kBudget:
        break;
    }
    if (options_.policy != Policy::kWhole) begins = Split(sequence, begins);
    return Assemble(sequence, kInputOrder, begins);
  }

 private:
  // `as_given` is in the order of the file.
  absl::StatusOr<Plan> ByBudget(const Sequence& as_given) {
    std::optional<Plan> best;
    std::tuple<uint64_t, uint64_t> best_score;
    std::vector<NamedOrder> orders = {{kInputOrder, {}}};
    // Every order costs a plan of its own: a large graph is planned in the order of its file.
    if (as_given.size() <= kManyNodes) orders = TopologicalOrders(graph_, facts_);
    std::vector<NodeKind> kind_of(static_cast<size_t>(graph_.NodeLimit()));
    for (NodeId n : as_given.order()) kind_of[static_cast<size_t>(n.index)] = KindOf(n);
    for (NamedOrder& candidate : orders) {
      std::optional<Sequence> other;
      if (candidate.name != kInputOrder) {
        DSPERSE_ASSIGN_OR_RETURN(other, Sequence::Make(graph_, facts_, std::move(candidate.order)));
      }
      const Sequence& sequence = other ? *other : as_given;
      std::vector<NodeKind> kinds;
      kinds.reserve(static_cast<size_t>(sequence.size()));
      for (NodeId n : sequence.order()) kinds.push_back(kind_of[static_cast<size_t>(n.index)]);
      const BudgetCuts cuts = PlanByBudget(sequence, kinds, pricer_, options_);
      const std::tuple<uint64_t, uint64_t> score = {cuts.first, cuts.second};
      if (best && best_score <= score) continue;
      best = Assemble(sequence, candidate.name, cuts.begins);
      best_score = score;
    }
    return *std::move(best);
  }

  NodeKind KindOf(NodeId n) {
    if (LeftOut(n)) return NodeKind::kUnprovable;
    if (OnlyMovesData(graph_, options_.target, n)) return NodeKind::kMovement;
    if (!WhyNot(n).empty()) return NodeKind::kUnprovable;
    // What the backend itself refuses, alone in a slice, can't be proven either.
    pricer_.Begin();
    const RangePrice alone = pricer_.Extend(n);
    return alone.provable && alone.bits <= options_.max_bits ? NodeKind::kProvable
                                                             : NodeKind::kUnprovable;
  }

  bool LeftOut(NodeId n) const {
    const std::vector<std::string>& ops = options_.circuit_ops;
    return !ops.empty() && std::find(ops.begin(), ops.end(), graph_.node(n).op_type()) == ops.end();
  }

  std::string WhyNot(NodeId n) {
    if (LeftOut(n)) return "not among the operators chosen for circuits";
    if (options_.target == nullptr) return "";
    return options_.target->WhyNot(graph_, graph_.node(n), facts_);
  }

  // `node`, or the first of the nodes that bring it its first operand.
  NodeId FirstOfLayer(NodeId node) const {
    for (ValueId v = graph_.node(node).input(0); v.valid() && graph_.Producer(v).valid();) {
      const NodeId maker = graph_.Producer(v);
      if (!BringsData(graph_.node(maker).op_type())) break;
      node = maker;
      v = graph_.node(node).input(0);
    }
    return node;
  }

  std::vector<int> AtLayers(const Sequence& sequence) const {
    std::vector<int> begins = {0};
    NodeId split;  // the one that the present layer begins with
    for (int p = 0; p < sequence.size(); ++p) {
      const NodeId node = sequence.node(p);
      if (!BeginsALayer(graph_.node(node).op_type())) continue;
      const NodeId first = FirstOfLayer(node);
      const bool parted = graph_.node(first).Is("Split");
      if (parted && first == split) continue;
      split = parted ? first : NodeId();
      const int begin = first == node ? p : sequence.MadeAt(graph_.node(first).output(0));
      // What lies before the last layer's beginning is of an earlier slice already.
      begins.push_back(begin >= begins.back() ? begin : p);
    }
    begins.erase(std::unique(begins.begin(), begins.end()), begins.end());
    return begins;
  }

  absl::StatusOr<std::vector<int>> AtTensors(const Sequence& sequence) const {
    std::vector<int> begins = {0};
    for (const std::string& name : options_.cuts) {
      const ValueId v = graph_.FindValue(name);
      if (!v.valid() || !graph_.Producer(v).valid()) {
        return absl::InvalidArgumentError(
            absl::StrCat("no node of the model produces the tensor '", name, "'"));
      }
      const int begin = sequence.MadeAt(v) + 1;
      if (begin < sequence.size()) begins.push_back(begin);
    }
    std::sort(begins.begin(), begins.end());
    begins.erase(std::unique(begins.begin(), begins.end()), begins.end());
    return begins;
  }

  // No slice holds more than max_nodes.
  std::vector<int> Split(const Sequence& sequence, const std::vector<int>& begins) const {
    std::vector<int> out;
    for (size_t i = 0; i < begins.size(); ++i) {
      const int end = i + 1 < begins.size() ? begins[i + 1] : sequence.size();
      const int step = std::clamp(options_.max_nodes, 1, sequence.size());
      for (int p = begins[i]; p < end; p += step) out.push_back(p);
    }
    return out;
  }

  Plan Assemble(const Sequence& sequence, absl::string_view order_name,
                const std::vector<int>& begins) {
    Plan plan;
    plan.order.assign(sequence.order().begin(), sequence.order().end());
    plan.order_name = std::string(order_name);
    plan.unit = std::string(pricer_.unit());
    for (size_t i = 0; i < begins.size(); ++i) {
      const int end = i + 1 < begins.size() ? begins[i + 1] : sequence.size();
      plan.slices.push_back(Describe(sequence, begins[i], end));
      if (__builtin_add_overflow(plan.total_price, plan.slices.back().price, &plan.total_price)) {
        plan.total_price = UINT64_MAX;
      }
    }
    return plan;
  }

  Slice Describe(const Sequence& sequence, int begin, int end) {
    Slice slice;
    slice.begin = begin;
    slice.end = end;
    slice.inputs = sequence.LiveIn(begin, end);
    slice.outputs = sequence.LiveOut(begin, end);
    for (ValueId v : slice.inputs) slice.input_elements += sequence.Elements(v);
    for (ValueId v : slice.outputs) slice.output_elements += sequence.Elements(v);
    slice.arithmetic = false;
    pricer_.Begin();
    RangePrice range;
    for (int p = begin; p < end; ++p) {
      const NodeId n = sequence.node(p);
      range = pricer_.Extend(n);
      if (!OnlyMovesData(graph_, options_.target, n)) slice.arithmetic = true;
      if (slice.reason.empty()) {
        if (const std::string why = WhyNot(n); !why.empty()) {
          const NodeView node = graph_.node(n);
          slice.reason = node.name().empty() ? absl::StrCat(node.op_type(), ": ", why)
                                             : absl::StrCat(node.op_type(), " '", node.name(), "': ", why);
        }
      }
    }
    // No circuit is made of what only moves data.
    if (slice.arithmetic) {
      slice.node_price = range.price;
      slice.bits = range.bits;
      slice.exact = range.exact;
      slice.price = SlicePrice(range.price, slice.input_elements, slice.output_elements,
                               pricer_.slice_prices());
    }
    if (slice.reason.empty() && range.bits > options_.max_bits) {
      slice.reason = absl::StrCat("a value needs ", range.bits, " bits, more than ", options_.max_bits);
    }
    if (slice.reason.empty() && !range.provable) slice.reason = "the backend refuses one of its nodes";
    slice.provable = slice.reason.empty();
    slice.over_budget = options_.budget && slice.price > *options_.budget;
    return slice;
  }

  const Graph& graph_;
  Facts& facts_;
  RangePricer& pricer_;
  const PlanOptions& options_;
};

template <typename T, size_t N>
absl::StatusOr<T> ParseName(const std::pair<T, absl::string_view> (&table)[N],
                            absl::string_view name, absl::string_view what) {
  std::string known;
  for (const auto& [value, text] : table) {
    if (text == name) return value;
    absl::StrAppend(&known, known.empty() ? "" : ", ", text);
  }
  return absl::InvalidArgumentError(absl::StrCat("no ", what, " '", name, "'; there are ", known));
}

template <typename T, size_t N>
absl::string_view NameIn(const std::pair<T, absl::string_view> (&table)[N], T value) {
  for (const auto& [v, text] : table) {
    if (v == value) return text;
  }
  return "";
}

}  // namespace

absl::StatusOr<Policy> ParsePolicy(absl::string_view name) {
  return ParseName(kPolicies, name, "policy");
}
absl::StatusOr<Minimize> ParseMinimize(absl::string_view name) {
  return ParseName(kMinimize, name, "objective");
}
absl::string_view PolicyName(Policy policy) { return NameIn(kPolicies, policy); }
absl::string_view MinimizeName(Minimize minimize) { return NameIn(kMinimize, minimize); }

absl::StatusOr<Plan> MakePlan(const Graph& graph, Facts& facts, RangePricer& pricer,
                              const PlanOptions& options) {
  DSPERSE_ASSIGN_OR_RETURN(Plan plan, Planner(graph, facts, pricer, options).Run());
  DSPERSE_RETURN_IF_ERROR(CheckPlan(graph, plan));
  return plan;
}

bool OnlyMovesData(const Graph& graph, const Target* target, NodeId n) {
  const NodeView node = graph.node(n);
  return node.Is("Constant") || node.Is("ConstantOfShape") || node.Is("Shape") ||
         (target != nullptr && target->MovesData(node));
}

absl::Status CheckPlan(const Graph& graph, const Plan& plan) {
  auto broken = [](absl::string_view what) {
    return absl::InternalError(absl::StrCat("the plan is wrong: ", what));
  };
  absl::flat_hash_set<NodeId> placed;
  int position = 0;
  absl::flat_hash_set<ValueId> made;
  for (ValueId v : graph.Inputs(graph.main())) made.insert(v);
  for (const Slice& slice : plan.slices) {
    if (slice.begin != position || slice.end <= slice.begin ||
        slice.end > static_cast<int>(plan.order.size())) {
      return broken("its slices do not follow one another");
    }
    position = slice.end;
    for (ValueId v : slice.inputs) {
      if (!made.contains(v)) return broken(absl::StrCat("a slice reads '", graph.Name(v), "' too early"));
    }
    absl::flat_hash_set<ValueId> local(slice.inputs.begin(), slice.inputs.end());
    for (int p = slice.begin; p < slice.end; ++p) {
      const NodeId n = plan.order[static_cast<size_t>(p)];
      if (!placed.insert(n).second) return broken("a node is placed twice");
      for (ValueId v : ReadsOf(graph, n)) {
        if (!graph.IsInitializer(v) && !local.contains(v)) {
          return broken(absl::StrCat("'", graph.Name(v), "' is no input of the slice that reads it"));
        }
      }
      for (ValueId v : graph.node(n).outputs()) {
        if (v.valid()) local.insert(v);
      }
    }
    for (ValueId v : slice.outputs) {
      if (!local.contains(v)) return broken("a slice gives out what it does not make");
      made.insert(v);
    }
  }
  if (position != static_cast<int>(plan.order.size()) ||
      placed.size() != graph.Nodes(graph.main()).size()) {
    return broken("it does not cover the graph");
  }
  for (ValueId v : graph.Outputs(graph.main())) {
    if (!graph.IsInitializer(v) && !made.contains(v)) {
      return broken(absl::StrCat("no slice gives out the output '", graph.Name(v), "'"));
    }
  }
  return absl::OkStatus();
}

}  // namespace dsperse
