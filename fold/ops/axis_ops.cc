// Operators along one axis: ArgMax, ArgMin, CumSum, Softmax, LogSoftmax, Hardmax.
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/eval_util.h"
#include "fold/ops/exact_math.h"
#include "fold/ops/families.h"

namespace dsperse {
namespace {

// [outer][length][inner], the middle one the axis.
struct AxisView {
  int64_t outer = 1;
  int64_t length = 1;
  int64_t inner = 1;
};

AxisView ViewAlong(const Dims& dims, int axis) {
  return {ProductOf(dims, 0, axis), dims[static_cast<size_t>(axis)],
          ProductOf(dims, axis + 1, static_cast<int>(dims.size()))};
}

// Calls f(offset of the first element of a line) for every line along the axis; steps are `inner` wide.
template <typename F>
void ForEachLine(const AxisView& view, F&& f) {
  // Of an empty tensor the other sizes may be anything.
  if (view.outer == 0 || view.length == 0 || view.inner == 0) return;
  for (int64_t o = 0; o < view.outer; ++o) {
    for (int64_t i = 0; i < view.inner; ++i) f(o * view.length * view.inner + i, o * view.inner + i);
  }
}

template <typename T>
auto Comparable(T v) {
  if constexpr (kIsHalf<T>) {
    return static_cast<double>(v);
  } else {
    return v;
  }
}

// Index of the best element of a line; the first NaN wins, as in numpy.
template <bool kMax, typename T>
int64_t BestIndex(const T* line, int64_t length, int64_t step, bool last) {
  int64_t best = last ? length - 1 : 0;
  auto value = Comparable(line[best * step]);
  for (int64_t k = 1; k < length && value == value; ++k) {
    const int64_t at = last ? length - 1 - k : k;
    const auto v = Comparable(line[at * step]);
    if (v != v || (kMax ? v > value : v < value)) {
      best = at;
      value = v;
    }
  }
  return best;
}

template <bool kMax>
absl::StatusOr<Outputs> ArgBest(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Tensor& x = *inputs[0];
  DSPERSE_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(node, node.Int("axis", 0), x.rank()));
  const bool keep = node.Int("keepdims", 1) != 0;
  const bool last = node.Int("select_last_index", 0) != 0;
  const AxisView view = ViewAlong(x.dims(), axis);
  Dims dims = x.dims();
  if (keep) {
    dims[static_cast<size_t>(axis)] = 1;
  } else {
    dims.erase(dims.begin() + axis);
  }
  if (view.length == 0 && view.outer > 0 && view.inner > 0) {
    return InvalidNode(node, "there is no element to choose from");
  }
  return DispatchNumbers(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        int64_t* out = nullptr;
        DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<int64_t>(context, dims, &out));
        const T* in = x.data<T>().data();
        ForEachLine(view, [&](int64_t first, int64_t line) {
          out[line] = BestIndex<kMax, T>(in + first, view.length, view.inner, last);
        });
        return Single(std::move(result));
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
}

// Running sums: floats in double, each output rounded once.
absl::StatusOr<Outputs> CumSum(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 2));
  const Tensor& x = *inputs[0];
  DSPERSE_ASSIGN_OR_RETURN(const int64_t given, IntOf(node, *inputs[1], "axis"));
  DSPERSE_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(node, given, x.rank()));
  const bool exclusive = node.Int("exclusive", 0) != 0;
  const bool reverse = node.Int("reverse", 0) != 0;
  const AxisView view = ViewAlong(x.dims(), axis);
  return DispatchNumbers(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        using A = std::conditional_t<kIsFloat<T>, double, ArithType<T>>;
        T* out = nullptr;
        DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<T>(context, x.dims(), &out));
        const T* in = x.data<T>().data();
        ForEachLine(view, [&](int64_t first, int64_t) {
          A sum = 0;
          for (int64_t k = 0; k < view.length; ++k) {
            const int64_t at = first + (reverse ? view.length - 1 - k : k) * view.inner;
            const A v = static_cast<A>(in[at]);
            if (exclusive) out[at] = static_cast<T>(sum);
            sum += v;
            if (!exclusive) out[at] = static_cast<T>(sum);
          }
        });
        return Single(std::move(result));
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
}

// Up to opset 12 all dimensions from `axis` (default 1) on are one line; then `axis` (default −1) alone.
absl::StatusOr<AxisView> SoftmaxView(const NodeView& node, const Tensor& x) {
  const bool flatten = node.opset() < 13;
  const int64_t given = node.Int("axis", flatten ? 1 : -1);
  // The old form may have its axis behind the last dimension: then every line has one element.
  if (flatten && given == x.rank()) return AxisView{x.num_elements(), 1, 1};
  DSPERSE_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(node, given, x.rank()));
  if (!flatten) return ViewAlong(x.dims(), axis);
  return AxisView{ProductOf(x.dims(), 0, axis), ProductOf(x.dims(), axis, x.rank()), 1};
}

template <bool kLog>
absl::StatusOr<Outputs> Softmax(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Tensor& x = *inputs[0];
  DSPERSE_ASSIGN_OR_RETURN(const AxisView view, SoftmaxView(node, x));
  const bool exact = context.mode == EvalMode::kExact;
  const auto call = [exact](MathFn fn, double v) {
    return exact ? ExactCall<double>(fn, v) : FastCall(fn, v);
  };
  return DispatchFloats(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        T* out = nullptr;
        DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<T>(context, x.dims(), &out));
        if (result.num_elements() == 0) return Single(std::move(result));
        const T* in = x.data<T>().data();
        std::vector<double> line(static_cast<size_t>(view.length));
        ForEachLine(view, [&](int64_t first, int64_t) {
          double largest = -std::numeric_limits<double>::infinity();
          for (int64_t k = 0; k < view.length; ++k) {
            const double v = static_cast<double>(in[first + k * view.inner]);
            line[static_cast<size_t>(k)] = v;
            if (v > largest) largest = v;
          }
          double sum = 0;
          for (double& v : line) {
            v -= largest;
            const double e = call(MathFn::kExp, v);
            sum += e;
            if (!kLog) v = e;
          }
          const double log_sum = kLog ? call(MathFn::kLog, sum) : 0;
          for (int64_t k = 0; k < view.length; ++k) {
            const double v = line[static_cast<size_t>(k)];
            out[first + k * view.inner] = static_cast<T>(kLog ? v - log_sum : v / sum);
          }
        });
        return Single(std::move(result));
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
}

// 1 at the first largest element, 0 elsewhere.
absl::StatusOr<Outputs> Hardmax(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Tensor& x = *inputs[0];
  DSPERSE_ASSIGN_OR_RETURN(const AxisView view, SoftmaxView(node, x));
  return DispatchFloats(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        T* out = nullptr;
        DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<T>(context, x.dims(), &out));
        const T* in = x.data<T>().data();
        ForEachLine(view, [&](int64_t first, int64_t) {
          const int64_t best = BestIndex<true, T>(in + first, view.length, view.inner, false);
          out[first + best * view.inner] = static_cast<T>(1.0);
        });
        return Single(std::move(result));
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
}

}  // namespace

void AppendAxisOps(std::vector<OpDef>* rows) {
  AddRow(rows, "ArgMax", 1, &ArgBest<true>);
  AddRow(rows, "ArgMin", 1, &ArgBest<false>);
  AddRow(rows, "CumSum", 11, &CumSum);
  AddRow(rows, "Hardmax", 1, &Hardmax);
  AddRow(rows, "LogSoftmax", 1, &Softmax<true>);
  AddRow(rows, "Softmax", 1, &Softmax<false>);
}

}  // namespace dsperse
