// Operators that give the same elements another shape: Reshape, Flatten, Squeeze, Unsqueeze.
#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/eval_util.h"
#include "fold/ops/families.h"
#include "fold/ops/plain_shapes.h"

namespace dsperse {
namespace {

// The payload is shared, whatever its kind.
absl::StatusOr<Outputs> Relabel(const NodeView& node, const Tensor& data, Dims dims) {
  absl::StatusOr<Tensor> result = data.WithDims(dims);
  if (result.ok()) return Single(*std::move(result));
  return InvalidNode(node, absl::StrCat(DimsToString(data.dims()), " can't become ",
                                        DimsToString(dims)));
}

absl::StatusOr<Outputs> EvaluateReshape(const EvalContext&, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 2));
  const Tensor& data = *inputs[0];
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<int64_t> shape, IntsOf(node, *inputs[1], "shape"));
  const bool zero_is_zero = node.Int("allowzero", 0) != 0;
  Dims dims;
  std::optional<size_t> open;  // the place of −1
  for (size_t i = 0; i < shape.size(); ++i) {
    int64_t d = shape[i];
    if (d == 0 && !zero_is_zero) {
      if (i >= data.dims().size()) {
        return InvalidNode(node, absl::StrCat("shape copies axis ", i, " of ",
                                              DimsToString(data.dims())));
      }
      d = data.dims()[i];
    } else if (d == -1 && !open.has_value()) {
      open = i;
      d = 1;
    } else if (d < 0) {
      return InvalidNode(node, absl::StrCat("shape ", DimsToString(shape)));
    }
    dims.push_back(d);
  }
  if (open.has_value()) {
    DSPERSE_ASSIGN_OR_RETURN(const int64_t rest, NumElements(dims));
    if (rest == 0 || data.num_elements() % rest != 0) {
      return InvalidNode(node, absl::StrCat(DimsToString(data.dims()), " can't become ",
                                            DimsToString(shape)));
    }
    dims[*open] = data.num_elements() / rest;
  }
  return Relabel(node, data, std::move(dims));
}

absl::StatusOr<Outputs> EvaluateFlatten(const EvalContext&, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Dims& in = inputs[0]->dims();
  const int64_t rank = static_cast<int64_t>(in.size());
  const int64_t axis = node.Int("axis", 1);
  if (axis < -rank || axis > rank) {
    return InvalidNode(node, absl::StrCat("axis ", axis, " at rank ", rank));
  }
  const auto split = in.begin() + (axis < 0 ? axis + rank : axis);
  DSPERSE_ASSIGN_OR_RETURN(const int64_t rows, NumElements(Dims(in.begin(), split)));
  DSPERSE_ASSIGN_OR_RETURN(const int64_t columns, NumElements(Dims(split, in.end())));
  return Relabel(node, *inputs[0], {rows, columns});
}

// From opset 11 on, axes may count from the end; for those before, ONNX infers nonsense.
absl::Status RefuseNegative(const NodeView& node, absl::Span<const int64_t> axes) {
  if (node.opset() >= 11 || std::none_of(axes.begin(), axes.end(), [](int64_t axis) { return axis < 0; })) {
    return absl::OkStatus();
  }
  return InvalidNode(node, "negative axes before opset 11");
}

absl::StatusOr<Outputs> EvaluateSqueeze(const EvalContext&, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Dims& in = inputs[0]->dims();
  DSPERSE_ASSIGN_OR_RETURN(const auto given, InputOrAttr(node, inputs, 1, "axes"));
  std::vector<bool> drop(in.size(), false);
  if (given.has_value()) {
    DSPERSE_RETURN_IF_ERROR(RefuseNegative(node, *given));
    DSPERSE_ASSIGN_OR_RETURN(const std::vector<int> axes,
                             NormalizeAxes(node, *given, static_cast<int>(in.size())));
    for (int axis : axes) {
      if (in[axis] != 1) {
        return InvalidNode(node, absl::StrCat("axis ", axis, " of ", DimsToString(in), " isn't 1"));
      }
      drop[axis] = true;
    }
  } else {
    for (size_t i = 0; i < in.size(); ++i) drop[i] = in[i] == 1;
  }
  Dims dims;
  for (size_t i = 0; i < in.size(); ++i) {
    if (!drop[i]) dims.push_back(in[i]);
  }
  return Relabel(node, *inputs[0], std::move(dims));
}

absl::StatusOr<Outputs> EvaluateUnsqueeze(const EvalContext&, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Dims& in = inputs[0]->dims();
  DSPERSE_ASSIGN_OR_RETURN(const auto given, InputOrAttr(node, inputs, 1, "axes"));
  if (!given.has_value()) return InvalidNode(node, "axes are missing");
  const int rank = static_cast<int>(in.size() + given->size());
  DSPERSE_RETURN_IF_ERROR(RefuseNegative(node, *given));
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<int> axes, NormalizeAxes(node, *given, rank));
  Dims dims;
  auto next = in.begin();
  for (int i = 0; i < rank; ++i) {
    const bool fresh = std::binary_search(axes.begin(), axes.end(), i);
    dims.push_back(fresh ? 1 : *next++);
  }
  return Relabel(node, *inputs[0], std::move(dims));
}

// The axes that a Squeeze or Unsqueeze before opset 13 names by attribute: what ONNX's functions make of them is right
// only where they ascend, so that shape is taken away. None where the axes are an input, absent, or of a tensor of
// unknown rank. `axes_are_new`: they are no axes of the input yet.
absl::StatusOr<std::optional<std::vector<int>>> OldAxes(const NodeView& node, absl::Span<const Fact* const> inputs,
                                                        bool axes_are_new, absl::Span<Fact> outputs) {
  if (node.opset() >= 13 || !node.HasAttr("axes") || inputs.size() != 1 || inputs[0] == nullptr ||
      !inputs[0]->shape.has_rank() || outputs.size() != 1) {
    return std::nullopt;
  }
  outputs[0].shape = Shape();
  const std::vector<int64_t> given = node.Ints("axes");
  DSPERSE_RETURN_IF_ERROR(RefuseNegative(node, given));
  const int rank = inputs[0]->shape.rank() + (axes_are_new ? static_cast<int>(given.size()) : 0);
  DSPERSE_ASSIGN_OR_RETURN(std::vector<int> axes, NormalizeAxes(node, given, rank));
  return axes;
}

absl::Status InferSqueeze(const Graph&, const NodeView& node, absl::Span<const Fact* const> inputs,
                          absl::Span<Fact> outputs) {
  DSPERSE_RETURN_IF_ERROR(InferShapes(node, inputs, outputs));
  DSPERSE_ASSIGN_OR_RETURN(const auto axes, OldAxes(node, inputs, /*axes_are_new=*/false, outputs));
  if (!axes) return absl::OkStatus();
  const Shape& in = inputs[0]->shape;
  absl::InlinedVector<Dim, 4> dims;
  for (int i = 0; i < in.rank(); ++i) {
    if (!std::binary_search(axes->begin(), axes->end(), i)) {
      dims.push_back(in.dim(i));
    } else if (in.dim(i).known() && in.dim(i).size() != 1) {
      return InvalidNode(node, absl::StrCat("axis ", i, " of ", in.ToString(), " isn't 1"));
    }
  }
  outputs[0].shape = Shape(std::move(dims));
  return absl::OkStatus();
}

absl::Status InferUnsqueeze(const Graph&, const NodeView& node, absl::Span<const Fact* const> inputs,
                            absl::Span<Fact> outputs) {
  DSPERSE_RETURN_IF_ERROR(InferShapes(node, inputs, outputs));
  DSPERSE_ASSIGN_OR_RETURN(const auto axes, OldAxes(node, inputs, /*axes_are_new=*/true, outputs));
  if (!axes) return absl::OkStatus();
  const Shape& in = inputs[0]->shape;
  const int rank = in.rank() + static_cast<int>(axes->size());
  absl::InlinedVector<Dim, 4> dims;
  int next = 0;
  for (int i = 0; i < rank; ++i) {
    dims.push_back(std::binary_search(axes->begin(), axes->end(), i) ? Dim(1) : in.dim(next++));
  }
  outputs[0].shape = Shape(std::move(dims));
  return absl::OkStatus();
}

}  // namespace

void AppendReshapeOps(std::vector<OpDef>* rows) {
  const auto add = [rows](absl::string_view op_type, int64_t since, EvaluateFn evaluate,
                          InferFn infer = nullptr) {
    OpDef& row = AddRow(rows, op_type, since, evaluate);
    row.moves_data = true;
    row.any_payload = true;
    row.infer = infer;
  };
  add("Reshape", 5, &EvaluateReshape);
  add("Flatten", 1, &EvaluateFlatten);
  add("Squeeze", 1, &EvaluateSqueeze, &InferSqueeze);
  add("Unsqueeze", 1, &EvaluateUnsqueeze, &InferUnsqueeze);
}

}  // namespace dsperse
