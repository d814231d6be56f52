#include "fold/ops/zero_comparison.h"

#include <optional>

#include "fold/ops/tensor_windows.h"

namespace dsperse {
namespace {

bool HoldsZeros(const Tensor& tensor) {
  bool zeros = tensor.num_elements() > 0;
  const absl::Status read =
      ForElements(tensor, [&](int64_t, double element) { zeros = zeros && element == 0; });
  return read.ok() && zeros;
}

}  // namespace

ValueId ComparedWithZero(Facts& facts, const NodeView& node) {
  if (node.op_type() != "Max" || !node.domain().empty() || node.num_inputs() != 2) return {};
  const bool first = facts.ConstantOf(node.input(0)) != nullptr;
  const ValueId x = node.input(first ? 1 : 0);
  const Tensor* const zero = facts.ConstantOf(node.input(first ? 0 : 1));
  if (!x.valid() || zero == nullptr || facts.ConstantOf(x) != nullptr) return {};
  if (facts.TypeOf(x) != DType::kFloat || zero->dtype() != DType::kFloat) return {};
  const std::optional<Dims> before = facts.StaticShape(x);
  if (!before.has_value() || before != facts.StaticShape(node.output(0)) || !HoldsZeros(*zero)) return {};
  return x;
}

}  // namespace dsperse
