#include "fold/lowering/lower_batchnorm.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/lowering/broadcast.h"
#include "fold/lowering/precision.h"
#include "fold/passes/affine_step.h"
#include "fold/passes/constants.h"

namespace dsperse {

absl::StatusOr<Matched<Rewrite>> LowerBatchNorm::Match(const Graph& graph, const NodeView& node,
                                                       Facts& facts) const {
  if (std::string why = WhyNotBroadcast(node, "Mul"); !why.empty()) return NoMatch<Rewrite>(why);
  const Shape& shape = facts.ShapeOf(node.input(0));
  if (!shape.has_rank() || shape.rank() < 2 || !shape.dim(1).known()) {
    return NoMatch<Rewrite>("the number of channels of its input is not known");
  }
  if (shape.dim(1).size() > kMostMade) {
    return NoMatch<Rewrite>(absl::StrCat("it has ", shape.dim(1).size(), " channels"));
  }
  const DType type = facts.TypeOf(node.input(0));
  if (!IsFloat(type)) return NoMatch<Rewrite>("its element type is not known");
  const ChannelAxis axis{shape.rank(), 1, shape.dim(1).size()};
  DSPERSE_ASSIGN_OR_RETURN(const Matched<AffineStep> step,
                           MatchAffineStep(graph, node.id(), node.input(0), axis));
  if (!step) return NoMatch<Rewrite>(step.why_not);
  Affine affine = Affine::Identity(axis.channels);
  step->Append(affine);
  Dims dims(static_cast<size_t>(shape.rank() - 1), 1);
  dims[0] = axis.channels;
  for (size_t c = 0; c < affine.k.size(); ++c) {
    if (!IsFiniteAs(type, affine.k[c]) || !IsFiniteAs(type, affine.t[c])) {
      return NoMatch<Rewrite>(absl::StrCat(ChannelName(c), ": a constant is not finite"));
    }
  }
  DSPERSE_ASSIGN_OR_RETURN(Tensor k, RoundTo(type, dims, affine.k));
  DSPERSE_ASSIGN_OR_RETURN(Tensor t, RoundTo(type, dims, affine.t));
  return dsperse::Match(Rewrite{"written as Mul and Add per channel", [k, t](Rewriter& r) {
    const ValueId scaled = r.Emit("Mul", {r.anchor().input(0), r.Constant(k, "scale")}, "scaled");
    r.Replace("Add", {scaled, r.Constant(t, "shift")});
  }});
}

}  // namespace dsperse
