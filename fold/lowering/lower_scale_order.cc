#include "fold/lowering/lower_scale_order.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/lowering/precision.h"
#include "fold/lowering/rewriter.h"
#include "fold/lowering/scratch.h"
#include "fold/passes/affine_step.h"
#include "fold/passes/constants.h"
#include "fold/passes/linear_owner.h"

namespace dsperse {
namespace {

// From the factor to the operator that takes it.
struct Chain {
  NodeId mul, add, activation, owner;  // add may be none
  int mul_data = 0;
  int owner_data = 0;
  int owner_weight = 1;
  Dims shape;  // of x
  std::optional<Tensor> shift;  // t/k
  Tensor weight;                // W·k
};

NodeId OnlyReader(const Graph& graph, ValueId value) {
  return graph.HasSingleNodeUse(value) ? graph.Uses(value)[0].node : NodeId();
}

bool IsRelu(const Graph& graph, const NodeView& node, ValueId data) {
  if (node.Is("Relu")) return true;
  if (!node.Is("Max") || node.num_inputs() != 2 || node.input(0) != data) return false;
  const std::optional<Tensor> zero = ConstantOf(graph, node.input(1));
  if (!zero || zero->num_elements() != 1) return false;
  const absl::StatusOr<std::vector<double>> value = ToDoubles(*zero);
  return value.ok() && (*value)[0] == 0;
}

// The chain that begins at `mul`; no reason where it is of another kind.
absl::StatusOr<Matched<Chain>> MatchChain(const Graph& graph, NodeId mul, PassContext& context) {
  Chain chain;
  chain.mul = mul;
  const NodeView factor = graph.node(mul);
  if (factor.num_inputs() != 2 || factor.opset() < 7) return NoMatch<Chain>();
  chain.mul_data = ConstantOf(graph, factor.input(1)) ? 0 : 1;
  const ValueId x = factor.input(chain.mul_data);
  ValueId value = factor.output(0);
  NodeId next = OnlyReader(graph, value);
  if (next.valid() && graph.node(next).Is("Add")) {
    chain.add = next;
    value = graph.node(next).output(0);
    next = OnlyReader(graph, value);
  }
  if (!next.valid() || !IsRelu(graph, graph.node(next), value)) return NoMatch<Chain>();
  chain.activation = next;
  const ValueId activated = graph.node(next).output(0);
  next = OnlyReader(graph, activated);
  if (!next.valid() || !IsLinearOp(graph.node(next))) return NoMatch<Chain>();
  chain.owner = next;

  Facts& facts = context.facts();
  const std::optional<Dims> dims = facts.StaticShape(x);
  if (!dims || dims->size() < 2) return NoMatch<Chain>("the shape of its input is not known");
  const std::optional<int64_t> elements = facts.ShapeOf(x).NumElements();
  if (!elements || *elements < 1) return NoMatch<Chain>();
  chain.shape = *dims;
  const Matched<LinearOwner> owner = MatchLinearOwner(graph, chain.owner, context);
  if (!owner || !owner->in.valid()) return NoMatch<Chain>(owner.why_not);
  if (graph.node(chain.owner).input(owner->data_input) != activated || owner->in.axis != 1) {
    return NoMatch<Chain>();
  }
  const ChannelAxis axis{static_cast<int>(dims->size()), 1, (*dims)[1]};
  if (owner->in.channels != axis.channels) return NoMatch<Chain>();
  DSPERSE_ASSIGN_OR_RETURN(const Matched<AffineStep> scale, MatchAffineStep(graph, mul, x, axis));
  if (!scale) return NoMatch<Chain>(scale.why_not);
  Affine affine = Affine::Identity(axis.channels);
  scale->Append(affine);
  if (chain.add.valid()) {
    DSPERSE_ASSIGN_OR_RETURN(const Matched<AffineStep> shift,
                             MatchAffineStep(graph, chain.add, factor.output(0), axis));
    if (!shift) return NoMatch<Chain>(shift.why_not);
    shift->Append(affine);
  }
  const DType type = facts.TypeOf(x);
  if (std::string why = WhyNoConvOf(type, factor); !why.empty()) return NoMatch<Chain>(why);
  std::vector<double> before(affine.k.size());
  for (size_t c = 0; c < affine.k.size(); ++c) {
    if (!(affine.k[c] > 0)) {
      return NoMatch<Chain>(absl::StrCat(ChannelName(c), ": its factor ", affine.k[c], " is not positive"));
    }
    if (!WeightsKeepPrecision(type, affine.k[c])) {
      return NoMatch<Chain>(absl::StrCat(ChannelName(c), ": its factor ", affine.k[c], " is too small for float16"));
    }
    before[c] = affine.t[c] / affine.k[c];
    if (!IsFiniteAs(type, before[c])) {
      return NoMatch<Chain>(absl::StrCat(ChannelName(c), ": its shift before the factor is not finite"));
    }
  }
  if (owner->weight.is_uniform() && owner->weight.num_elements() > kMostMade) {
    return NoMatch<Chain>("a ConstantOfShape behind it is too large");
  }
  DSPERSE_ASSIGN_OR_RETURN(chain.weight, ScaleWeight(*owner, {}, affine.k));
  DSPERSE_ASSIGN_OR_RETURN(const int64_t bad, FirstNonFinite(chain.weight));
  if (bad >= 0) return NoMatch<Chain>("a weight behind it would not be finite");
  if (chain.add.valid()) {
    Dims shape(dims->size(), 1);
    shape[1] = axis.channels;
    DSPERSE_ASSIGN_OR_RETURN(chain.shift, RoundTo(type, shape, before));
  }
  chain.owner_data = owner->data_input;
  chain.owner_weight = owner->weight_input;
  return Match(std::move(chain));
}

// Works on the model and on a scratch copy alike: finds the nodes from the anchor, the owner, backwards.
void Apply(Rewriter& r, const Chain& chain) {
  Graph& g = r.graph();
  const NodeId owner = r.anchor().id();
  const ValueId activated = r.anchor().input(chain.owner_data);
  const NodeId activation = g.Producer(activated);
  NodeId last = g.Producer(g.node(activation).input(0)), mul = last;
  if (chain.add.valid()) {
    for (ValueId v : g.node(last).inputs()) {
      if (g.Producer(v).valid() && g.node(g.Producer(v)).Is("Mul")) mul = g.Producer(v);
    }
  }
  const ValueId x = g.node(mul).input(chain.mul_data);
  Rewriter before(g, activation);
  const ValueId shifted =
      chain.shift ? before.Emit("Add", {x, before.Wire(x, chain.shape, *chain.shift, "shift")}, "shifted")
                  : x;
  g.SetInput(activation, 0, shifted);
  if (last != mul) g.RemoveNode(last);
  g.RemoveNode(mul);
  ReplaceConstantInput(g, owner, chain.owner_weight, chain.weight, "");
}

}  // namespace

absl::StatusOr<bool> LowerScaleOrder::Run(Graph& graph, PassContext& context) const {
  if (context.target == nullptr || !context.pricer || context.options().exact) return false;
  bool changed = false;
  for (NodeId id : graph.AllNodes()) {
    if (!graph.IsLive(id) || !graph.node(id).Is("Mul")) continue;
    if (context.target->Proves(graph, graph.node(id), context.facts())) continue;
    DSPERSE_ASSIGN_OR_RETURN(const Matched<Chain> chain, MatchChain(graph, id, context));
    if (!chain) {
      if (!chain.why_not.empty()) context.Missed(graph.node(id), chain.why_not);
      continue;
    }
    std::vector<NodeId> with = {chain->mul};
    if (chain->add.valid()) with.push_back(chain->add);
    with.push_back(chain->activation);
    const auto apply = [&](Rewriter& r) { Apply(r, *chain); };
    DSPERSE_ASSIGN_OR_RETURN(
        const std::optional<PriceChange> change,
        PriceOfRewrite(graph, chain->owner, context.facts(), context.pricer, apply, with));
    if (!change || change->after >= change->before) continue;
    context.Applied(graph.node(id),
                    absl::StrCat("put behind the activation, into ", Describe(graph, chain->owner), ": ",
                                 change->before, " → ", change->after, " ", change->unit, " (re-rounded)"));
    Rewriter rewriter(graph, chain->owner);
    Apply(rewriter, *chain);
    changed = true;
  }
  return changed;
}

}  // namespace dsperse
