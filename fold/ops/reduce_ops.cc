// Reductions over any axes.
//
// The input is read once, in memory order; each output has an accumulator, so every sum has a fixed
// order. Floats accumulate in double and are rounded once; integers in their own type, wrapping.
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/broadcast.h"
#include "fold/ops/eval_util.h"
#include "fold/ops/exact_math.h"
#include "fold/ops/families.h"

namespace dsperse {
namespace {

struct ReducePlan {
  Dims kept;          // the input's shape with 1 on the reduced axes
  Dims dims;          // of the result
  int64_t group = 1;  // elements behind each result
  bool identity = false;
};

absl::StatusOr<ReducePlan> PlanReduce(const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Tensor& x = *inputs[0];
  DSPERSE_ASSIGN_OR_RETURN(const std::optional<std::vector<int64_t>> given,
                           InputOrAttr(node, inputs, 1, "axes"));
  ReducePlan plan;
  std::vector<bool> reduced(static_cast<size_t>(x.rank()), false);
  if (!given.has_value() || given->empty()) {
    plan.identity = node.Int("noop_with_empty_axes", 0) != 0;
    reduced.assign(reduced.size(), !plan.identity);
  } else {
    DSPERSE_ASSIGN_OR_RETURN(const std::vector<int> axes, NormalizeAxes(node, *given, x.rank()));
    for (int axis : axes) reduced[static_cast<size_t>(axis)] = true;
  }
  const bool keep = node.Int("keepdims", 1) != 0;
  Dims gone_dims;
  for (int i = 0; i < x.rank(); ++i) {
    const bool gone = reduced[static_cast<size_t>(i)];
    plan.kept.push_back(gone ? 1 : x.dims()[i]);
    if (!gone || keep) plan.dims.push_back(plan.kept.back());
    if (gone) gone_dims.push_back(x.dims()[i]);
  }
  // Too many only where there is none, as another axis is empty.
  plan.group = NumElements(gone_dims).value_or(std::numeric_limits<int64_t>::max());
  return plan;
}

// total[…] = step(total[…], x[…]) for every element, in memory order.
template <typename T, typename A, typename F>
void Reduce(const ReducePlan& plan, const Tensor& x, std::vector<A>* total, F&& step) {
  const BroadcastLoops loops = MakeBroadcastLoops(x.dims(), {&plan.kept});
  const T* in = x.data<T>().data();
  const int64_t n = loops.run;
  ForEachRun(loops, [&](int64_t at, const int64_t* offsets) {
    A* out = total->data() + offsets[0];
    if (loops.run_step[0] == 0) {
      A sum = *out;
      for (int64_t i = 0; i < n; ++i) sum = step(sum, in[at + i]);
      *out = sum;
    } else {
      for (int64_t i = 0; i < n; ++i) out[i] = step(out[i], in[at + i]);
    }
  });
}

template <typename T, typename A, typename F>
absl::StatusOr<Outputs> Finish(const EvalContext& context, const ReducePlan& plan,
                               const std::vector<A>& total, F&& finish) {
  T* out = nullptr;
  DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<T>(context, plan.dims, &out));
  for (size_t i = 0; i < total.size(); ++i) out[i] = finish(total[i]);
  return Single(std::move(result));
}

template <typename A>
absl::StatusOr<std::vector<A>> Accumulators(const EvalContext& context, const ReducePlan& plan,
                                            A start) {
  DSPERSE_ASSIGN_OR_RETURN(const int64_t count, NumElements(plan.kept));
  if (count > context.max_output_bytes / static_cast<int64_t>(sizeof(A))) {
    return absl::ResourceExhaustedError(absl::StrCat("a reduction to ", count, " elements"));
  }
  return std::vector<A>(static_cast<size_t>(count), start);
}

enum class Kind { kSum, kMean, kProd, kSumSquare, kL1, kL2, kLogSum };

template <typename T>
using Accumulator = std::conditional_t<kIsFloat<T>, double, ArithType<T>>;

template <Kind kKind, typename T>
Accumulator<T> Step(Accumulator<T> total, T value) {
  using A = Accumulator<T>;
  const A v = static_cast<A>(value);
  if constexpr (kKind == Kind::kProd) return total * v;
  if constexpr (kKind == Kind::kSumSquare || kKind == Kind::kL2) return total + v * v;
  if constexpr (kKind == Kind::kL1) {
    if constexpr (kIsFloat<T>) {
      return total + std::fabs(v);
    } else {
      return value < T{0} ? total - v : total + v;
    }
  }
  return total + v;
}

double LogOf(const EvalContext& context, double x) {
  return context.mode == EvalMode::kExact ? ExactCall<double>(MathFn::kLog, x)
                                          : FastCall(MathFn::kLog, x);
}

// Square root of an integer, truncated.
uint64_t IntegerRoot(uint64_t x) {
  uint64_t root = static_cast<uint64_t>(std::sqrt(static_cast<double>(x)));
  while (root > 0xFFFFFFFFu || root * root > x) --root;
  while (root < 0xFFFFFFFFu && (root + 1) * (root + 1) <= x) ++root;
  return root;
}

template <Kind kKind, typename T>
absl::StatusOr<Outputs> ReduceInts(const EvalContext& context, const NodeView& node,
                                   const ReducePlan& plan, const Tensor& x) {
  using A = Accumulator<T>;
  if constexpr (kKind == Kind::kL2 || kKind == Kind::kLogSum) {
    // The last step isn't one of whole numbers, so a sum that wrapped would be a guess.
    DSPERSE_ASSIGN_OR_RETURN(std::vector<uint64_t> total, Accumulators<uint64_t>(context, plan, 0));
    bool fits = true;
    Reduce<T>(plan, x, &total, [&fits](uint64_t sum, T v) {
      Int128 term = v;
      if constexpr (kKind == Kind::kL2) {
        constexpr Int128 kRoot = Int128{1} << 32;  // its square fits no type
        if (term >= kRoot || term <= -kRoot) {
          fits = false;
          return sum;
        }
        term *= term;
      }
      const Int128 wide = static_cast<Int128>(sum) + term;
      if (term > static_cast<Int128>(std::numeric_limits<T>::max()) || wide < 0 ||
          wide > static_cast<Int128>(std::numeric_limits<T>::max())) {
        fits = false;
        return sum;
      }
      return static_cast<uint64_t>(wide);
    });
    if (!fits) return Unsupported(node, x.dtype(), "a sum that does not fit the type");
    if constexpr (kKind == Kind::kL2) {
      return Finish<T>(context, plan, total,
                       [](uint64_t sum) { return static_cast<T>(IntegerRoot(sum)); });
    } else {
      for (uint64_t sum : total) {
        if (sum == 0) return InvalidNode(node, "the logarithm of zero is no integer");
      }
      return Finish<T>(context, plan, total, [&](uint64_t sum) {
        return static_cast<T>(LogOf(context, static_cast<double>(sum)));
      });
    }
  } else {
    DSPERSE_ASSIGN_OR_RETURN(std::vector<A> total,
                             Accumulators<A>(context, plan, kKind == Kind::kProd ? 1 : 0));
    Reduce<T>(plan, x, &total, [](A sum, T v) { return Step<kKind, T>(sum, v); });
    if constexpr (kKind == Kind::kMean) {
      // Towards zero, as the reference does.
      const Int128 group = plan.group;
      return Finish<T>(context, plan, total, [group](A sum) {
        return static_cast<T>(static_cast<Int128>(static_cast<T>(sum)) / group);
      });
    }
    return Finish<T>(context, plan, total, [](A sum) { return static_cast<T>(sum); });
  }
}

template <Kind kKind, typename T>
absl::StatusOr<Outputs> ReduceFloats(const EvalContext& context, const ReducePlan& plan,
                                     const Tensor& x) {
  DSPERSE_ASSIGN_OR_RETURN(std::vector<double> total,
                           Accumulators<double>(context, plan, kKind == Kind::kProd ? 1.0 : 0.0));
  Reduce<T>(plan, x, &total, [](double sum, T v) { return Step<kKind, T>(sum, v); });
  const double group = static_cast<double>(plan.group);
  return Finish<T>(context, plan, total, [&](double sum) {
    if constexpr (kKind == Kind::kMean) return static_cast<T>(sum / group);
    if constexpr (kKind == Kind::kL2) return static_cast<T>(std::sqrt(sum));
    if constexpr (kKind == Kind::kLogSum) return static_cast<T>(LogOf(context, sum));
    return static_cast<T>(sum);
  });
}

// What `noop_with_empty_axes` leaves of an operator that maps each element first: versions of the
// standard and its reference say different things.
absl::Status RefuseIdentity(const NodeView& node, const ReducePlan& plan, DType dtype) {
  if (!plan.identity) return absl::OkStatus();
  return Unsupported(node, dtype, "noop_with_empty_axes");
}

template <Kind kKind>
absl::StatusOr<Outputs> ReduceNumbers(const EvalContext& context, const NodeView& node,
                                      Inputs inputs) {
  DSPERSE_ASSIGN_OR_RETURN(const ReducePlan plan, PlanReduce(node, inputs));
  const Tensor& x = *inputs[0];
  constexpr bool kMaps = kKind == Kind::kSumSquare || kKind == Kind::kL1 || kKind == Kind::kL2 ||
                         kKind == Kind::kLogSum;
  if constexpr (kMaps) {
    DSPERSE_RETURN_IF_ERROR(RefuseIdentity(node, plan, x.dtype()));
  } else {
    if (plan.identity && (IsFloat(x.dtype()) || IsInteger(x.dtype()))) return Single(x);
  }
  if (kKind == Kind::kMean && plan.group == 0) {
    return InvalidNode(node, "the mean of no elements is undefined");
  }
  return DispatchNumbers(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        if constexpr (kIsFloat<T>) {
          return ReduceFloats<kKind, T>(context, plan, x);
        } else {
          return ReduceInts<kKind, T>(context, node, plan, x);
        }
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
}

// NaN wins. Of nothing: the type's least (greatest) value, infinite for floats.
template <bool kMax>
absl::StatusOr<Outputs> ReduceExtreme(const EvalContext& context, const NodeView& node,
                                      Inputs inputs) {
  DSPERSE_ASSIGN_OR_RETURN(const ReducePlan plan, PlanReduce(node, inputs));
  const Tensor& x = *inputs[0];
  return DispatchDType(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        using A =
            std::conditional_t<kIsFloat<T>, double, std::conditional_t<kIsBool<T>, uint8_t, T>>;
        if (plan.identity) return Single(x);
        A start = kMax ? std::numeric_limits<A>::lowest() : std::numeric_limits<A>::max();
        if (kIsFloat<T>) {
          start = static_cast<A>(kMax ? -std::numeric_limits<double>::infinity()
                                      : std::numeric_limits<double>::infinity());
        }
        if (kIsBool<T>) start = kMax ? A{0} : A{1};
        DSPERSE_ASSIGN_OR_RETURN(std::vector<A> total, Accumulators<A>(context, plan, start));
        Reduce<T>(plan, x, &total, [](A best, T value) {
          const A v = static_cast<A>(value);
          if (best != best) return best;
          return (kMax ? v <= best : v >= best) ? best : v;
        });
        return Finish<T>(context, plan, total, [](A v) { return static_cast<T>(v); });
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
}

// ln Σ e^x = m + ln Σ e^(x − m), m the largest x.
absl::StatusOr<Outputs> ReduceLogSumExp(const EvalContext& context, const NodeView& node,
                                        Inputs inputs) {
  DSPERSE_ASSIGN_OR_RETURN(const ReducePlan plan, PlanReduce(node, inputs));
  const Tensor& x = *inputs[0];
  DSPERSE_RETURN_IF_ERROR(RefuseIdentity(node, plan, x.dtype()));
  bool fits = true;  // integers: the truncated result
  absl::StatusOr<Outputs> result = DispatchNumbers(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        struct Sum {
          double largest = -std::numeric_limits<double>::infinity();
          double sum = 0;
        };
        const bool exact = context.mode == EvalMode::kExact;
        DSPERSE_ASSIGN_OR_RETURN(std::vector<Sum> total, Accumulators<Sum>(context, plan, Sum()));
        Reduce<T>(plan, x, &total, [](Sum s, T value) {
          const double v = static_cast<double>(value);
          if (!(v <= s.largest) && s.largest == s.largest) s.largest = v;
          return s;
        });
        Reduce<T>(plan, x, &total, [exact](Sum s, T value) {
          // At ±∞ the difference would be NaN; the sum then is 1 or 0 times the exponential.
          const double d = static_cast<double>(value);
          const double v =
              std::isinf(s.largest) ? (d == s.largest ? 0.0 : -INFINITY) : d - s.largest;
          s.sum += exact ? ExactCall<double>(MathFn::kExp, v) : FastCall(MathFn::kExp, v);
          return s;
        });
        return Finish<T>(context, plan, total, [&](const Sum& s) {
          const double y = std::isinf(s.largest) ? s.largest : s.largest + LogOf(context, s.sum);
          if constexpr (kIsInt<T>) {
            fits = fits && std::fabs(y) < 0x1p53;
            return Truncate<T>(y, &fits);
          } else {
            return static_cast<T>(y);
          }
        });
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
  if (!fits) return Unsupported(node, x.dtype(), "a result that does not fit the type");
  return result;
}

}  // namespace

void AppendReduceOps(std::vector<OpDef>* rows) {
  AddRow(rows, "ReduceL1", 1, &ReduceNumbers<Kind::kL1>);
  AddRow(rows, "ReduceL2", 1, &ReduceNumbers<Kind::kL2>);
  AddRow(rows, "ReduceLogSum", 1, &ReduceNumbers<Kind::kLogSum>);
  AddRow(rows, "ReduceLogSumExp", 1, &ReduceLogSumExp);
  AddRow(rows, "ReduceMax", 1, &ReduceExtreme<true>);
  AddRow(rows, "ReduceMean", 1, &ReduceNumbers<Kind::kMean>);
  AddRow(rows, "ReduceMin", 1, &ReduceExtreme<false>);
  AddRow(rows, "ReduceProd", 1, &ReduceNumbers<Kind::kProd>);
  AddRow(rows, "ReduceSum", 1, &ReduceNumbers<Kind::kSum>);
  AddRow(rows, "ReduceSumSquare", 1, &ReduceNumbers<Kind::kSumSquare>);
}

}  // namespace dsperse
