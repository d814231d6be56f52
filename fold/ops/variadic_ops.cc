// Max, Min, Mean, Sum of any number of inputs.
#include <vector>

#include "fold/ir/status_macros.h"
#include "fold/ops/broadcast.h"
#include "fold/ops/eval_util.h"
#include "fold/ops/families.h"

namespace dsperse {
namespace {

// The common shape; before opset 8 all shapes are equal.
absl::StatusOr<Dims> CommonDims(const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, static_cast<int>(inputs.size())));
  Dims dims = inputs[0]->dims();
  for (const Tensor* input : inputs) {
    DSPERSE_RETURN_IF_ERROR(RequireSameType(node, *inputs[0], *input));
    if (node.opset() < 8 && input->dims() != dims) {
      return InvalidNode(node, "inputs of different shapes, which only opset 8 broadcasts");
    }
    absl::StatusOr<Dims> joined = BroadcastDims(dims, input->dims());
    if (!joined.ok()) return InvalidNode(node, joined.status().message());
    dims = *std::move(joined);
  }
  return dims;
}

// total[i] = f(total[i], input[…]), total of shape `dims`.
template <typename T, typename A, typename F>
void Accumulate(const Dims& dims, const Tensor& input, A* total, F&& f) {
  const BroadcastLoops loops = MakeBroadcastLoops(dims, {&dims, &input.dims()});
  const T* data = input.data<T>().data();
  BroadcastBinary(loops, total, data, total, f);
}

// NaN wins, as in numpy.
template <typename T>
T Larger(T a, T b) {
  if constexpr (kIsHalf<T>) {
    const double x = static_cast<double>(a);
    const double y = static_cast<double>(b);
    return x != x || x >= y ? a : b;
  } else {
    return a != a || a >= b ? a : b;
  }
}
template <typename T>
T Smaller(T a, T b) {
  if constexpr (kIsHalf<T>) {
    const double x = static_cast<double>(a);
    const double y = static_cast<double>(b);
    return x != x || x <= y ? a : b;
  } else {
    return a != a || a <= b ? a : b;
  }
}

template <bool kMax>
absl::StatusOr<Outputs> Extreme(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_ASSIGN_OR_RETURN(const Dims dims, CommonDims(node, inputs));
  return DispatchNumbers(
      inputs[0]->dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        T* out = nullptr;
        DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<T>(context, dims, &out));
        Accumulate<T>(dims, *inputs[0], out, [](T, T v) { return v; });
        for (const Tensor* input : inputs.subspan(1)) {
          Accumulate<T>(dims, *input, out, [](T a, T b) {
            return kMax ? Larger<T>(a, b) : Smaller<T>(a, b);
          });
        }
        return Single(std::move(result));
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, inputs[0]->dtype()); });
}

// Summed in double in the order of the inputs, rounded once.
template <bool kMean>
absl::StatusOr<Outputs> Total(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_ASSIGN_OR_RETURN(const Dims dims, CommonDims(node, inputs));
  return DispatchFloats(
      inputs[0]->dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        T* out = nullptr;
        DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<T>(context, dims, &out));
        std::vector<double> total(static_cast<size_t>(result.num_elements()));
        Accumulate<T>(dims, *inputs[0], total.data(),
                      [](double, T v) { return static_cast<double>(v); });
        for (const Tensor* input : inputs.subspan(1)) {
          Accumulate<T>(dims, *input, total.data(),
                        [](double a, T b) { return a + static_cast<double>(b); });
        }
        const double count = kMean ? static_cast<double>(inputs.size()) : 1.0;
        for (size_t i = 0; i < total.size(); ++i) out[i] = static_cast<T>(total[i] / count);
        return Single(std::move(result));
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, inputs[0]->dtype()); });
}

}  // namespace

void AppendVariadicOps(std::vector<OpDef>* rows) {
  const auto add = [rows](absl::string_view name, EvaluateFn evaluate) {
    AddRow(rows, name, 6, evaluate).elementwise = true;
  };
  add("Max", &Extreme<true>);
  add("Mean", &Total<true>);
  add("Min", &Extreme<false>);
  add("Sum", &Total<false>);
}

}  // namespace dsperse
