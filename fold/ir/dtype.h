// Element types of tensors, and how to reach the C++ type behind one.
//
// `DType` has the numbers of onnx.TensorProto.DataType, so the two convert by a cast. All types of
// ONNX 1.19 are named; those whose elements we can compute with (`IsComputable`) have a C++ type.
#ifndef DSPERSE_FOLD_IR_DTYPE_H_
#define DSPERSE_FOLD_IR_DTYPE_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "fold/ir/half.h"

namespace dsperse {

enum class DType : int32_t {
  kUndefined = 0,
  kFloat = 1,
  kUint8 = 2,
  kInt8 = 3,
  kUint16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kDouble = 11,
  kUint32 = 12,
  kUint64 = 13,
  kComplex64 = 14,
  kComplex128 = 15,
  kBfloat16 = 16,
  kFloat8E4M3FN = 17,
  kFloat8E4M3FNUZ = 18,
  kFloat8E5M2 = 19,
  kFloat8E5M2FNUZ = 20,
  kUint4 = 21,
  kInt4 = 22,
  kFloat4E2M1 = 23,
  kFloat8E8M0 = 24,
};

inline constexpr int kMaxDType = 24;

// True for the numbers ONNX 1.19 defines, kUndefined not among them.
bool IsKnownDType(int number);

// Bits of one element as ONNX stores it: 4 for the packed types, 8 for bool, 0 for string and
// undefined.
int BitWidth(DType type);

// float16, bfloat16, float, double.
bool IsFloat(DType type);
// int8 … int64, uint8 … uint64 (not bool, not 4-bit types).
bool IsInteger(DType type);
bool IsSigned(DType type);
// IsFloat, IsInteger or bool: the types the evaluators work on.
bool IsComputable(DType type);

// ONNX's lower-case name: "float", "int64", "bfloat16", "float8e4m3fn", …; "undefined" for the rest.
absl::string_view DTypeName(DType type);

// The DType of a C++ element type.
template <typename T>
struct DTypeOfImpl;
#define DSPERSE_DTYPE(cpp, tag) \
  template <>                   \
  struct DTypeOfImpl<cpp> {     \
    static constexpr DType value = DType::tag; \
  }
DSPERSE_DTYPE(float, kFloat);
DSPERSE_DTYPE(double, kDouble);
DSPERSE_DTYPE(Float16, kFloat16);
DSPERSE_DTYPE(Bfloat16, kBfloat16);
DSPERSE_DTYPE(uint8_t, kUint8);
DSPERSE_DTYPE(int8_t, kInt8);
DSPERSE_DTYPE(uint16_t, kUint16);
DSPERSE_DTYPE(int16_t, kInt16);
DSPERSE_DTYPE(int32_t, kInt32);
DSPERSE_DTYPE(int64_t, kInt64);
DSPERSE_DTYPE(uint32_t, kUint32);
DSPERSE_DTYPE(uint64_t, kUint64);
DSPERSE_DTYPE(bool, kBool);
#undef DSPERSE_DTYPE
template <typename T>
inline constexpr DType kDTypeOf = DTypeOfImpl<T>::value;

template <typename T>
struct TypeTag {
  using type = T;
};

// Calls `f(TypeTag<T>{})` with the C++ type of a computable `type`, else returns `fallback()`.
// One dispatch a node; the loops inside are typed.
//   DispatchDType(t, [&](auto tag) { using T = typename decltype(tag)::type; … }, [&] { … });
template <typename F, typename Fallback>
auto DispatchDType(DType type, F&& f, Fallback&& fallback) {
  switch (type) {
    case DType::kFloat: return f(TypeTag<float>{});
    case DType::kDouble: return f(TypeTag<double>{});
    case DType::kFloat16: return f(TypeTag<Float16>{});
    case DType::kBfloat16: return f(TypeTag<Bfloat16>{});
    case DType::kUint8: return f(TypeTag<uint8_t>{});
    case DType::kInt8: return f(TypeTag<int8_t>{});
    case DType::kUint16: return f(TypeTag<uint16_t>{});
    case DType::kInt16: return f(TypeTag<int16_t>{});
    case DType::kInt32: return f(TypeTag<int32_t>{});
    case DType::kInt64: return f(TypeTag<int64_t>{});
    case DType::kUint32: return f(TypeTag<uint32_t>{});
    case DType::kUint64: return f(TypeTag<uint64_t>{});
    case DType::kBool: return f(TypeTag<bool>{});
    default: return fallback();
  }
}

}  // namespace dsperse

#endif  // DSPERSE_FOLD_IR_DTYPE_H_
