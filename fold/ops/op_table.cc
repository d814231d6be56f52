#include <algorithm>
#include <cstring>
#include <new>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/broadcast.h"
#include "fold/ops/eval_util.h"
#include "fold/ops/families.h"
#include "fold/ops/op.h"
#include "fold/ops/work.h"

namespace dsperse {
namespace {

using AppendFn = void (*)(std::vector<OpDef>*);

constexpr AppendFn kFamilies[] = {
    &AppendActivationOps,
    &AppendArithmeticOps,
    &AppendAxisOps,
    &AppendBatchNormOps,
    &AppendCastOps,
    &AppendConcatPadOps,
    &AppendConstantOps,
    &AppendConvOps,
    &AppendEinsumOps,
    &AppendGatherOps,
    &AppendLogicOps,
    &AppendMatMulOps,
    &AppendNormalizationOps,
    &AppendPoolOps,
    &AppendPowOp,
    &AppendQuantizeOps,
    &AppendRecurrentOps,
    &AppendReduceOps,
    &AppendReshapeOps,
    &AppendResizeOps,
    &AppendScatterOps,
    &AppendSelectOps,
    &AppendShapeOps,
    &AppendSliceOps,
    &AppendTopKOps,
    &AppendTransposeOps,
    &AppendUnaryOps,
    &AppendVariadicOps,
    &AppendVisionOps,
};

auto Key(const OpDef& row) { return std::make_tuple(row.domain, row.op_type, row.since); }

// Built at the first call, sorted; lives forever so that no destructor order matters.
const std::vector<OpDef>& Table() {
  static const std::vector<OpDef>* const table = [] {
    auto* rows = new std::vector<OpDef>;
    for (AppendFn append : kFamilies) append(rows);
    for (OpDef& row : *rows) row.work = WorkFunctionFor(row.op_type, row.domain);
    std::sort(rows->begin(), rows->end(),
              [](const OpDef& a, const OpDef& b) { return Key(a) < Key(b); });
    return rows;
  }();
  return *table;
}

// A NaN has many bit patterns, and which one an operation makes depends on the processor and on the
// order in which a compiler hands it the operands. A file gets one: quiet, positive, no payload.
// Calls f(index of the word) for every NaN among the elements.
template <typename Word, typename F>
void ForEachNan(absl::string_view bytes, Word infinity, F&& f) {
  const Word magnitude = static_cast<Word>(~(Word{1} << (8 * sizeof(Word) - 1)));
  for (size_t i = 0; i + sizeof(Word) <= bytes.size(); i += sizeof(Word)) {
    Word word;
    std::memcpy(&word, bytes.data() + i, sizeof(Word));
    if ((word & magnitude) > infinity) f(i);
  }
}

template <typename Word>
absl::StatusOr<Tensor> WithOneNan(Tensor tensor, Word infinity, Word quiet) {
  const absl::string_view bytes = tensor.is_uniform() ? tensor.uniform_element() : tensor.raw();
  bool found = false;
  ForEachNan<Word>(bytes, infinity, [&found](size_t) { found = true; });
  if (!found) return tensor;
  std::string clean(bytes);
  ForEachNan<Word>(bytes, infinity,
                   [&](size_t i) { std::memcpy(clean.data() + i, &quiet, sizeof(Word)); });
  if (tensor.is_uniform()) return Tensor::Uniform(tensor.dtype(), tensor.dims(), clean);
  return Tensor::FromBytes(tensor.dtype(), tensor.dims(), std::move(clean));
}

absl::StatusOr<Tensor> CanonicalNans(Tensor tensor) {
  if (!tensor.in_memory() && !tensor.is_uniform()) return tensor;
  switch (tensor.dtype()) {
    case DType::kFloat:
      return WithOneNan<uint32_t>(std::move(tensor), 0x7F800000u, 0x7FC00000u);
    case DType::kDouble:
      return WithOneNan<uint64_t>(std::move(tensor), 0x7FF0000000000000u, 0x7FF8000000000000u);
    case DType::kFloat16:
      return WithOneNan<uint16_t>(std::move(tensor), 0x7C00, 0x7E00);
    case DType::kBfloat16:
      return WithOneNan<uint16_t>(std::move(tensor), 0x7F80, 0x7FC0);
    default:
      return tensor;
  }
}

// The first element of a tensor as a scalar.
absl::StatusOr<Tensor> FirstElement(const Tensor& tensor) {
  if (tensor.is_uniform()) {
    return Tensor::FromBytes(tensor.dtype(), {}, std::string(tensor.uniform_element()));
  }
  return tensor.WithDims({});
}

// An operator that works element by element on uniform tensors gives a uniform tensor: computed
// once. No value when that doesn't hold (some input has several elements of its own, or shapes
// don't fit, which the plain way then reports).
absl::StatusOr<std::vector<Tensor>> EvaluateUniform(const OpDef& row, const EvalContext& context,
                                                    const NodeView& node, Inputs inputs,
                                                    bool* done) {
  *done = false;
  bool any_uniform = false;
  Dims dims;
  std::vector<Tensor> scalars(inputs.size());
  std::vector<const Tensor*> pointers(inputs.size(), nullptr);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor* input = inputs[i];
    if (input == nullptr) continue;
    const bool one = input->in_memory() && input->num_elements() == 1;
    if (!one && !input->is_uniform()) return std::vector<Tensor>();
    any_uniform |= input->is_uniform();
    absl::StatusOr<Dims> joined = BroadcastDims(dims, input->dims());
    if (!joined.ok()) return std::vector<Tensor>();
    dims = *std::move(joined);
    DSPERSE_ASSIGN_OR_RETURN(scalars[i], FirstElement(*input));
    pointers[i] = &scalars[i];
  }
  // Before opset 7 operands broadcast by attributes only; those of these, before opset 8, not at all.
  const bool variadic = row.op_type == "Max" || row.op_type == "Min" || row.op_type == "Mean" || row.op_type == "Sum";
  const int64_t broadcasts_from = variadic ? 8 : 7;
  if (!any_uniform || (inputs.size() > 1 && node.domain().empty() && node.opset() < broadcasts_from)) {
    return std::vector<Tensor>();
  }
  // These broadcast into their first input only; where that isn't so the plain way says what is wrong.
  const bool one_way = row.op_type == "PRelu" || row.op_type == "Clip";
  if (one_way && (inputs[0] == nullptr || dims != inputs[0]->dims())) return std::vector<Tensor>();
  absl::StatusOr<int64_t> count = NumElements(dims);
  if (!count.ok() || *count <= 1) return std::vector<Tensor>();
  DSPERSE_ASSIGN_OR_RETURN(std::vector<Tensor> results, row.evaluate(context, node, pointers));
  for (Tensor& result : results) {
    if (result.dtype() == DType::kUndefined) continue;
    if (!result.in_memory() || BitWidth(result.dtype()) < 8) return std::vector<Tensor>();
    DSPERSE_ASSIGN_OR_RETURN(result, Tensor::Uniform(result.dtype(), dims, result.raw()));
  }
  *done = true;
  return results;
}

absl::StatusOr<std::vector<Tensor>> EvaluateRow(const OpDef& row, const EvalContext& context,
                                                const NodeView& node, Inputs inputs) {
  if (row.any_payload) return row.evaluate(context, node, inputs);
  if (row.elementwise) {
    bool done = false;
    DSPERSE_ASSIGN_OR_RETURN(std::vector<Tensor> results,
                             EvaluateUniform(row, context, node, inputs, &done));
    if (done) return results;
  }
  std::vector<Tensor> loaded(inputs.size());
  std::vector<const Tensor*> pointers(inputs.size(), nullptr);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] == nullptr) continue;
    if (inputs[i]->dtype() == DType::kString) return UnsupportedType(node, DType::kString);
    pointers[i] = inputs[i];
    if (inputs[i]->in_memory()) continue;
    DSPERSE_ASSIGN_OR_RETURN(loaded[i], inputs[i]->Load(context.max_output_bytes));
    pointers[i] = &loaded[i];
  }
  return row.evaluate(context, node, pointers);
}

}  // namespace

absl::Span<const OpDef> AllOps() { return Table(); }

const OpDef* FindOp(absl::string_view domain, absl::string_view op_type, int64_t opset) {
  const std::vector<OpDef>& table = Table();
  // The last row that starts at or before `opset`.
  auto it = std::upper_bound(table.begin(), table.end(), std::make_tuple(domain, op_type, opset),
                             [](const auto& key, const OpDef& row) { return key < Key(row); });
  if (it == table.begin()) return nullptr;
  --it;
  if (it->domain != domain || it->op_type != op_type || opset > it->until) return nullptr;
  return &*it;
}

const OpDef* FindOp(const NodeView& node) {
  return FindOp(node.domain(), node.op_type(), node.opset());
}

absl::StatusOr<std::vector<Tensor>> Evaluate(const EvalContext& context, const NodeView& node,
                                             absl::Span<const Tensor* const> inputs) {
  const OpDef* row = FindOp(node);
  if (row == nullptr || row->evaluate == nullptr) {
    const bool typed = !inputs.empty() && inputs[0] != nullptr;
    return UnsupportedType(node, typed ? inputs[0]->dtype() : DType::kUndefined);
  }
  absl::StatusOr<std::vector<Tensor>> results;
  try {
    results = EvaluateRow(*row, context, node, inputs);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        absl::StrCat(DescribeNode(node), ": out of memory while it was evaluated"));
  } catch (const std::length_error&) {
    return absl::ResourceExhaustedError(
        absl::StrCat(DescribeNode(node), ": a result is larger than memory can hold"));
  }
  if (!results.ok()) return results;
  // A file may name outputs that the operator doesn't have. Absent ones at the end need no tensor.
  size_t named = node.outputs().size();
  while (named > 0 && !node.outputs()[named - 1].valid()) --named;
  if (results->size() < named)
    return InvalidNode(node, absl::StrCat("gives ", results->size(), " of ", named, " outputs"));
  if (results->size() < node.outputs().size()) results->resize(node.outputs().size());
  if (context.mode != EvalMode::kExact || row->keeps_bits || row->moves_data) {
    return results;
  }
  for (Tensor& result : *results) {
    DSPERSE_ASSIGN_OR_RETURN(result, CanonicalNans(std::move(result)));
  }
  return results;
}

std::string DescribeOp(const NodeView& node, DType dtype) {
  std::string out;
  if (!node.domain().empty()) absl::StrAppend(&out, node.domain(), ".");
  absl::StrAppend(&out, node.op_type(), " (opset ", node.opset());
  if (dtype != DType::kUndefined) absl::StrAppend(&out, ", ", DTypeName(dtype));
  out += ")";
  return out;
}

}  // namespace dsperse
