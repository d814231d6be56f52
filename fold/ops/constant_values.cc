#include "fold/ops/constant_values.h"

#include <optional>
#include <utility>
#include <vector>

#include "fold/ops/op.h"
#include "fold/ops/views.h"

namespace dsperse {
namespace {

// An output that is known to be too large to be made.
bool TooLarge(const Fact& output, int64_t max_bytes) {
  const std::optional<int64_t> count = output.shape.NumElements();
  if (!count) return false;
  const int64_t bytes_each = (BitWidth(output.dtype) + 7) / 8;
  return bytes_each > 0 && *count > max_bytes / bytes_each;
}

}  // namespace

void EvaluateConstants(const NodeView& node, absl::Span<const Fact* const> inputs,
                       int64_t max_bytes, absl::Span<Fact> outputs) {
  if (!node.bodies().empty() || inputs.empty()) return;
  absl::InlinedVector<const Tensor*, 8> tensors;
  bool any_uniform = false;
  for (const Fact* input : inputs) {
    if (input == nullptr) {
      tensors.push_back(nullptr);
      continue;
    }
    if (!input->value) return;
    any_uniform |= input->value->is_uniform();
    tensors.push_back(&*input->value);
  }
  const OpDef* op = FindOp(node);
  if (op == nullptr || op->evaluate == nullptr || !op->foldable) return;
  if ((IsView(node) || node.Is("Identity")) && tensors[0] != nullptr) {
    const std::optional<Dims> dims = outputs[0].shape.AsDims();
    if (dims) {
      absl::StatusOr<Tensor> same = tensors[0]->WithDims(*dims);
      if (same.ok()) outputs[0].value = *std::move(same);
      return;
    }
  }
  if (!any_uniform && !node.Is("ConstantOfShape")) {
    for (const Fact& output : outputs) {
      if (TooLarge(output, max_bytes)) return;
    }
  }
  EvalContext context;
  context.mode = EvalMode::kExact;
  context.max_output_bytes = max_bytes;
  absl::StatusOr<std::vector<Tensor>> results = Evaluate(context, node, tensors);
  if (!results.ok() || results->size() < outputs.size()) return;
  for (size_t i = 0; i < outputs.size(); ++i) {
    Tensor& result = (*results)[i];
    if (!node.output(static_cast<int>(i)).valid() || result.dtype() == DType::kUndefined) continue;
    outputs[i].dtype = result.dtype();
    outputs[i].shape = Shape::Of(result.dims());
    outputs[i].elements.reset();
    if (result.is_uniform() || result.num_bytes() <= max_bytes) outputs[i].value = std::move(result);
  }
}

}  // namespace dsperse
