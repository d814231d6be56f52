#include "fold/ir/dtype.h"

namespace dsperse {
namespace {

struct Row {
  absl::string_view name;
  int bits;
  bool is_float;
  bool is_integer;
  bool is_signed;
};

constexpr Row kRows[kMaxDType + 1] = {
    {"undefined", 0, false, false, false},   {"float", 32, true, false, true},
    {"uint8", 8, false, true, false},        {"int8", 8, false, true, true},
    {"uint16", 16, false, true, false},      {"int16", 16, false, true, true},
    {"int32", 32, false, true, true},        {"int64", 64, false, true, true},
    {"string", 0, false, false, false},      {"bool", 8, false, false, false},
    {"float16", 16, true, false, true},      {"double", 64, true, false, true},
    {"uint32", 32, false, true, false},      {"uint64", 64, false, true, false},
    {"complex64", 64, false, false, true},   {"complex128", 128, false, false, true},
    {"bfloat16", 16, true, false, true},     {"float8e4m3fn", 8, false, false, true},
    {"float8e4m3fnuz", 8, false, false, true}, {"float8e5m2", 8, false, false, true},
    {"float8e5m2fnuz", 8, false, false, true}, {"uint4", 4, false, false, false},
    {"int4", 4, false, false, true},         {"float4e2m1", 4, false, false, true},
    {"float8e8m0", 8, false, false, false},
};

const Row& RowOf(DType type) {
  const int i = static_cast<int>(type);
  return kRows[i >= 0 && i <= kMaxDType ? i : 0];
}

}  // namespace

bool IsKnownDType(int number) { return number >= 1 && number <= kMaxDType; }
int BitWidth(DType type) { return RowOf(type).bits; }
bool IsFloat(DType type) { return RowOf(type).is_float; }
bool IsInteger(DType type) { return RowOf(type).is_integer; }
bool IsSigned(DType type) { return RowOf(type).is_signed; }
bool IsComputable(DType type) {
  return IsFloat(type) || IsInteger(type) || type == DType::kBool;
}
absl::string_view DTypeName(DType type) { return RowOf(type).name; }

}  // namespace dsperse
