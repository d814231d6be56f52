// Operators that convolve: Conv, ConvTranspose.
//
// In exact mode every output is one sum in double in the order of the weights (input channel, then
// kernel element), the bias is added last, and the result is rounded once.
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/conv_kernels.h"
#include "fold/ops/eval_util.h"
#include "fold/ops/families.h"
#include "fold/ops/float_buffer.h"

namespace dsperse {
namespace {

// Weights and bias of either operator, checked against x; `transposed` swaps the weights' channel axes.
absl::StatusOr<ConvShape> ReadShape(const NodeView& node, Inputs inputs, bool transposed) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 2));
  const Tensor& x = *inputs[0];
  const Tensor& w = *inputs[1];
  const Tensor* bias = InputAt(inputs, 2);
  DSPERSE_RETURN_IF_ERROR(RequireSameType(node, x, w));
  if (bias != nullptr) DSPERSE_RETURN_IF_ERROR(RequireSameType(node, x, *bias));
  const std::string both = absl::StrCat("input ", DimsToString(x.dims()), ", weights ",
                                        DimsToString(w.dims()));
  if (x.rank() < 3 || w.rank() != x.rank()) return InvalidNode(node, both);
  ConvShape shape;
  shape.batch = x.dims()[0];
  shape.groups = node.Int("group", 1);
  const int64_t channels = x.dims()[1];
  // One axis of the weights holds the channels of all groups, the other those of one group.
  const int64_t all = w.dims()[0];
  const int64_t one = w.dims()[1];
  if (shape.groups < 1 || channels % shape.groups != 0 || all % shape.groups != 0 ||
      (transposed ? channels != all : channels / shape.groups != one)) {
    return InvalidNode(node, absl::StrCat(both, ", group ", shape.groups));
  }
  shape.in_channels = channels / shape.groups;
  shape.out_channels = transposed ? one : all / shape.groups;
  int64_t out_channels = 0;
  if (__builtin_mul_overflow(shape.out_channels, shape.groups, &out_channels)) {
    return InvalidNode(node, absl::StrCat(both, ", group ", shape.groups));
  }
  if (bias != nullptr && (bias->rank() != 1 || bias->dims()[0] != out_channels)) {
    return InvalidNode(node, absl::StrCat(both, ", bias ", DimsToString(bias->dims())));
  }
  const auto kernel = absl::MakeConstSpan(w.dims()).subspan(2);
  if (node.HasAttr("kernel_shape") && absl::MakeConstSpan(node.Ints("kernel_shape")) != kernel) {
    return InvalidNode(node, absl::StrCat(both, ", kernel_shape ",
                                          DimsToString(node.Ints("kernel_shape"))));
  }
  const auto spatial = absl::MakeConstSpan(x.dims()).subspan(2);
  DSPERSE_ASSIGN_OR_RETURN(shape.window, transposed ? ConvTransposeWindow(node, spatial, kernel)
                                                    : ConvWindow(node, spatial, kernel));
  return shape;
}

// x and w are of type T.
template <typename T>
absl::StatusOr<Outputs> Run(const EvalContext& context, Inputs inputs, const ConvShape& shape,
                            bool transposed, Dims dims) {
  const Tensor* bias = InputAt(inputs, 2);
  if (context.mode == EvalMode::kFast) {
    using W = std::conditional_t<kIsHalf<T>, float, T>;
    const FloatBuffer<T, W> x(*inputs[0]);
    const FloatBuffer<T, W> w(*inputs[1]);
    const FloatBuffer<T, W> b(bias != nullptr ? *bias : Tensor::Of<T>({0}, absl::Span<const T>()));
    const W* bias_data = bias != nullptr ? b.data() : nullptr;
    FloatOutput<T, W> y;
    DSPERSE_RETURN_IF_ERROR(y.Make(context, std::move(dims)));
    if (transposed) {
      FastConvTranspose(context.threads, shape, x.data(), w.data(), bias_data, y.data());
    } else {
      FastConv(context.threads, shape, x.data(), w.data(), bias_data, y.data());
    }
    return Single(y.Finish());
  }
  // Halves are converted once, not once a product.
  using W = std::conditional_t<kIsHalf<T>, double, T>;
  const FloatBuffer<T, W> x(*inputs[0]);
  const FloatBuffer<T, W> w(*inputs[1]);
  T* y = nullptr;
  DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<T>(context, std::move(dims), &y));
  const T* b = bias != nullptr ? bias->data<T>().data() : nullptr;
  const auto store = [&](int64_t at, int64_t channel, double sum) {
    y[at] = static_cast<T>(b == nullptr ? sum : sum + static_cast<double>(b[channel]));
  };
  if (transposed) {
    DirectConvTranspose<double>(context.threads, shape, x.data(), w.data(), store);
  } else {
    DirectConv<double>(context.threads, shape, x.data(), w.data(), store);
  }
  return Single(std::move(result));
}

absl::StatusOr<Outputs> Evaluate(const EvalContext& context, const NodeView& node, Inputs inputs,
                                 bool transposed) {
  DSPERSE_ASSIGN_OR_RETURN(const ConvShape shape, ReadShape(node, inputs, transposed));
  const Window& window = shape.window;
  Dims dims = {shape.batch, shape.groups * shape.out_channels};
  for (int a = 3 - window.rank; a < 3; ++a) dims.push_back(transposed ? window.in[a] : window.out[a]);
  DSPERSE_ASSIGN_OR_RETURN(const int64_t elements, NumElements(dims));
  const DType dtype = inputs[0]->dtype();
  if (elements == 0 && IsFloat(dtype)) return Single(Tensor::FromBytes(dtype, std::move(dims), ""));
  // Sums of nothing, over sizes that no file holds.
  if (inputs[0]->num_elements() == 0 || inputs[1]->num_elements() == 0) {
    return Unsupported(node, dtype, "a result of empty operands");
  }
  const int64_t each = shape.in_channels * window.kernel_size();
  if (transposed) {
    DSPERSE_RETURN_IF_ERROR(CheckOperations(context, node, elements, 1));
    DSPERSE_RETURN_IF_ERROR(CheckOperations(context, node, inputs[0]->num_elements(),
                                            shape.out_channels * window.kernel_size()));
  } else {
    DSPERSE_RETURN_IF_ERROR(CheckOperations(context, node, elements, each));
  }
  return DispatchFloats(
      dtype,
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        return Run<T>(context, inputs, shape, transposed, std::move(dims));
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, dtype); });
}

absl::StatusOr<Outputs> EvaluateConv(const EvalContext& context, const NodeView& node,
                                     Inputs inputs) {
  return Evaluate(context, node, inputs, false);
}

absl::StatusOr<Outputs> EvaluateConvTranspose(const EvalContext& context, const NodeView& node,
                                              Inputs inputs) {
  return Evaluate(context, node, inputs, true);
}

}  // namespace

void AppendConvOps(std::vector<OpDef>* rows) {
  AddRow(rows, "Conv", 1, &EvaluateConv);
  AddRow(rows, "ConvTranspose", 1, &EvaluateConvTranspose);
}

}  // namespace dsperse
