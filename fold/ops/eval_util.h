// What the evaluators of all operator families share: errors, inputs, outputs, axes, arithmetic
// types.
#ifndef DSPERSE_FOLD_OPS_EVAL_UTIL_H_
#define DSPERSE_FOLD_OPS_EVAL_UTIL_H_

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "fold/ir/dtype.h"
#include "fold/ir/graph.h"
#include "fold/ir/tensor.h"
#include "fold/ops/op.h"

namespace dsperse {

using Inputs = absl::Span<const Tensor* const>;
using Outputs = std::vector<Tensor>;

// ---- errors ----

// `Conv "conv1" (opset 11)`: where a message is about.
std::string DescribeNode(const NodeView& node);
// Unimplemented: "Conv (opset 11, float16): not evaluated".
absl::Status UnsupportedType(const NodeView& node, DType dtype);
// Unimplemented: "Conv (opset 11, float16): `what` is not evaluated".
absl::Status Unsupported(const NodeView& node, DType dtype, absl::string_view what);
// InvalidArgument: `Conv "conv1" (opset 11): what`.
absl::Status InvalidNode(const NodeView& node, absl::string_view what);

// ---- inputs ----

// Input `i`, or null when it is absent or beyond the list.
inline const Tensor* InputAt(Inputs inputs, int i) {
  return i < static_cast<int>(inputs.size()) ? inputs[i] : nullptr;
}
// InvalidArgument unless the first `count` inputs are there.
absl::Status RequireInputs(const NodeView& node, Inputs inputs, int count);
// InvalidArgument unless both have the same element type.
absl::Status RequireSameType(const NodeView& node, const Tensor& a, const Tensor& b);
// Elements of an integer tensor (axes, sizes, …); `what` names it in the message.
absl::StatusOr<std::vector<int64_t>> IntsOf(const NodeView& node, const Tensor& tensor,
                                            absl::string_view what);
// The one element of an integer tensor.
absl::StatusOr<int64_t> IntOf(const NodeView& node, const Tensor& tensor, absl::string_view what);
// A list that is input `input` in newer opsets and attribute `attribute` in older ones, wherever it
// is given; nothing when it is in neither place.
absl::StatusOr<std::optional<std::vector<int64_t>>> InputOrAttr(const NodeView& node, Inputs inputs,
                                                                int input,
                                                                absl::string_view attribute);

// ---- axes ----

// `axis` + rank if negative; InvalidArgument outside [−rank, rank).
absl::StatusOr<int> NormalizeAxis(const NodeView& node, int64_t axis, int rank);
// The same for a list, sorted; InvalidArgument when one occurs twice.
absl::StatusOr<std::vector<int>> NormalizeAxes(const NodeView& node, absl::Span<const int64_t> axes,
                                               int rank);
// Product of dims[from, to) of a tensor that exists; 0 where it exceeds 64 bits, as only that of an empty one does.
int64_t ProductOf(const Dims& dims, int from, int to);

// ---- outputs ----

// A tensor for the caller to fill; ResourceExhausted beyond the context's limit.
template <typename T>
absl::StatusOr<Tensor> MakeOutput(const EvalContext& context, Dims dims, T** data) {
  return Tensor::Make<T>(std::move(dims), data, context.max_output_bytes);
}
// A zeroed buffer with the bytes of such a tensor, for evaluators that move whole elements; becomes
// a tensor by Tensor::FromBytes. ResourceExhausted beyond the context's limit.
absl::StatusOr<std::string> MakeBytes(const EvalContext& context, DType dtype, const Dims& dims);
// The result of an operator with one output.
inline absl::StatusOr<Outputs> Single(Tensor tensor) {
  Outputs outputs;
  outputs.push_back(std::move(tensor));
  return outputs;
}
inline absl::StatusOr<Outputs> Single(absl::StatusOr<Tensor> tensor) {
  if (!tensor.ok()) return tensor.status();
  return Single(*std::move(tensor));
}

// ---- element types ----

// For integer steps that may leave 64 bits.
__extension__ typedef __int128 Int128;

template <typename T>
inline constexpr bool kIsHalf = std::is_same_v<T, Float16> || std::is_same_v<T, Bfloat16>;
template <typename T>
inline constexpr bool kIsFloat = std::is_floating_point_v<T> || kIsHalf<T>;
template <typename T>
inline constexpr bool kIsBool = std::is_same_v<T, bool>;
template <typename T>
inline constexpr bool kIsInt = std::is_integral_v<T> && !kIsBool<T>;

// The type in which +, −, · and / on T are done. float stays float: one operation in double rounded
// to float gives the same bits, as double has more than twice the digits. Halves go through double.
// Integers wrap, so they are computed unsigned (and no narrower than unsigned, which would promote
// to int and overflow).
template <typename T, bool = kIsInt<T>>
struct ArithTypeImpl {
  using type = std::conditional_t<kIsHalf<T>, double, T>;
};
template <typename T>
struct ArithTypeImpl<T, true> {
  using type = std::common_type_t<std::make_unsigned_t<T>, unsigned>;
};
template <typename T>
using ArithType = typename ArithTypeImpl<T>::type;

// A float as an integer, truncated. `*fits` is cleared when it lies outside D or is NaN; the result
// then is what is left of it clamped to int64 and cut to the low bits.
template <typename D>
D Truncate(double value, bool* fits) {
  const double whole = std::trunc(value);
  // Both limits are exact in double: a power of two each (the upper one excluded).
  constexpr double kLow = std::is_signed_v<D> ? -0x1p0 * (uint64_t{1} << (8 * sizeof(D) - 1)) : 0.0;
  constexpr double kEnd =
      2.0 * static_cast<double>(uint64_t{1} << (8 * sizeof(D) - (std::is_signed_v<D> ? 2 : 1)));
  if (whole >= kLow && whole < kEnd) return static_cast<D>(whole);
  *fits = false;
  if (!(whole >= -0x1p63)) return static_cast<D>(std::numeric_limits<int64_t>::min());
  if (!(whole < 0x1p63)) return static_cast<D>(std::numeric_limits<int64_t>::max());
  return static_cast<D>(static_cast<int64_t>(whole));
}

// As DispatchDType, for the four float types / the integer types / both.
template <typename F, typename Fallback>
auto DispatchFloats(DType type, F&& f, Fallback&& fallback) {
  switch (type) {
    case DType::kFloat:
      return f(TypeTag<float>{});
    case DType::kDouble:
      return f(TypeTag<double>{});
    case DType::kFloat16:
      return f(TypeTag<Float16>{});
    case DType::kBfloat16:
      return f(TypeTag<Bfloat16>{});
    default:
      return fallback();
  }
}
template <typename F, typename Fallback>
auto DispatchInts(DType type, F&& f, Fallback&& fallback) {
  switch (type) {
    case DType::kUint8:
      return f(TypeTag<uint8_t>{});
    case DType::kInt8:
      return f(TypeTag<int8_t>{});
    case DType::kUint16:
      return f(TypeTag<uint16_t>{});
    case DType::kInt16:
      return f(TypeTag<int16_t>{});
    case DType::kInt32:
      return f(TypeTag<int32_t>{});
    case DType::kInt64:
      return f(TypeTag<int64_t>{});
    case DType::kUint32:
      return f(TypeTag<uint32_t>{});
    case DType::kUint64:
      return f(TypeTag<uint64_t>{});
    default:
      return fallback();
  }
}
template <typename F, typename Fallback>
auto DispatchNumbers(DType type, F&& f, Fallback&& fallback) {
  if (IsFloat(type)) return DispatchFloats(type, f, fallback);
  return DispatchInts(type, f, fallback);
}

// 16 bytes, for moving elements of complex128.
struct Word128 {
  uint64_t low = 0;
  uint64_t high = 0;
};
// For moving elements without looking at them: calls f(TypeTag<an unsigned word as wide as an
// element>). Packed 4-bit types and strings fall back.
template <typename F, typename Fallback>
auto DispatchWidth(DType type, F&& f, Fallback&& fallback) {
  switch (BitWidth(type)) {
    case 8:
      return f(TypeTag<uint8_t>{});
    case 16:
      return f(TypeTag<uint16_t>{});
    case 32:
      return f(TypeTag<uint32_t>{});
    case 64:
      return f(TypeTag<uint64_t>{});
    case 128:
      return f(TypeTag<Word128>{});
    default:
      return fallback();
  }
}

// ---- element by element, one input ----

// out[i] = f(in[i]), T → R. The input is in memory and of type T.
template <typename T, typename R, typename F>
absl::StatusOr<Outputs> MapElements(const EvalContext& context, const Tensor& input, F&& f) {
  R* out = nullptr;
  absl::StatusOr<Tensor> result = MakeOutput<R>(context, input.dims(), &out);
  if (!result.ok()) return result.status();
  const absl::Span<const T> in = input.data<T>();
  for (size_t i = 0; i < in.size(); ++i) out[i] = f(in[i]);
  return Single(*std::move(result));
}

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_EVAL_UTIL_H_
