// Constants and generated tensors: Constant, ConstantOfShape, EyeLike, Range; and what passes its input
// on: Identity, Dropout.
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/eval_util.h"
#include "fold/ops/families.h"

namespace dsperse {
namespace {

absl::StatusOr<Outputs> Constant(const EvalContext&, const NodeView& node, Inputs) {
  if (node.HasAttr("value")) return Single(node.TensorAttr("value"));
  if (node.HasAttr("sparse_value")) return Single(node.TensorAttr("sparse_value"));
  if (node.HasAttr("value_float")) return Single(Tensor::Scalar<float>(node.Float("value_float", 0)));
  if (node.HasAttr("value_int")) return Single(Tensor::Scalar<int64_t>(node.Int("value_int", 0)));
  if (node.HasAttr("value_floats")) {
    const std::vector<float> values = node.Floats("value_floats");
    return Single(Tensor::Of<float>({static_cast<int64_t>(values.size())}, values));
  }
  if (node.HasAttr("value_ints")) {
    const std::vector<int64_t> values = node.Ints("value_ints");
    return Single(Tensor::Of<int64_t>({static_cast<int64_t>(values.size())}, values));
  }
  if (node.HasAttr("value_string")) {
    return Single(Tensor::FromStrings({}, {node.String("value_string", "")}));
  }
  if (node.HasAttr("value_strings")) {
    std::vector<std::string> values = node.Strings("value_strings");
    const int64_t count = static_cast<int64_t>(values.size());
    return Single(Tensor::FromStrings({count}, std::move(values)));
  }
  return InvalidNode(node, "has none of the value attributes");
}

// Uniform, so the size costs nothing.
absl::StatusOr<Outputs> ConstantOfShape(const EvalContext& context, const NodeView& node,
                                        Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  if (inputs[0]->rank() != 1) return InvalidNode(node, "the shape is not a list");
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<int64_t> shape, IntsOf(node, *inputs[0], "shape"));
  Dims dims(shape.begin(), shape.end());
  if (absl::Status status = NumElements(dims).status(); !status.ok()) {
    return InvalidNode(node, status.message());
  }
  Tensor value = Tensor::Scalar<float>(0);
  if (node.HasAttr("value")) {
    DSPERSE_ASSIGN_OR_RETURN(const Tensor given, node.TensorAttr("value"));
    if (given.num_elements() != 1) return InvalidNode(node, "`value` has not one element");
    if (BitWidth(given.dtype()) < 8) return UnsupportedType(node, given.dtype());
    DSPERSE_ASSIGN_OR_RETURN(value, given.Load(context.max_output_bytes));
  }
  return Single(Tensor::Uniform(value.dtype(), std::move(dims), value.raw()));
}

absl::StatusOr<Outputs> EyeLike(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Dims& dims = inputs[0]->dims();
  if (dims.size() != 2) return InvalidNode(node, "the input is not a matrix");
  const int64_t asked = node.Int("dtype", static_cast<int64_t>(inputs[0]->dtype()));
  if (asked < 1 || asked > kMaxDType) return InvalidNode(node, absl::StrCat("no element type ", asked));
  const DType type = static_cast<DType>(asked);
  const int64_t k = node.Int("k", 0);
  return DispatchDType(
      type,
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        T* out = nullptr;
        DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<T>(context, dims, &out));
        if (result.num_elements() == 0) return Single(std::move(result));
        // Compared before they are added: k may be anything.
        for (int64_t row = 0; row < dims[0]; ++row) {
          if (k < -row || k >= dims[1] - row) continue;
          out[row * dims[1] + row + k] = static_cast<T>(1);
        }
        return Single(std::move(result));
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, type); });
}

template <typename T>
absl::StatusOr<Outputs> RangeOfInts(const EvalContext& context, const NodeView& node, T start,
                                    T limit, T delta) {
  if (delta == 0) return InvalidNode(node, "delta is zero");
  const Int128 span = static_cast<Int128>(limit) - start;
  const Int128 step = delta;
  // Rounded up where span and step have the same sign, else nothing.
  Int128 count = 0;
  if ((span > 0) == (step > 0) && span != 0) {
    count = (span + step + (step > 0 ? -1 : 1)) / step;
  }
  if (count > context.max_output_bytes / static_cast<int64_t>(sizeof(T))) {
    return absl::ResourceExhaustedError(absl::StrCat(DescribeNode(node), ": too many elements"));
  }
  T* out = nullptr;
  DSPERSE_ASSIGN_OR_RETURN(Tensor result,
                           MakeOutput<T>(context, {static_cast<int64_t>(count)}, &out));
  Int128 value = start;
  for (int64_t i = 0; i < result.num_elements(); ++i, value += step) out[i] = static_cast<T>(value);
  return Single(std::move(result));
}

template <typename T>
absl::StatusOr<Outputs> RangeOfFloats(const EvalContext& context, const NodeView& node,
                                      double start, double limit, double delta) {
  // The difference is one of T, the quotient is not rounded to it: so ONNX's shape function counts, and runtimes do.
  const double span = static_cast<double>(static_cast<T>(limit - start));
  const double count = std::fmax(std::ceil(span / delta), 0.0);
  if (delta == 0 || !std::isfinite(start) || !std::isfinite(limit) || !std::isfinite(delta)) {
    return InvalidNode(node, "delta is zero, or a bound is not finite");
  }
  if (!(count <= static_cast<double>(context.max_output_bytes) / sizeof(T))) {
    return absl::ResourceExhaustedError(
        absl::StrCat(DescribeNode(node), ": a range of ", count, " elements"));
  }
  T* out = nullptr;
  DSPERSE_ASSIGN_OR_RETURN(Tensor result,
                           MakeOutput<T>(context, {static_cast<int64_t>(count)}, &out));
  for (int64_t i = 0; i < result.num_elements(); ++i) {
    out[i] = static_cast<T>(start + static_cast<double>(i) * delta);
  }
  return Single(std::move(result));
}

absl::StatusOr<Outputs> Range(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 3));
  for (int i = 0; i < 3; ++i) {
    DSPERSE_RETURN_IF_ERROR(RequireSameType(node, *inputs[0], *inputs[static_cast<size_t>(i)]));
    if (inputs[static_cast<size_t>(i)]->num_elements() != 1) {
      return InvalidNode(node, absl::StrCat("input ", i, " is not a scalar"));
    }
  }
  return DispatchNumbers(
      inputs[0]->dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        const T start = inputs[0]->data<T>()[0];
        const T limit = inputs[1]->data<T>()[0];
        const T delta = inputs[2]->data<T>()[0];
        if constexpr (kIsFloat<T>) {
          return RangeOfFloats<T>(context, node, static_cast<double>(start),
                                  static_cast<double>(limit), static_cast<double>(delta));
        } else {
          return RangeOfInts<T>(context, node, start, limit, delta);
        }
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, inputs[0]->dtype()); });
}

absl::StatusOr<Outputs> Identity(const EvalContext&, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  return Single(*inputs[0]);
}

// Is this Dropout one that drops nothing?
absl::StatusOr<bool> DropsNothing(const NodeView& node, Inputs inputs) {
  if (node.opset() < 7) return node.Int("is_test", 0) != 0;
  const Tensor* training = InputAt(inputs, 2);
  if (training == nullptr) return true;
  if (training->dtype() != DType::kBool || training->num_elements() != 1) {
    return InvalidNode(node, "training_mode is not one bool");
  }
  char on = 0;
  DSPERSE_RETURN_IF_ERROR(training->Read(0, absl::MakeSpan(&on, 1)));
  if (on == 0) return true;
  const Tensor* ratio = InputAt(inputs, 1);
  if (ratio == nullptr) return false;  // a half
  if (ratio->num_elements() != 1) return InvalidNode(node, "ratio is not a scalar");
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<double> value, ToDoubles(*ratio));
  return value[0] == 0;
}

absl::StatusOr<Outputs> Dropout(const EvalContext&, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Tensor& x = *inputs[0];
  DSPERSE_ASSIGN_OR_RETURN(const bool inert, DropsNothing(node, inputs));
  if (!inert) return Unsupported(node, x.dtype(), "training mode");
  Outputs outputs;
  outputs.push_back(x);
  if (node.num_outputs() > 1) {
    // All ones: of the data's type before opset 10, then bool.
    if (node.opset() >= 10) {
      DSPERSE_ASSIGN_OR_RETURN(Tensor mask,
                               Tensor::Uniform(DType::kBool, x.dims(), std::string(1, '\1')));
      outputs.push_back(std::move(mask));
    } else {
      DSPERSE_ASSIGN_OR_RETURN(
          const Tensor one,
          DispatchFloats(
              x.dtype(),
              [](auto tag) -> absl::StatusOr<Tensor> {
                return Tensor::Scalar(static_cast<typename decltype(tag)::type>(1.0));
              },
              [&]() -> absl::StatusOr<Tensor> { return UnsupportedType(node, x.dtype()); }));
      DSPERSE_ASSIGN_OR_RETURN(Tensor mask, Tensor::Uniform(x.dtype(), x.dims(), one.raw()));
      outputs.push_back(std::move(mask));
    }
  }
  return outputs;
}

}  // namespace

void AppendConstantOps(std::vector<OpDef>* rows) {
  const auto add = [rows](absl::string_view name, int64_t since, EvaluateFn evaluate) {
    OpDef& row = AddRow(rows, name, since, evaluate);
    row.any_payload = true;
    return &row;
  };
  add("Constant", 1, &Constant)->keeps_bits = true;
  add("ConstantOfShape", 9, &ConstantOfShape)->keeps_bits = true;
  add("Dropout", 6, &Dropout)->moves_data = true;
  add("EyeLike", 9, &EyeLike);
  add("Identity", 1, &Identity)->moves_data = true;
  add("Range", 11, &Range)->any_payload = false;
}

}  // namespace dsperse
