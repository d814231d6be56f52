// float16 and bfloat16: storage types with correctly rounded conversions.
//
// Arithmetic on them is done in double and rounded once: double → half goes directly, not through
// float, because two roundings can differ from one. Round to nearest, ties to even; overflow gives
// infinity; NaN stays NaN (quiet, sign kept).
#ifndef DSPERSE_FOLD_IR_HALF_H_
#define DSPERSE_FOLD_IR_HALF_H_

#include <cstdint>

namespace dsperse {

uint16_t DoubleToFloat16Bits(double value);
double Float16BitsToDouble(uint16_t bits);
uint16_t DoubleToBfloat16Bits(double value);
double Bfloat16BitsToDouble(uint16_t bits);

struct Float16 {
  uint16_t bits = 0;
  Float16() = default;
  explicit Float16(double value) : bits(DoubleToFloat16Bits(value)) {}
  explicit operator double() const { return Float16BitsToDouble(bits); }
};

struct Bfloat16 {
  uint16_t bits = 0;
  Bfloat16() = default;
  explicit Bfloat16(double value) : bits(DoubleToBfloat16Bits(value)) {}
  explicit operator double() const { return Bfloat16BitsToDouble(bits); }
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_IR_HALF_H_
