// Pow: the result has the base's type, whatever the exponent's.
#include <cmath>
#include <limits>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "fold/ops/binary_util.h"
#include "fold/ops/exact_math.h"
#include "fold/ops/families.h"

namespace dsperse {
namespace {

// base^exponent by squaring, wrapping. A negative exponent is a reciprocal, truncated: 0 but for
// bases 1 and −1; `*zero` is set when that divides by zero.
template <typename T>
T IntegerPower(T base, int64_t exponent, bool* zero) {
  using A = ArithType<T>;
  if (exponent < 0) {
    if (base == T{0}) *zero = true;
    if (base == T{1}) return 1;
    if constexpr (std::is_signed_v<T>) {
      if (base == T{-1}) return exponent % 2 == 0 ? T{1} : T{-1};
    }
    return 0;
  }
  A result = 1;
  A square = static_cast<A>(base);
  for (int64_t left = exponent; left != 0; left >>= 1) {
    if (left & 1) result *= square;
    square *= square;
  }
  return static_cast<T>(result);
}

template <typename T>
absl::StatusOr<Outputs> PowOfInts(const EvalContext& context, const NodeView& node,
                                  const BinaryPlan& plan) {
  bool zero = false;
  absl::StatusOr<Outputs> result = RunBinary<T, int64_t, T>(
      context, plan, [&zero](T a, int64_t b) { return IntegerPower<T>(a, b, &zero); });
  if (zero) return InvalidNode(node, "zero to a negative power");
  return result;
}

// Integer base, float exponent: the truncated power, if it fits.
template <typename T>
absl::StatusOr<Outputs> PowOfIntsByFloats(const EvalContext& context, const NodeView& node,
                                          const BinaryPlan& plan) {
  constexpr double kExact = 0x1p53;
  bool fits = true;
  const bool exact = context.mode == EvalMode::kExact;
  absl::StatusOr<Outputs> result = RunBinary<T, double, T>(context, plan, [&](T a, double y) -> T {
    const double x = static_cast<double>(a);
    const double power = exact ? ExactPow<double>(x, y) : std::pow(x, y);
    // Beyond 2^53 neither the base nor the power is known to the last digit.
    const double low = static_cast<double>(std::numeric_limits<T>::lowest());
    const double high = static_cast<double>(std::numeric_limits<T>::max());
    if (!(std::fabs(x) <= kExact && std::fabs(power) <= kExact && power >= low && power <= high)) {
      fits = false;
      return 0;
    }
    return static_cast<T>(power);
  });
  if (!fits) {
    return InvalidNode(node, absl::StrCat("a power does not fit ", DTypeName(plan.a->dtype())));
  }
  return result;
}

// E is int64_t or double.
template <typename T, typename E>
absl::StatusOr<Outputs> PowOfFloats(const EvalContext& context, const BinaryPlan& plan) {
  if (context.mode == EvalMode::kExact) {
    return RunBinary<T, E, T>(context, plan,
                              [](T a, E b) { return ExactPow<T>(static_cast<double>(a), b); });
  }
  return RunBinary<T, E, T>(context, plan, [](T a, E b) {
    const double x = static_cast<double>(a);
    if (b == 2) return static_cast<T>(x * x);
    return static_cast<T>(std::pow(x, static_cast<double>(b)));
  });
}

// The exponents as int64 or double, whichever holds their type.
absl::StatusOr<Tensor> WideExponents(const NodeView& node, const Tensor& exponents) {
  const auto unsupported = [&]() -> absl::StatusOr<Tensor> {
    return Unsupported(node, exponents.dtype(), "an exponent of this type or size");
  };
  return DispatchNumbers(
      exponents.dtype(),
      [&](auto tag) -> absl::StatusOr<Tensor> {
        using E = typename decltype(tag)::type;
        using Wide = std::conditional_t<kIsInt<E>, int64_t, double>;
        if constexpr (std::is_same_v<E, Wide>) return exponents;
        Wide* out = nullptr;
        DSPERSE_ASSIGN_OR_RETURN(Tensor wide, Tensor::Make<Wide>(exponents.dims(), &out));
        const absl::Span<const E> in = exponents.data<E>();
        for (size_t i = 0; i < in.size(); ++i) {
          out[i] = static_cast<Wide>(in[i]);
          if constexpr (std::is_same_v<E, uint64_t>) {
            if (out[i] < 0) return unsupported();
          }
        }
        return wide;
      },
      unsupported);
}

absl::StatusOr<Outputs> Pow(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_ASSIGN_OR_RETURN(BinaryPlan plan, PlanBinary(node, inputs));
  DSPERSE_ASSIGN_OR_RETURN(const Tensor exponents, WideExponents(node, *plan.b));
  plan.b = &exponents;
  const bool whole = exponents.dtype() == DType::kInt64;
  return DispatchNumbers(
      plan.a->dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        if constexpr (kIsFloat<T>) {
          return whole ? PowOfFloats<T, int64_t>(context, plan)
                       : PowOfFloats<T, double>(context, plan);
        } else {
          return whole ? PowOfInts<T>(context, node, plan)
                       : PowOfIntsByFloats<T>(context, node, plan);
        }
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, plan.a->dtype()); });
}

}  // namespace

void AppendPowOp(std::vector<OpDef>* rows) {
  AddRow(rows, "Pow", 1, &Pow).elementwise = true;
}

}  // namespace dsperse
