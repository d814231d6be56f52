// Pow: the result has the base's type, whatever the exponent's.
#include <cmath>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "fold/ops/binary_util.h"
#include "fold/ops/exact_math.h"
#include "fold/ops/families.h"

namespace dsperse {
namespace {

// base^exponent by squaring, wrapping. A negative exponent is a reciprocal, truncated: 0 but for bases 1
// and −1; `*zero` is set when that divides by zero.
template <typename T, typename E>
T IntegerPower(T base, E exponent, bool* zero) {
  using A = ArithType<T>;
  if constexpr (std::is_signed_v<E>) {
    if (exponent < 0) {
      if (base == T{0}) *zero = true;
      if (base == T{1}) return 1;
      if constexpr (std::is_signed_v<T>) {
        if (base == T{-1}) return exponent % 2 == 0 ? T{1} : T{-1};
      }
      return 0;
    }
  }
  A result = 1;
  A square = static_cast<A>(base);
  for (std::make_unsigned_t<E> left = static_cast<std::make_unsigned_t<E>>(exponent); left != 0;
       left = static_cast<std::make_unsigned_t<E>>(left >> 1)) {
    if (left & 1) result *= square;
    square *= square;
  }
  return static_cast<T>(result);
}

template <typename T, typename E>
absl::StatusOr<Outputs> PowOfInts(const EvalContext& context, const NodeView& node,
                                  const BinaryPlan& plan) {
  bool zero = false;
  absl::StatusOr<Outputs> result = RunBinary<T, E, T>(
      context, plan, [&zero](T a, E b) { return IntegerPower<T, E>(a, b, &zero); });
  if (zero) return InvalidNode(node, "zero to a negative power");
  return result;
}

// Integer base, float exponent: the truncated power, if it fits.
template <typename T, typename E>
absl::StatusOr<Outputs> PowOfIntByFloat(const EvalContext& context, const NodeView& node,
                                        const BinaryPlan& plan) {
  constexpr double kExact = 0x1p53;
  bool range = false;
  const bool exact = context.mode == EvalMode::kExact;
  absl::StatusOr<Outputs> result = RunBinary<T, E, T>(context, plan, [&](T a, E b) -> T {
    const double x = static_cast<double>(a);
    const double y = static_cast<double>(b);
    const double power = exact ? ExactPow<double>(x, y) : std::pow(x, y);
    // Beyond 2^53 neither the base nor the power is known to the last digit.
    const double low = static_cast<double>(std::numeric_limits<T>::lowest());
    const double high = static_cast<double>(std::numeric_limits<T>::max());
    if (!(std::fabs(x) <= kExact && std::fabs(power) <= kExact && power >= low && power <= high)) {
      range = true;
      return 0;
    }
    return static_cast<T>(power);
  });
  if (range) {
    return InvalidNode(node, absl::StrCat("a power does not fit ", DTypeName(plan.a->dtype())));
  }
  return result;
}

template <typename T, typename E>
absl::StatusOr<Outputs> PowOfFloats(const EvalContext& context, const BinaryPlan& plan) {
  if (context.mode == EvalMode::kExact) {
    return RunBinary<T, E, T>(context, plan, [](T a, E b) {
      if constexpr (kIsInt<E> && !std::is_same_v<E, uint64_t>) {
        return ExactPow<T>(static_cast<double>(a), static_cast<int64_t>(b));
      } else {
        return ExactPow<T>(static_cast<double>(a), static_cast<double>(b));
      }
    });
  }
  return RunBinary<T, E, T>(context, plan, [](T a, E b) {
    const double x = static_cast<double>(a);
    const double y = static_cast<double>(b);
    if (y == 2) return static_cast<T>(x * x);
    return static_cast<T>(std::pow(x, y));
  });
}

absl::StatusOr<Outputs> Pow(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_ASSIGN_OR_RETURN(const BinaryPlan plan, PlanBinary(node, inputs));
  const auto unsupported = [&]() -> absl::StatusOr<Outputs> {
    return UnsupportedType(node, plan.a->dtype());
  };
  // An exponent of this size is odd or even beyond what a double knows.
  if (IsFloat(plan.a->dtype()) && plan.b->dtype() == DType::kUint64) {
    for (uint64_t y : plan.b->data<uint64_t>()) {
      if (y > (uint64_t{1} << 53)) return Unsupported(node, plan.a->dtype(), "an exponent beyond 2^53");
    }
  }
  return DispatchNumbers(
      plan.a->dtype(),
      [&](auto base) -> absl::StatusOr<Outputs> {
        using T = typename decltype(base)::type;
        return DispatchNumbers(
            plan.b->dtype(),
            [&](auto exponent) -> absl::StatusOr<Outputs> {
              using E = typename decltype(exponent)::type;
              if constexpr (kIsFloat<T>) {
                return PowOfFloats<T, E>(context, plan);
              } else if constexpr (kIsInt<E>) {
                return PowOfInts<T, E>(context, node, plan);
              } else {
                return PowOfIntByFloat<T, E>(context, node, plan);
              }
            },
            unsupported);
      },
      unsupported);
}

}  // namespace

void AppendPowOp(std::vector<OpDef>* rows) {
  OpDef row;
  row.op_type = "Pow";
  row.since = 1;
  row.evaluate = &Pow;
  row.elementwise = true;
  rows->push_back(row);
}

}  // namespace dsperse
