#include "fold/ir/half.h"

#include <cstring>

namespace dsperse {
namespace {

uint64_t BitsOf(double value) {
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

double FromBits(uint64_t bits) {
  double value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// Rounds a double to a binary format of 16 bits: sign, `exponent_bits`, `mantissa_bits`.
uint16_t Narrow(double value, int exponent_bits, int mantissa_bits) {
  const uint64_t bits = BitsOf(value);
  const uint16_t sign = static_cast<uint16_t>((bits >> 63) << 15);
  const int exponent = static_cast<int>((bits >> 52) & 0x7ff);
  const uint64_t fraction = bits & ((uint64_t{1} << 52) - 1);
  const uint16_t infinity = static_cast<uint16_t>(((1 << exponent_bits) - 1) << mantissa_bits);
  if (exponent == 0x7ff) {
    if (fraction == 0) return sign | infinity;
    const uint16_t payload = static_cast<uint16_t>(fraction >> (52 - mantissa_bits));
    return static_cast<uint16_t>(sign | infinity | (1 << (mantissa_bits - 1)) | payload);
  }
  if (exponent == 0) return sign;  // a double subnormal is far below the smallest half
  const int bias = (1 << (exponent_bits - 1)) - 1;
  int target = exponent - 1023 + bias;  // biased exponent in the narrow format
  uint64_t significand = fraction | (uint64_t{1} << 52);
  int drop = 52 - mantissa_bits;
  if (target <= 0) {  // subnormal result: more bits fall off
    drop += 1 - target;
    target = 0;
    if (drop > 54) return sign;
  }
  const uint64_t kept = significand >> drop;
  const uint64_t rest = significand & ((uint64_t{1} << drop) - 1);
  const uint64_t half = uint64_t{1} << (drop - 1);
  uint64_t rounded = kept + ((rest > half || (rest == half && (kept & 1))) ? 1 : 0);
  // For a normal number `kept` has its hidden bit, which adds one to the exponent field; a carry out
  // of the mantissa raises the exponent the same way.
  uint64_t result = target == 0 ? rounded
                                : (static_cast<uint64_t>(target - 1) << mantissa_bits) + rounded;
  if (result >= infinity) result = infinity;
  return static_cast<uint16_t>(sign | result);
}

double Widen(uint16_t bits, int exponent_bits, int mantissa_bits) {
  const uint64_t sign = static_cast<uint64_t>(bits >> 15) << 63;
  const int exponent = (bits >> mantissa_bits) & ((1 << exponent_bits) - 1);
  uint64_t fraction = bits & ((1u << mantissa_bits) - 1);
  const int bias = (1 << (exponent_bits - 1)) - 1;
  if (exponent == (1 << exponent_bits) - 1) {
    return FromBits(sign | (uint64_t{0x7ff} << 52) | (fraction << (52 - mantissa_bits)));
  }
  if (exponent == 0) {
    if (fraction == 0) return FromBits(sign);
    int shift = 0;
    while ((fraction >> mantissa_bits) == 0) {
      fraction <<= 1;
      ++shift;
    }
    fraction &= (1u << mantissa_bits) - 1;
    return FromBits(sign | (static_cast<uint64_t>(1 - shift - bias + 1023) << 52) |
                    (fraction << (52 - mantissa_bits)));
  }
  return FromBits(sign | (static_cast<uint64_t>(exponent - bias + 1023) << 52) |
                  (fraction << (52 - mantissa_bits)));
}

}  // namespace

uint16_t DoubleToFloat16Bits(double value) { return Narrow(value, 5, 10); }
double Float16BitsToDouble(uint16_t bits) { return Widen(bits, 5, 10); }
uint16_t DoubleToBfloat16Bits(double value) { return Narrow(value, 8, 7); }
double Bfloat16BitsToDouble(uint16_t bits) { return Widen(bits, 8, 7); }

}  // namespace dsperse
