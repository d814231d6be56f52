// The types below one byte of precision, as numbers: float8 (four kinds), float8e8m0, float4e2m1, int4,
// uint4. Only Cast works with them; each element is converted through double, which holds all of them.
//
// Formats: OCP 8-bit Floating Point (E4M3FN, E5M2), the FNUZ variants (no infinities, no negative zero,
// one NaN at 0x80), OCP Microscaling (E2M1, E8M0).
#ifndef DSPERSE_FOLD_OPS_SMALL_TYPES_H_
#define DSPERSE_FOLD_OPS_SMALL_TYPES_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "fold/ir/dtype.h"

namespace dsperse {

// One of the types above.
bool IsSmallType(DType type);

// The number behind `code` (the low 4 bits for the packed types).
double DecodeSmall(DType type, uint8_t code);

struct SmallCast {
  bool saturate = true;
  absl::string_view round_mode = "up";  // float8e8m0 only: "up", "down", "nearest"
  bool exact = true;                    // refuse what ONNX leaves undefined
  int64_t opset = 0;
};

// `value` rounded to `type` (ties to even), by the tables of ONNX's Cast. `value` may be a wider number
// rounded to odd. InvalidArgument for what ONNX leaves undefined in exact mode (integers out of range,
// negative numbers as float8e8m0); Unimplemented where ONNX's own texts contradict each other.
absl::StatusOr<uint8_t> EncodeSmall(DType type, double value, const SmallCast& options);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_SMALL_TYPES_H_
