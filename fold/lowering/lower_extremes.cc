#include "fold/lowering/lower_extremes.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/lowering/broadcast.h"
#include "fold/ops/fixed_point.h"
#include "fold/passes/constants.h"

namespace dsperse {
namespace {

Matched<Rewrite> MatchWidth(const Graph& graph, const NodeView& node, Facts& facts) {
  if (node.num_inputs() != 2) return NoMatch<Rewrite>();
  const std::optional<Tensor> first = ConstantOf(graph, node.input(0)), second = ConstantOf(graph, node.input(1));
  if (first && second) return NoMatch<Rewrite>();  // folding is to see to that
  if (std::string why = WhyNotBroadcast(node, node.op_type(), kVariadicBroadcast); !why.empty()) {
    return NoMatch<Rewrite>(why);
  }
  const std::string op(node.op_type());
  if (first) {
    return Match(Rewrite{"its constant put last", [op](Rewriter& r) {
      const ValueId zero = r.anchor().input(0);
      r.Replace(op, {r.anchor().input(1), zero});
    }});
  }
  if (second) return NoMatch<Rewrite>();  // zeros are proven, numbers are lower_max_bound's
  if (CoversBound(graph, node.input(0), node.input(1))) return NoMatch<Rewrite>();  // refused for something else
  if (!IsFloat(facts.TypeOf(node.input(0)))) return NoMatch<Rewrite>("its element type is no float");
  // The compiler takes the shape of a sum to be that of its first operand (lower_shapes.h).
  const bool narrow = facts.ShapeOf(node.input(0)) != facts.ShapeOf(node.output(0));
  const std::optional<Dims> made = facts.StaticShape(node.output(0));
  const bool both = narrow && made && facts.StaticShape(node.input(1)) != made;
  return Match(Rewrite{"its first operand bounded like both", [=](Rewriter& r) {
    ValueId a = r.anchor().input(0);
    const ValueId b = r.anchor().input(1);
    if (both) a = r.Emit("Expand", {a, r.Ints(*made, "shape")}, "expanded");
    const ValueId nothing = r.Emit("Sub", {b, b}, "second_minus_itself");
    const std::vector<ValueId> terms = narrow && !both ? std::vector<ValueId>{nothing, a} : std::vector<ValueId>{a, nothing};
    r.Replace(op, {r.Emit("Add", terms, "first"), b});
  }});
}

}  // namespace

absl::StatusOr<Matched<Rewrite>> LowerMaxWidth::Match(const Graph& graph, const NodeView& node, Facts& facts) const {
  return MatchWidth(graph, node, facts);
}
absl::StatusOr<Matched<Rewrite>> LowerMinWidth::Match(const Graph& graph, const NodeView& node, Facts& facts) const {
  return MatchWidth(graph, node, facts);
}

}  // namespace dsperse
