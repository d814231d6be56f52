// One input, one output, element by element: rounding, signs, tests, and the elementary functions.
#include <cmath>
#include <limits>

#include "fold/ops/eval_util.h"
#include "fold/ops/exact_math.h"
#include "fold/ops/families.h"

namespace dsperse {
namespace {

// A family member is a struct with `kTypes` and a template `Apply<T>`; `Unary` dispatches.
enum class Types { kNumbers, kSigned, kFloats };

template <typename Op>
absl::StatusOr<Outputs> Unary(const EvalContext& context, const NodeView& node, Inputs inputs) {
  if (absl::Status status = RequireInputs(node, inputs, 1); !status.ok()) return status;
  const Tensor& x = *inputs[0];
  const auto unsupported = [&]() -> absl::StatusOr<Outputs> {
    return UnsupportedType(node, x.dtype());
  };
  const auto run = [&](auto tag) -> absl::StatusOr<Outputs> {
    using T = typename decltype(tag)::type;
    return MapElements<T, T>(context, x, [](T v) { return Op::template Apply<T>(v); });
  };
  if constexpr (Op::kTypes == Types::kFloats) {
    return DispatchFloats(x.dtype(), run, unsupported);
  } else {
    if (Op::kTypes == Types::kSigned && !IsSigned(x.dtype())) return unsupported();
    return DispatchNumbers(x.dtype(), run, unsupported);
  }
}

// Applies a function of double to a float type. Used for functions whose result is exact or correctly
// rounded in double already.
template <typename T, typename F>
T ThroughDouble(T v, F f) {
  return T(f(static_cast<double>(v)));
}

struct AbsOp {
  static constexpr Types kTypes = Types::kNumbers;
  template <typename T>
  static T Apply(T v) {
    if constexpr (kIsFloat<T>) {
      return ThroughDouble(v, [](double d) { return std::fabs(d); });
    } else if constexpr (std::is_signed_v<T>) {
      return v < 0 ? static_cast<T>(ArithType<T>{0} - static_cast<ArithType<T>>(v)) : v;
    } else {
      return v;
    }
  }
};

struct NegOp {
  static constexpr Types kTypes = Types::kSigned;
  template <typename T>
  static T Apply(T v) {
    if constexpr (kIsFloat<T>) {
      return ThroughDouble(v, [](double d) { return -d; });
    } else {
      return static_cast<T>(ArithType<T>{0} - static_cast<ArithType<T>>(v));
    }
  }
};

struct SignOp {
  static constexpr Types kTypes = Types::kNumbers;
  template <typename T>
  static T Apply(T v) {
    if constexpr (kIsFloat<T>) {
      // NaN stays NaN.
      return ThroughDouble(v, [](double d) { return d > 0 ? 1.0 : d < 0 ? -1.0 : d == 0 ? 0.0 : d; });
    } else {
      return static_cast<T>((v > 0) - (v < 0));
    }
  }
};

struct ReciprocalOp {
  static constexpr Types kTypes = Types::kFloats;
  template <typename T>
  static T Apply(T v) {
    return ThroughDouble(v, [](double d) { return 1.0 / d; });
  }
};

// floor, ceil and nearbyint are exact, so every C library gives the same.
struct FloorOp {
  static constexpr Types kTypes = Types::kFloats;
  template <typename T>
  static T Apply(T v) {
    return ThroughDouble(v, [](double d) { return std::floor(d); });
  }
};

struct CeilOp {
  static constexpr Types kTypes = Types::kFloats;
  template <typename T>
  static T Apply(T v) {
    return ThroughDouble(v, [](double d) { return std::ceil(d); });
  }
};

// To the nearest integer, halves to even.
struct RoundOp {
  static constexpr Types kTypes = Types::kFloats;
  template <typename T>
  static T Apply(T v) {
    return ThroughDouble(v, [](double d) { return std::nearbyint(d); });
  }
};

struct SqrtOp {
  static constexpr Types kTypes = Types::kFloats;
  template <typename T>
  static T Apply(T v) {
    return ThroughDouble(v, [](double d) { return std::sqrt(d); });
  }
};

template <MathFn kFn>
absl::StatusOr<Outputs> Elementary(const EvalContext& context, const NodeView& node,
                                   Inputs inputs) {
  if (absl::Status status = RequireInputs(node, inputs, 1); !status.ok()) return status;
  const Tensor& x = *inputs[0];
  return DispatchFloats(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        if (context.mode == EvalMode::kExact) {
          return MapElements<T, T>(
              context, x, [](T v) { return ExactCall<T>(kFn, static_cast<double>(v)); });
        }
        return MapElements<T, T>(
            context, x, [](T v) { return T(FastCall(kFn, static_cast<double>(v))); });
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
}

absl::StatusOr<Outputs> Not(const EvalContext& context, const NodeView& node, Inputs inputs) {
  if (absl::Status status = RequireInputs(node, inputs, 1); !status.ok()) return status;
  if (inputs[0]->dtype() != DType::kBool) return UnsupportedType(node, inputs[0]->dtype());
  return MapElements<bool, bool>(context, *inputs[0], [](bool v) { return !v; });
}

absl::StatusOr<Outputs> BitwiseNot(const EvalContext& context, const NodeView& node,
                                   Inputs inputs) {
  if (absl::Status status = RequireInputs(node, inputs, 1); !status.ok()) return status;
  const Tensor& x = *inputs[0];
  return DispatchInts(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        return MapElements<T, T>(context, x, [](T v) { return static_cast<T>(~v); });
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
}

absl::StatusOr<Outputs> IsNan(const EvalContext& context, const NodeView& node, Inputs inputs) {
  if (absl::Status status = RequireInputs(node, inputs, 1); !status.ok()) return status;
  const Tensor& x = *inputs[0];
  return DispatchFloats(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        return MapElements<T, bool>(context, x,
                                    [](T v) { return std::isnan(static_cast<double>(v)); });
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
}

absl::StatusOr<Outputs> IsInf(const EvalContext& context, const NodeView& node, Inputs inputs) {
  if (absl::Status status = RequireInputs(node, inputs, 1); !status.ok()) return status;
  const Tensor& x = *inputs[0];
  const bool positive = node.Int("detect_positive", 1) != 0;
  const bool negative = node.Int("detect_negative", 1) != 0;
  return DispatchFloats(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        return MapElements<T, bool>(context, x, [positive, negative](T v) {
          const double d = static_cast<double>(v);
          return std::isinf(d) && (d > 0 ? positive : negative);
        });
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
}

}  // namespace

void AppendUnaryOps(std::vector<OpDef>* rows) {
  const auto add = [rows](absl::string_view name, int64_t since, EvaluateFn evaluate) {
    AddRow(rows, name, since, evaluate).elementwise = true;
  };
  add("Abs", 6, &Unary<AbsOp>);
  add("Ceil", 6, &Unary<CeilOp>);
  add("Floor", 6, &Unary<FloorOp>);
  add("Neg", 6, &Unary<NegOp>);
  add("Reciprocal", 6, &Unary<ReciprocalOp>);
  add("Round", 11, &Unary<RoundOp>);
  add("Sign", 9, &Unary<SignOp>);
  add("Sqrt", 6, &Unary<SqrtOp>);

  add("Acos", 7, &Elementary<MathFn::kAcos>);
  add("Acosh", 9, &Elementary<MathFn::kAcosh>);
  add("Asin", 7, &Elementary<MathFn::kAsin>);
  add("Asinh", 9, &Elementary<MathFn::kAsinh>);
  add("Atan", 7, &Elementary<MathFn::kAtan>);
  add("Atanh", 9, &Elementary<MathFn::kAtanh>);
  add("Cos", 7, &Elementary<MathFn::kCos>);
  add("Cosh", 9, &Elementary<MathFn::kCosh>);
  add("Erf", 9, &Elementary<MathFn::kErf>);
  add("Exp", 6, &Elementary<MathFn::kExp>);
  add("Log", 6, &Elementary<MathFn::kLog>);
  add("Sin", 7, &Elementary<MathFn::kSin>);
  add("Sinh", 9, &Elementary<MathFn::kSinh>);
  add("Tan", 7, &Elementary<MathFn::kTan>);
  add("Tanh", 6, &Elementary<MathFn::kTanh>);

  add("BitwiseNot", 18, &BitwiseNot);
  add("IsInf", 10, &IsInf);
  add("IsNaN", 9, &IsNan);
  add("Not", 1, &Not);
}

}  // namespace dsperse
