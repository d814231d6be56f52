#include "fold/ops/zero_comparison.h"

#include <optional>

#include "fold/ops/fixed_point.h"

namespace dsperse {

ValueId ComparedWithZero(Facts& facts, const NodeView& node) {
  if (node.op_type() != "Max" || !node.domain().empty() || node.num_inputs() != 2) return {};
  const bool first = facts.ConstantOf(node.input(0)) != nullptr;
  const ValueId x = node.input(first ? 1 : 0);
  const Tensor* const zero = facts.ConstantOf(node.input(first ? 0 : 1));
  if (!x.valid() || zero == nullptr || facts.ConstantOf(x) != nullptr) return {};
  if (facts.TypeOf(x) != DType::kFloat || zero->dtype() != DType::kFloat) return {};
  const std::optional<Dims> before = facts.StaticShape(x);
  if (!before.has_value() || before != facts.StaticShape(node.output(0))) return {};
  return zero->num_elements() > 0 && AllZero(*zero) ? x : ValueId();
}

}  // namespace dsperse
