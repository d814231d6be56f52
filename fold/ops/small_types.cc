#include "fold/ops/small_types.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"

namespace dsperse {
namespace {

struct Format {
  int exponent_bits;
  int mantissa_bits;
  int bias;
  double max;
  uint8_t max_code;
  uint8_t nan_code;    // without sign
  bool signed_nan;     // the sign of a NaN is kept
  bool infinities;
  bool negative_zero;
};

constexpr Format kE4M3FN = {4, 3, 7, 448.0, 0x7E, 0x7F, true, false, true};
constexpr Format kE4M3FNUZ = {4, 3, 8, 240.0, 0x7F, 0x80, false, false, false};
constexpr Format kE5M2 = {5, 2, 15, 57344.0, 0x7B, 0x7E, true, true, true};
constexpr Format kE5M2FNUZ = {5, 2, 16, 57344.0, 0x7F, 0x80, false, false, false};
constexpr Format kE2M1 = {2, 1, 1, 6.0, 0x7, 0x8, false, false, true};

const Format* FormatOf(DType type) {
  switch (type) {
    case DType::kFloat8E4M3FN: return &kE4M3FN;
    case DType::kFloat8E4M3FNUZ: return &kE4M3FNUZ;
    case DType::kFloat8E5M2: return &kE5M2;
    case DType::kFloat8E5M2FNUZ: return &kE5M2FNUZ;
    case DType::kFloat4E2M1: return &kE2M1;
    default: return nullptr;
  }
}

double Decode(const Format& f, uint8_t code) {
  const int sign_bit = f.exponent_bits + f.mantissa_bits;
  const bool negative = (code >> sign_bit) & 1;
  const int magnitude = code & ((1 << sign_bit) - 1);
  const int fraction = magnitude & ((1 << f.mantissa_bits) - 1);
  const int exponent = magnitude >> f.mantissa_bits;
  double value = 0;
  if (!f.negative_zero && code == f.nan_code) return std::numeric_limits<double>::quiet_NaN();
  if (f.infinities && exponent == (1 << f.exponent_bits) - 1) {
    value = fraction == 0 ? std::numeric_limits<double>::infinity()
                          : std::numeric_limits<double>::quiet_NaN();
  } else if (f.signed_nan && magnitude == f.nan_code) {
    value = std::numeric_limits<double>::quiet_NaN();
  } else if (exponent == 0) {
    value = std::ldexp(fraction, 1 - f.bias - f.mantissa_bits);
  } else {
    value = std::ldexp(fraction + (1 << f.mantissa_bits), exponent - f.bias - f.mantissa_bits);
  }
  return negative ? -value : value;
}

// The code of a rounded magnitude ≤ max.
uint8_t CodeOf(const Format& f, double magnitude) {
  if (magnitude == 0) return 0;
  int exponent = 0;
  std::frexp(magnitude, &exponent);  // magnitude = [0.5, 1) · 2^exponent
  const int stored = std::max(exponent - 1 + f.bias, 0);
  const int unit = std::max(stored, 1) - f.bias - f.mantissa_bits;  // exponent of the last place
  const int digits = static_cast<int>(std::ldexp(magnitude, -unit));
  // A normal number's leading 1 adds one to the stored exponent, which the first summand leaves out.
  return static_cast<uint8_t>(stored == 0 ? digits
                                          : ((stored - 1) << f.mantissa_bits) + digits);
}

uint8_t Encode(const Format& f, double value, bool saturate) {
  const int sign_bit = f.exponent_bits + f.mantissa_bits;
  const uint8_t sign = std::signbit(value) ? static_cast<uint8_t>(1 << sign_bit) : uint8_t{0};
  if (std::isnan(value)) return static_cast<uint8_t>(f.signed_nan ? f.nan_code | sign : f.nan_code);
  double magnitude = std::fabs(value);
  if (!std::isinf(magnitude) && magnitude != 0) {
    int exponent = 0;
    std::frexp(magnitude, &exponent);
    const int unit = std::max(exponent - 1, 1 - f.bias) - f.mantissa_bits;
    // Scaling by a power of two is exact but for numbers that round to zero anyway.
    magnitude = std::ldexp(std::nearbyint(std::ldexp(magnitude, -unit)), unit);
  }
  if (magnitude > f.max) {
    if (saturate) return static_cast<uint8_t>(f.max_code | sign);
    if (f.infinities) return static_cast<uint8_t>(0x7C | sign);
    return static_cast<uint8_t>(f.signed_nan ? f.nan_code | sign : f.nan_code);
  }
  const uint8_t code = CodeOf(f, magnitude);
  if (code == 0 && !f.negative_zero) return 0;
  return static_cast<uint8_t>(code | sign);
}

// A power of two: code + 127 is the exponent, 0xFF is NaN.
absl::StatusOr<uint8_t> EncodeE8M0(double value, const SmallCast& options) {
  if (std::isnan(value)) return uint8_t{0xFF};
  if (value < 0 || (value == 0 && std::signbit(value))) {
    return absl::InvalidArgumentError("ONNX does not define negative numbers as float8e8m0");
  }
  if (std::isinf(value)) {
    if (!options.saturate) return uint8_t{0xFF};
    return absl::UnimplementedError("cast of infinity to float8e8m0 with saturation");
  }
  int exponent = -128;
  if (value > 0) {
    int e = 0;
    const double fraction = std::frexp(value, &e);  // [0.5, 1)
    exponent = e - 1;
    const bool up = options.round_mode == "up"     ? fraction > 0.5
                    : options.round_mode == "down" ? false
                                                   : fraction >= 0.75;
    if (up) ++exponent;
  }
  if (exponent < -127) return options.saturate ? uint8_t{0} : uint8_t{0xFF};
  if (exponent > 127) return options.saturate ? uint8_t{0xFE} : uint8_t{0xFF};
  return static_cast<uint8_t>(exponent + 127);
}

absl::StatusOr<uint8_t> EncodeInt4(DType type, double value, const SmallCast& options) {
  const double low = type == DType::kInt4 ? -8 : 0;
  const double high = type == DType::kInt4 ? 7 : 15;
  const double whole = std::trunc(value);
  if (!(whole >= low && whole <= high)) {
    if (options.exact || !(std::fabs(whole) < 0x1p62)) {
      return absl::InvalidArgumentError(absl::StrCat(value, " does not fit ", DTypeName(type)));
    }
  }
  return static_cast<uint8_t>(static_cast<int64_t>(whole) & 0xF);
}

}  // namespace

bool IsSmallType(DType type) {
  return FormatOf(type) != nullptr || type == DType::kFloat8E8M0 || type == DType::kInt4 ||
         type == DType::kUint4;
}

double DecodeSmall(DType type, uint8_t code) {
  switch (type) {
    case DType::kUint4: return code & 0xF;
    case DType::kInt4: return ((code & 0xF) ^ 8) - 8;
    case DType::kFloat8E8M0:
      return code == 0xFF ? std::numeric_limits<double>::quiet_NaN() : std::ldexp(1.0, code - 127);
    case DType::kFloat4E2M1: return Decode(kE2M1, code & 0xF);
    default: return Decode(*FormatOf(type), code);
  }
}

absl::StatusOr<uint8_t> EncodeSmall(DType type, double value, const SmallCast& options) {
  switch (type) {
    case DType::kUint4:
    case DType::kInt4: return EncodeInt4(type, value, options);
    case DType::kFloat8E8M0: return EncodeE8M0(value, options);
    case DType::kFloat4E2M1:
      if (std::isnan(value) && options.exact) {
        return absl::InvalidArgumentError("float4e2m1 has no NaN");
      }
      return Encode(kE2M1, value, /*saturate=*/true);
    default: break;
  }
  const Format& format = *FormatOf(type);
  // Up to opset 23 the table has NaN here, and the reference saturates.
  if (std::isinf(value) && options.saturate && options.opset < 24 && !format.negative_zero) {
    return absl::UnimplementedError(
        absl::StrCat("cast of infinity to ", DTypeName(type), " with saturation before opset 24"));
  }
  return Encode(format, value, options.saturate);
}

}  // namespace dsperse
