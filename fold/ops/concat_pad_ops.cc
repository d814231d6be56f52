// Operators that put tensors together or surround them: Concat, Pad, CenterCropPad.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/eval_util.h"
#include "fold/ops/families.h"
#include "fold/ops/strided.h"

namespace dsperse {
namespace {

absl::StatusOr<Outputs> EvaluateConcat(const EvalContext& context, const NodeView& node,
                                       Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, std::max<int>(1, inputs.size())));
  const Tensor& first = *inputs[0];
  DSPERSE_ASSIGN_OR_RETURN(const int64_t width, RequireMovable(node, first));
  if (!node.HasAttr("axis")) return InvalidNode(node, "axis is missing");
  DSPERSE_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(node, node.Int("axis", 0), first.rank()));
  Dims dims = first.dims();
  dims[axis] = 0;
  for (const Tensor* input : inputs) {
    DSPERSE_RETURN_IF_ERROR(RequireSameType(node, first, *input));
    Dims expected = first.dims();
    if (input->rank() == first.rank()) expected[axis] = input->dims()[axis];
    if (input->dims() != expected ||
        __builtin_add_overflow(dims[axis], expected[axis], &dims[axis])) {
      return InvalidNode(node, absl::StrCat(DimsToString(first.dims()), " and ",
                                            DimsToString(input->dims()), " on axis ", axis));
    }
  }
  DSPERSE_ASSIGN_OR_RETURN(std::string bytes, MakeBytes(dims, width, context.max_output_bytes));
  if (!bytes.empty()) {
    const int64_t outer = ProductOf(dims, 0, axis);
    const int64_t inner = ProductOf(dims, axis + 1, first.rank()) * width;
    int64_t start = 0;
    for (const Tensor* input : inputs) {
      const size_t block = static_cast<size_t>(input->dims()[axis] * inner);
      const char* in = input->raw().data();
      for (int64_t o = 0; o < outer && block > 0; ++o) {
        std::memcpy(bytes.data() + o * dims[axis] * inner + start, in + o * block, block);
      }
      start += static_cast<int64_t>(block);
    }
  }
  return Single(Tensor::FromBytes(first.dtype(), std::move(dims), std::move(bytes)));
}

// Where each element of an axis of the output comes from; −1: the pad value.
using Sources = std::vector<int64_t>;

// dst over `sources` of all axes, from `src` with shape `in`. `value` holds one element.
void CopyBySources(const std::string& value, const char* src, const Dims& in,
                   const std::vector<Sources>& sources, int64_t width, char* dst) {
  const size_t rank = in.size();
  const Dims strides = RowMajorStrides(in);
  if (rank == 0) {
    std::memcpy(dst, src, static_cast<size_t>(width));
    return;
  }
  const Sources& inner = sources[rank - 1];
  int64_t rows = 1;
  for (size_t k = 0; k + 1 < rank; ++k) rows *= static_cast<int64_t>(sources[k].size());
  Dims at(rank - 1, 0);
  for (int64_t row = 0; row < rows; ++row) {
    int64_t base = 0;
    bool outside = false;
    for (size_t k = 0; k + 1 < rank; ++k) {
      const int64_t from = sources[k][at[k]];
      outside |= from < 0;
      base += from * strides[k];
    }
    DispatchWidth(width, [&](auto w) {
      for (int64_t from : inner) {
        const char* element = outside || from < 0 ? value.data() : src + (base + from) * w.value;
        std::memcpy(dst, element, w.value);
        dst += w.value;
      }
    });
    for (size_t k = rank - 1; k-- > 0;) {
      if (++at[k] < static_cast<int64_t>(sources[k].size())) break;
      at[k] = 0;
    }
  }
}

// The element that position `i` of an axis of `dim` > 0 elements mirrors, without repeating the ends.
int64_t Reflect(int64_t i, int64_t dim) {
  if (dim == 1) return 0;
  const int64_t period = 2 * (dim - 1);
  i = ((i % period) + period) % period;
  return i < dim ? i : period - i;
}

enum class PadMode { kConstant, kReflect, kEdge, kWrap };

absl::StatusOr<PadMode> ReadPadMode(const NodeView& node) {
  const std::string mode = node.String("mode", "constant");
  if (mode == "constant") return PadMode::kConstant;
  if (mode == "reflect") return PadMode::kReflect;
  if (mode == "edge") return PadMode::kEdge;
  if (mode == "wrap") return PadMode::kWrap;
  return InvalidNode(node, absl::StrCat("mode ", mode));
}

absl::StatusOr<Sources> PadAxis(const NodeView& node, PadMode mode, int64_t dim, int64_t before,
                                int64_t after, int64_t limit) {
  constexpr int64_t kLargest = int64_t{1} << 48;
  // The smallest int64 has no absolute value.
  const auto beyond = [](int64_t pad) { return pad < -kLargest || pad > kLargest; };
  const bool sums = !beyond(before) && !beyond(after) && dim <= kLargest;
  const int64_t size = sums ? dim + before + after : -1;
  if (size < 0) {
    return InvalidNode(node, absl::StrCat("pads ", before, " and ", after, " on ", dim, " elements"));
  }
  if (size > limit) {
    return absl::ResourceExhaustedError(absl::StrCat(DescribeNode(node), ": an axis of ", size,
                                                     " elements, more than ", limit));
  }
  Sources sources(static_cast<size_t>(size));
  if (mode != PadMode::kConstant && (before != 0 || after != 0)) {
    if (dim == 0 && size > 0) return InvalidNode(node, "nothing to repeat on an empty axis");
    if ((before < 0 && after > 0) || (before > 0 && after < 0)) {
      return Unsupported(node, DType::kUndefined, "cropping one end and repeating at the other");
    }
  }
  for (int64_t i = 0; i < size; ++i) {
    int64_t from = i - before;
    if (from < 0 || from >= dim) {
      switch (mode) {
        case PadMode::kConstant: from = -1; break;
        case PadMode::kReflect: from = Reflect(from, dim); break;
        case PadMode::kEdge: from = std::clamp<int64_t>(from, 0, dim - 1); break;
        case PadMode::kWrap: from = ((from % dim) + dim) % dim; break;
      }
    }
    sources[i] = from;
  }
  return sources;
}

// Shared by Pad and CenterCropPad: `before`, `after` per axis.
absl::StatusOr<Outputs> PadBy(const EvalContext& context, const NodeView& node, const Tensor& data,
                              PadMode mode, absl::Span<const int64_t> before,
                              absl::Span<const int64_t> after, const std::string& value) {
  DSPERSE_ASSIGN_OR_RETURN(const int64_t width, RequireMovable(node, data));
  // No axis can be longer than the whole output, unless another one is empty.
  const int64_t limit = context.max_output_bytes / width;
  std::vector<Sources> sources;
  Dims dims;
  for (int k = 0; k < data.rank(); ++k) {
    DSPERSE_ASSIGN_OR_RETURN(Sources axis,
                             PadAxis(node, mode, data.dims()[k], before[k], after[k], limit));
    dims.push_back(static_cast<int64_t>(axis.size()));
    sources.push_back(std::move(axis));
  }
  DSPERSE_ASSIGN_OR_RETURN(std::string bytes, MakeBytes(dims, width, context.max_output_bytes));
  if (!bytes.empty()) {
    CopyBySources(value, data.raw().data(), data.dims(), sources, width, bytes.data());
  }
  return Single(Tensor::FromBytes(data.dtype(), std::move(dims), std::move(bytes)));
}

// The bytes of the pad value: an input from opset 11 on, before that a float attribute.
absl::StatusOr<std::string> PadValue(const NodeView& node, Inputs inputs) {
  const Tensor& data = *inputs[0];
  if (const Tensor* value = InputAt(inputs, 2)) {
    DSPERSE_RETURN_IF_ERROR(RequireSameType(node, data, *value));
    if (value->num_elements() != 1) {
      return InvalidNode(node, absl::StrCat("a pad value of ", value->num_elements(), " elements"));
    }
    return std::string(value->raw());
  }
  if (!node.HasAttr("value")) {
    return std::string(static_cast<size_t>(MovableWidth(data.dtype())), '\0');
  }
  const float value = node.Float("value", 0);
  return DispatchFloats(
      data.dtype(),
      [&](auto tag) -> absl::StatusOr<std::string> {
        using T = typename decltype(tag)::type;
        return std::string(Tensor::Scalar<T>(static_cast<T>(static_cast<double>(value))).raw());
      },
      [&]() -> absl::StatusOr<std::string> { return UnsupportedType(node, data.dtype()); });
}

absl::StatusOr<Outputs> EvaluatePad(const EvalContext& context, const NodeView& node,
                                    Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Tensor& data = *inputs[0];
  DSPERSE_RETURN_IF_ERROR(RequireMovable(node, data).status());
  DSPERSE_ASSIGN_OR_RETURN(const PadMode mode, ReadPadMode(node));
  DSPERSE_ASSIGN_OR_RETURN(const auto pads, InputOrAttr(node, inputs, 1, "pads"));
  DSPERSE_ASSIGN_OR_RETURN(const std::string value, PadValue(node, inputs));
  std::vector<int64_t> axes(static_cast<size_t>(data.rank()));
  std::iota(axes.begin(), axes.end(), 0);
  if (const Tensor* given = InputAt(inputs, 3)) {
    DSPERSE_ASSIGN_OR_RETURN(axes, IntsOf(node, *given, "axes"));
    DSPERSE_RETURN_IF_ERROR(NormalizeAxes(node, axes, data.rank()).status());  // none twice
  }
  if (!pads.has_value() || pads->size() != 2 * axes.size()) {
    return InvalidNode(node, absl::StrCat(pads.has_value() ? pads->size() : 0, " pads for ",
                                          axes.size(), " axes"));
  }
  std::vector<int64_t> before(static_cast<size_t>(data.rank()), 0);
  std::vector<int64_t> after = before;
  for (size_t i = 0; i < axes.size(); ++i) {
    DSPERSE_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(node, axes[i], data.rank()));
    before[axis] = (*pads)[i];
    after[axis] = (*pads)[axes.size() + i];
  }
  return PadBy(context, node, data, mode, before, after, value);
}

absl::StatusOr<Outputs> EvaluateCenterCropPad(const EvalContext& context, const NodeView& node,
                                              Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 2));
  const Tensor& data = *inputs[0];
  DSPERSE_ASSIGN_OR_RETURN(const int64_t width, RequireMovable(node, data));
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<int64_t> shape, IntsOf(node, *inputs[1], "shape"));
  std::vector<int64_t> axes = node.Ints("axes");
  if (!node.HasAttr("axes")) {
    axes.resize(static_cast<size_t>(data.rank()));
    std::iota(axes.begin(), axes.end(), 0);
  }
  DSPERSE_RETURN_IF_ERROR(NormalizeAxes(node, axes, data.rank()).status());  // none twice
  if (shape.size() != axes.size()) {
    return InvalidNode(node, absl::StrCat(shape.size(), " sizes for ", axes.size(), " axes"));
  }
  std::vector<int64_t> before(static_cast<size_t>(data.rank()), 0);
  std::vector<int64_t> after = before;
  for (size_t i = 0; i < axes.size(); ++i) {
    DSPERSE_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(node, axes[i], data.rank()));
    if (shape[i] < 0) return InvalidNode(node, absl::StrCat("shape ", DimsToString(shape)));
    // Where the difference is odd, the larger half of what is cut or added is at the end.
    const int64_t more = shape[i] - data.dims()[axis];
    before[axis] = more >= 0 ? more / 2 : -(-more / 2);
    after[axis] = more - before[axis];
  }
  return PadBy(context, node, data, PadMode::kConstant, before, after,
               std::string(static_cast<size_t>(width), '\0'));
}

}  // namespace

void AppendConcatPadOps(std::vector<OpDef>* rows) {
  const auto add = [rows](absl::string_view op_type, int64_t since, EvaluateFn evaluate) {
    AddRow(rows, op_type, since, evaluate).moves_data = true;
  };
  add("Concat", 4, &EvaluateConcat);
  add("Pad", 2, &EvaluatePad);
  add("CenterCropPad", 18, &EvaluateCenterCropPad);
}

}  // namespace dsperse
