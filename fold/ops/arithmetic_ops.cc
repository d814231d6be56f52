// Add, Sub, Mul, Div, Mod. Floats: one operation, rounded once. Integers: in their own type, wrapping.
#include <cmath>
#include <type_traits>

#include "fold/ops/binary_util.h"
#include "fold/ops/families.h"

namespace dsperse {
namespace {

struct AddOp {
  template <typename A>
  static A Apply(A a, A b) {
    return a + b;
  }
};
struct SubOp {
  template <typename A>
  static A Apply(A a, A b) {
    return a - b;
  }
};
struct MulOp {
  template <typename A>
  static A Apply(A a, A b) {
    return a * b;
  }
};

template <typename Op>
absl::StatusOr<Outputs> Arithmetic(const EvalContext& context, const NodeView& node,
                                   Inputs inputs) {
  DSPERSE_ASSIGN_OR_RETURN(const BinaryPlan plan, PlanBinary(node, inputs));
  DSPERSE_RETURN_IF_ERROR(RequireSameType(node, *plan.a, *plan.b));
  return DispatchNumbers(
      plan.a->dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        using A = ArithType<T>;
        return RunBinary<T, T, T>(context, plan, [](T a, T b) {
          return static_cast<T>(Op::template Apply<A>(static_cast<A>(a), static_cast<A>(b)));
        });
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, plan.a->dtype()); });
}

// InvalidArgument when an integer divisor is zero and there is something to divide.
template <typename T>
absl::Status CheckDivisors(const NodeView& node, const BinaryPlan& plan) {
  if (plan.loops.empty) return absl::OkStatus();
  for (T divisor : plan.b->data<T>()) {
    if (divisor == 0) return InvalidNode(node, "integer division by zero");
  }
  return absl::OkStatus();
}

// Towards zero; the one overflow (smallest / −1) wraps.
template <typename T>
T Divide(T a, T b) {
  if constexpr (std::is_signed_v<T>) {
    if (b == -1) return static_cast<T>(ArithType<T>{0} - static_cast<ArithType<T>>(a));
  }
  return static_cast<T>(a / b);
}

// With the sign of the dividend, as in C.
template <typename T>
T Remainder(T a, T b) {
  if constexpr (std::is_signed_v<T>) {
    if (b == -1) return 0;
  }
  return static_cast<T>(a % b);
}

// With the sign of the divisor, as in Python.
template <typename T>
T Modulo(T a, T b) {
  const T r = Remainder(a, b);
  if constexpr (std::is_signed_v<T>) {
    if (r != 0 && (r < 0) != (b < 0)) return static_cast<T>(r + b);
  }
  return r;
}

absl::StatusOr<Outputs> Div(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_ASSIGN_OR_RETURN(const BinaryPlan plan, PlanBinary(node, inputs));
  DSPERSE_RETURN_IF_ERROR(RequireSameType(node, *plan.a, *plan.b));
  return DispatchNumbers(
      plan.a->dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        if constexpr (kIsInt<T>) {
          DSPERSE_RETURN_IF_ERROR(CheckDivisors<T>(node, plan));
          return RunBinary<T, T, T>(context, plan, [](T a, T b) { return Divide(a, b); });
        } else {
          using A = ArithType<T>;
          return RunBinary<T, T, T>(
              context, plan,
              [](T a, T b) { return static_cast<T>(static_cast<A>(a) / static_cast<A>(b)); });
        }
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, plan.a->dtype()); });
}

absl::StatusOr<Outputs> Mod(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_ASSIGN_OR_RETURN(const BinaryPlan plan, PlanBinary(node, inputs));
  DSPERSE_RETURN_IF_ERROR(RequireSameType(node, *plan.a, *plan.b));
  const bool fmod = node.Int("fmod", 0) != 0;
  if (!fmod && IsFloat(plan.a->dtype())) {
    return InvalidNode(node, "Mod of floats needs fmod = 1");
  }
  return DispatchNumbers(
      plan.a->dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        if constexpr (kIsInt<T>) {
          DSPERSE_RETURN_IF_ERROR(CheckDivisors<T>(node, plan));
          if (fmod) {
            return RunBinary<T, T, T>(context, plan, [](T a, T b) { return Remainder(a, b); });
          }
          return RunBinary<T, T, T>(context, plan, [](T a, T b) { return Modulo(a, b); });
        } else {
          // fmod is exact (its result is a multiple of the smaller operand's last place), so every C
          // library gives the same, and it fits T.
          return RunBinary<T, T, T>(context, plan, [](T a, T b) {
            return static_cast<T>(std::fmod(static_cast<double>(a), static_cast<double>(b)));
          });
        }
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, plan.a->dtype()); });
}

}  // namespace

void AppendArithmeticOps(std::vector<OpDef>* rows) {
  const auto add = [rows](absl::string_view name, int64_t since, EvaluateFn evaluate) {
    AddRow(rows, name, since, evaluate).elementwise = true;
  };
  add("Add", 6, &Arithmetic<AddOp>);
  add("Div", 6, &Div);
  add("Mod", 10, &Mod);
  add("Mul", 6, &Arithmetic<MulOp>);
  add("Sub", 6, &Arithmetic<SubOp>);
}

}  // namespace dsperse
