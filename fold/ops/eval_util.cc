#include "fold/ops/eval_util.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"

namespace dsperse {

std::string DescribeNode(const NodeView& node) {
  const std::string op = DescribeOp(node, DType::kUndefined);
  if (node.name().empty()) return op;
  return absl::StrCat("node \"", node.name(), "\", ", op);
}

absl::Status UnsupportedType(const NodeView& node, DType dtype) {
  return absl::UnimplementedError(absl::StrCat(DescribeOp(node, dtype), ": not evaluated"));
}

absl::Status Unsupported(const NodeView& node, DType dtype, absl::string_view what) {
  return absl::UnimplementedError(
      absl::StrCat(DescribeOp(node, dtype), ": ", what, " is not evaluated"));
}

absl::Status InvalidNode(const NodeView& node, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(DescribeNode(node), ": ", what));
}

absl::Status RequireInputs(const NodeView& node, Inputs inputs, int count) {
  for (int i = 0; i < count; ++i) {
    if (InputAt(inputs, i) == nullptr) {
      return InvalidNode(node, absl::StrCat("input ", i, " is missing"));
    }
  }
  return absl::OkStatus();
}

absl::Status RequireSameType(const NodeView& node, const Tensor& a, const Tensor& b) {
  if (a.dtype() == b.dtype()) return absl::OkStatus();
  return InvalidNode(node, absl::StrCat("inputs of types ", DTypeName(a.dtype()), " and ",
                                        DTypeName(b.dtype())));
}

absl::StatusOr<std::vector<int64_t>> IntsOf(const NodeView& node, const Tensor& tensor,
                                            absl::string_view what) {
  absl::StatusOr<std::vector<int64_t>> ints = ToInts(tensor);
  if (ints.ok() || !absl::IsInvalidArgument(ints.status())) return ints;
  return InvalidNode(node, absl::StrCat(what, ": ", ints.status().message()));
}

absl::StatusOr<int64_t> IntOf(const NodeView& node, const Tensor& tensor, absl::string_view what) {
  if (tensor.num_elements() != 1) {
    return InvalidNode(node, absl::StrCat(what, " has ", tensor.num_elements(),
                                          " elements instead of one"));
  }
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<int64_t> ints, IntsOf(node, tensor, what));
  return ints[0];
}

absl::StatusOr<std::optional<std::vector<int64_t>>> InputOrAttr(const NodeView& node, Inputs inputs,
                                                                int input,
                                                                absl::string_view attribute) {
  using Result = std::optional<std::vector<int64_t>>;
  if (const Tensor* tensor = InputAt(inputs, input)) {
    DSPERSE_ASSIGN_OR_RETURN(std::vector<int64_t> ints, IntsOf(node, *tensor, attribute));
    return Result(std::move(ints));
  }
  if (node.HasAttr(attribute)) return Result(node.Ints(attribute));
  return Result();
}

absl::StatusOr<int> NormalizeAxis(const NodeView& node, int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) {
    return InvalidNode(node, absl::StrCat("axis ", axis, " does not exist at rank ", rank));
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

absl::StatusOr<std::vector<int>> NormalizeAxes(const NodeView& node,
                                               absl::Span<const int64_t> axes, int rank) {
  std::vector<int> out;
  out.reserve(axes.size());
  for (int64_t axis : axes) {
    DSPERSE_ASSIGN_OR_RETURN(const int normal, NormalizeAxis(node, axis, rank));
    out.push_back(normal);
  }
  std::sort(out.begin(), out.end());
  const auto twice = std::adjacent_find(out.begin(), out.end());
  if (twice != out.end()) return InvalidNode(node, absl::StrCat("axis ", *twice, " is given twice"));
  return out;
}

absl::StatusOr<std::string> MakeBytes(const EvalContext& context, DType dtype, const Dims& dims) {
  DSPERSE_ASSIGN_OR_RETURN(const int64_t count, NumElements(dims));
  const int64_t bits = BitWidth(dtype);
  int64_t bytes = 0;
  if (__builtin_mul_overflow(count, bits, &bytes) || bytes / 8 > context.max_output_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a ", DTypeName(dtype), " tensor of ", DimsToString(dims),
                     " needs more than the ", context.max_output_bytes, " bytes allowed"));
  }
  return std::string(static_cast<size_t>((bytes + 7) / 8), '\0');
}

int64_t ProductOf(const Dims& dims, int from, int to) {
  int64_t product = 1;
  for (int i = from; i < to; ++i) {
    // Beside a zero the others may be anything.
    if (__builtin_mul_overflow(product, dims[i], &product)) return 0;
  }
  return product;
}

}  // namespace dsperse
