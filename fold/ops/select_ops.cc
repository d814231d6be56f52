// Where and Clip: each result is one of the inputs' elements.
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/broadcast.h"
#include "fold/ops/eval_util.h"
#include "fold/ops/families.h"

namespace dsperse {
namespace {

absl::StatusOr<Outputs> Where(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 3));
  const Tensor& condition = *inputs[0];
  const Tensor& x = *inputs[1];
  const Tensor& y = *inputs[2];
  DSPERSE_RETURN_IF_ERROR(RequireSameType(node, x, y));
  if (condition.dtype() != DType::kBool) return InvalidNode(node, "the condition is not bool");
  absl::StatusOr<Dims> dims = BroadcastDims(condition.dims(), x.dims());
  if (dims.ok()) dims = BroadcastDims(*dims, y.dims());
  if (!dims.ok()) return InvalidNode(node, dims.status().message());
  const BroadcastLoops loops =
      MakeBroadcastLoops(*dims, {&condition.dims(), &x.dims(), &y.dims()});
  return DispatchWidth(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using W = typename decltype(tag)::type;
        DSPERSE_ASSIGN_OR_RETURN(std::string bytes, MakeBytes(context, x.dtype(), *dims));
        W* out = reinterpret_cast<W*>(bytes.data());
        const bool* c = condition.data<bool>().data();
        const W* a = x.data<W>().data();
        const W* b = y.data<W>().data();
        ForEachRun(loops, [&](int64_t at, const int64_t* offsets) {
          for (int64_t i = 0; i < loops.run; ++i) {
            out[at + i] = c[offsets[0] + i * loops.run_step[0]]
                              ? a[offsets[1] + i * loops.run_step[1]]
                              : b[offsets[2] + i * loops.run_step[2]];
          }
        });
        return Single(Tensor::FromBytes(x.dtype(), *dims, std::move(bytes)));
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
}

// min(max(x, low), high): the upper bound wins where they cross; NaN stays.
template <typename T>
T Clamp(T x, T low, T high) {
  if constexpr (kIsHalf<T>) {
    const double wide = static_cast<double>(x);
    const T y = wide < static_cast<double>(low) ? low : x;
    return static_cast<double>(y) > static_cast<double>(high) ? high : y;
  } else {
    const T y = x < low ? low : x;
    return y > high ? high : y;
  }
}

// Bounds as attributes; the defaults are float's limits for every type.
absl::StatusOr<Outputs> ClipByAttributes(const EvalContext& context, const NodeView& node,
                                         Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Tensor& x = *inputs[0];
  const double low = node.Float("min", std::numeric_limits<float>::lowest());
  const double high = node.Float("max", std::numeric_limits<float>::max());
  return DispatchFloats(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        return MapElements<T, T>(context, x, [low, high](T v) {
          return static_cast<T>(Clamp<double>(static_cast<double>(v), low, high));
        });
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
}

absl::Status CheckBound(const NodeView& node, const Tensor& x, const Tensor* bound) {
  if (bound == nullptr) return absl::OkStatus();
  DSPERSE_RETURN_IF_ERROR(RequireSameType(node, x, *bound));
  if (bound->num_elements() != 1) {
    return InvalidNode(node, absl::StrCat("a bound of shape ", DimsToString(bound->dims()),
                                          " is not a scalar"));
  }
  return absl::OkStatus();
}

// The value below or above which nothing lies.
template <typename T>
T Unbounded(bool low) {
  if constexpr (kIsHalf<T>) {
    return static_cast<T>(low ? -std::numeric_limits<double>::infinity()
                              : std::numeric_limits<double>::infinity());
  } else if constexpr (std::numeric_limits<T>::has_infinity) {
    return low ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::infinity();
  } else {
    return low ? std::numeric_limits<T>::lowest() : std::numeric_limits<T>::max();
  }
}

absl::StatusOr<Outputs> Clip(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Tensor& x = *inputs[0];
  const Tensor* low = InputAt(inputs, 1);
  const Tensor* high = InputAt(inputs, 2);
  DSPERSE_RETURN_IF_ERROR(CheckBound(node, x, low));
  DSPERSE_RETURN_IF_ERROR(CheckBound(node, x, high));
  return DispatchNumbers(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        const T from = low != nullptr ? low->data<T>()[0] : Unbounded<T>(true);
        const T to = high != nullptr ? high->data<T>()[0] : Unbounded<T>(false);
        if constexpr (kIsFloat<T>) {
          if (static_cast<double>(from) != static_cast<double>(from) ||
              static_cast<double>(to) != static_cast<double>(to)) {
            return InvalidNode(node, "a bound is NaN");
          }
        }
        return MapElements<T, T>(context, x, [from, to](T v) { return Clamp<T>(v, from, to); });
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
}

}  // namespace

void AppendSelectOps(std::vector<OpDef>* rows) {
  OpDef& by_attributes = AddRow(rows, "Clip", 6, &ClipByAttributes);
  by_attributes.until = 10;
  by_attributes.elementwise = true;
  AddRow(rows, "Clip", 11, &Clip).elementwise = true;
  OpDef& where = AddRow(rows, "Where", 9, &Where);
  where.elementwise = true;
  where.keeps_bits = true;
}

}  // namespace dsperse
