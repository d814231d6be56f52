#include "fold/lowering/lower_variadic.h"

#include "absl/strings/str_cat.h"
#include "fold/lowering/broadcast.h"

namespace dsperse {
namespace {

Matched<Rewrite> Chain(const NodeView& node, std::string op, int least) {
  if (node.num_inputs() < least) return NoMatch<Rewrite>();
  if (std::string why = WhyNotBroadcast(node, node.op_type(), kVariadicBroadcast); !why.empty()) {
    return NoMatch<Rewrite>(why);
  }
  return Match(Rewrite{absl::StrCat("written as a chain of ", op), [op](Rewriter& r) {
    const absl::Span<const ValueId> inputs = r.anchor().inputs();
    const std::vector<ValueId> operands(inputs.begin(), inputs.end());
    ValueId value = operands[0];
    for (size_t i = 1; i + 1 < operands.size(); ++i) {
      value = r.Emit(op, {value, operands[i]}, absl::StrCat("part_", i));
    }
    r.Replace(op, {value, operands.back()});
  }});
}

}  // namespace

absl::StatusOr<Matched<Rewrite>> LowerMax::Match(const Graph&, const NodeView& node, Facts&) const {
  return Chain(node, "Max", 3);
}
absl::StatusOr<Matched<Rewrite>> LowerMin::Match(const Graph&, const NodeView& node, Facts&) const {
  return Chain(node, "Min", 3);
}
absl::StatusOr<Matched<Rewrite>> LowerSum::Match(const Graph&, const NodeView& node, Facts&) const {
  return Chain(node, "Add", 2);
}

}  // namespace dsperse
