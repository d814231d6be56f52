#include "fold/lowering/node_lowering.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/lowering/scratch.h"

namespace dsperse {

absl::string_view LoweringClassName(LoweringClass c) {
  switch (c) {
    case LoweringClass::kSame: return "same";
    case LoweringClass::kSameSum: return "same sum";
    case LoweringClass::kReRounded: return "re-rounded";
  }
  return "";
}

bool NodeLowering::MayApply(const Target& target) const {
  if (!Serves(target)) return false;
  if (price_driven() || may_be_wanted()) return true;
  bool known = false;
  for (const TargetRow& row : target.rows()) {
    if (row.op_type != op_type()) continue;
    known = true;
    if (row.why_not != nullptr) return true;
  }
  return !known;
}

absl::StatusOr<bool> NodeLowering::Run(Graph& graph, PassContext& context) const {
  if (context.target == nullptr || !Serves(*context.target)) return false;
  bool changed = false;
  std::optional<std::string> why_not_here;
  for (NodeId id : graph.AllNodes()) {
    if (!graph.IsLive(id) || !graph.node(id).Is(op_type())) continue;
    const NodeView node = graph.node(id);
    Facts& facts = context.facts();
    // What is remembered of a node holds until the first rewrite.
    const auto proven = [&] { return changed ? context.target->Proves(graph, node, facts) : context.Proves(node); };
    const bool needed = Wanted(graph, node, *context.target) || !proven();
    if (!needed && !(price_driven() && context.pricer)) continue;
    DSPERSE_ASSIGN_OR_RETURN(Matched<Rewrite> match, Match(graph, node, facts));
    if (!match) {
      if (!match.why_not.empty()) context.Missed(node, match.why_not);
      continue;
    }
    if (!why_not_here) why_not_here = WhyNotIn(graph);
    if (!why_not_here->empty()) {
      context.Missed(node, *why_not_here);
      continue;
    }
    if (context.options().exact && lowering_class() == LoweringClass::kReRounded) {
      context.Missed(node, "it would be rounded otherwise, which --exact forbids");
      continue;
    }
    std::string saved;
    if (!needed) {
      DSPERSE_ASSIGN_OR_RETURN(const std::optional<PriceChange> change,
                               PriceOfRewrite(graph, id, facts, context.pricer, match->run));
      if (!change || change->after >= change->before) continue;
      saved = absl::StrCat(": ", change->before, " → ", change->after, " ", change->unit);
    }
    context.Applied(node, absl::StrCat(match->applied, saved, " (", LoweringClassName(lowering_class()), ")"));
    Rewriter rewriter(graph, id);
    match->run(rewriter);
    changed = true;
  }
  if (changed) context.ForgetProofs();
  return changed;
}

}  // namespace dsperse
