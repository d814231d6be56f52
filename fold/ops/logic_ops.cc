// Comparisons, logic and bits: two inputs, bool or integer results, always exact.
#include "absl/strings/str_cat.h"
#include "fold/ops/binary_util.h"
#include "fold/ops/families.h"

namespace dsperse {
namespace {

struct EqualOp {
  static constexpr bool kBools = true;
  template <typename T>
  static bool Apply(T a, T b) {
    return a == b;
  }
};
struct GreaterOp {
  static constexpr bool kBools = false;
  template <typename T>
  static bool Apply(T a, T b) {
    return a > b;
  }
};
struct GreaterOrEqualOp {
  static constexpr bool kBools = false;
  template <typename T>
  static bool Apply(T a, T b) {
    return a >= b;
  }
};
struct LessOp {
  static constexpr bool kBools = false;
  template <typename T>
  static bool Apply(T a, T b) {
    return a < b;
  }
};
struct LessOrEqualOp {
  static constexpr bool kBools = false;
  template <typename T>
  static bool Apply(T a, T b) {
    return a <= b;
  }
};

template <typename Op>
absl::StatusOr<Outputs> Compare(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_ASSIGN_OR_RETURN(const BinaryPlan plan, PlanBinary(node, inputs));
  DSPERSE_RETURN_IF_ERROR(RequireSameType(node, *plan.a, *plan.b));
  const DType type = plan.a->dtype();
  if (type == DType::kBool && !Op::kBools) return UnsupportedType(node, type);
  return DispatchDType(
      type,
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        return RunBinary<T, T, bool>(context, plan, [](T a, T b) {
          if constexpr (kIsHalf<T>) {
            return Op::template Apply<double>(static_cast<double>(a), static_cast<double>(b));
          } else {
            return Op::template Apply<T>(a, b);
          }
        });
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, type); });
}

struct AndOp {
  template <typename T>
  static T Apply(T a, T b) {
    return static_cast<T>(a & b);
  }
};
struct OrOp {
  template <typename T>
  static T Apply(T a, T b) {
    return static_cast<T>(a | b);
  }
};
struct XorOp {
  template <typename T>
  static T Apply(T a, T b) {
    return static_cast<T>(a ^ b);
  }
};

template <typename Op>
absl::StatusOr<Outputs> Logical(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_ASSIGN_OR_RETURN(const BinaryPlan plan, PlanBinary(node, inputs));
  DSPERSE_RETURN_IF_ERROR(RequireSameType(node, *plan.a, *plan.b));
  if (plan.a->dtype() != DType::kBool) return UnsupportedType(node, plan.a->dtype());
  return RunBinary<bool, bool, bool>(context, plan,
                                     [](bool a, bool b) { return Op::template Apply<bool>(a, b); });
}

template <typename Op>
absl::StatusOr<Outputs> Bitwise(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_ASSIGN_OR_RETURN(const BinaryPlan plan, PlanBinary(node, inputs));
  DSPERSE_RETURN_IF_ERROR(RequireSameType(node, *plan.a, *plan.b));
  return DispatchInts(
      plan.a->dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        return RunBinary<T, T, T>(context, plan,
                                  [](T a, T b) { return Op::template Apply<T>(a, b); });
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, plan.a->dtype()); });
}

absl::StatusOr<Outputs> BitShift(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_ASSIGN_OR_RETURN(const BinaryPlan plan, PlanBinary(node, inputs));
  DSPERSE_RETURN_IF_ERROR(RequireSameType(node, *plan.a, *plan.b));
  const std::string direction = node.String("direction", "");
  if (direction != "LEFT" && direction != "RIGHT") {
    return InvalidNode(node, absl::StrCat("direction \"", direction, "\" is not LEFT or RIGHT"));
  }
  const bool left = direction == "LEFT";
  const DType type = plan.a->dtype();
  if (IsSigned(type)) return UnsupportedType(node, type);
  return DispatchInts(
      type,
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        // A shift by the width or more moves every bit out.
        return RunBinary<T, T, T>(context, plan, [left](T a, T b) {
          const uint64_t bits = static_cast<uint64_t>(b);
          if (bits >= 8 * sizeof(T)) return T{0};
          const uint64_t wide = static_cast<uint64_t>(a);
          return static_cast<T>(left ? wide << bits : wide >> bits);
        });
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, type); });
}

}  // namespace

void AppendLogicOps(std::vector<OpDef>* rows) {
  const auto add = [rows](absl::string_view name, int64_t since, EvaluateFn evaluate) {
    AddRow(rows, name, since, evaluate).elementwise = true;
  };
  add("And", 1, &Logical<AndOp>);
  add("BitShift", 11, &BitShift);
  add("BitwiseAnd", 18, &Bitwise<AndOp>);
  add("BitwiseOr", 18, &Bitwise<OrOp>);
  add("BitwiseXor", 18, &Bitwise<XorOp>);
  add("Equal", 1, &Compare<EqualOp>);
  add("Greater", 1, &Compare<GreaterOp>);
  add("GreaterOrEqual", 12, &Compare<GreaterOrEqualOp>);
  add("Less", 1, &Compare<LessOp>);
  add("LessOrEqual", 12, &Compare<LessOrEqualOp>);
  add("Or", 1, &Logical<OrOp>);
  add("Xor", 1, &Logical<XorOp>);
}

}  // namespace dsperse
