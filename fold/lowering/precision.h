// What numbers an element type holds, for constants that a lowering makes.
#ifndef DSPERSE_FOLD_LOWERING_PRECISION_H_
#define DSPERSE_FOLD_LOWERING_PRECISION_H_

#include <cmath>
#include <cstdint>

#include "fold/ir/dtype.h"
#include "fold/passes/constants.h"

namespace dsperse {

// The most elements of the float type `type` whose mean may be written as a sum divided by their count: the count is a
// number of the type. (Of double, too, no more than a float counts.) 0 for float16, whose sums soon exceed its largest
// number, 65,504, where the mean does not.
inline int64_t MostSummed(DType type) {
  if (type == DType::kFloat16) return 0;
  if (type == DType::kBfloat16) return int64_t{1} << 8;
  return int64_t{1} << 24;
}

// Is `value`, rounded to the float type `type`, finite, and as near to it as the type's numbers lie elsewhere? A number
// below the smallest normal one loses digits, or all of itself. Zero is kept.
inline bool KeepsPrecision(DType type, double value) {
  const double smallest = type == DType::kFloat16 ? 0x1p-14 : type == DType::kDouble ? 0x1p-1022 : 0x1p-126;
  return IsFiniteAs(type, value) && (value == 0 || std::abs(value) >= smallest);
}

// Do weights times `factor` stay of full precision in `type`? Those of a trained float16 matrix reach beyond 2^-8, so
// its largest stay normal numbers under factors of 2^-6 and more, and what the others lose is as little as theirs.
inline bool WeightsKeepPrecision(DType type, double factor) {
  return type != DType::kFloat16 || factor == 0 || std::abs(factor) >= 0x1p-6;
}

// A constant of more elements than this is left alone where the file need not hold them: a ConstantOfShape may claim
// any number.
constexpr int64_t kMostMade = int64_t{1} << 24;

}  // namespace dsperse

#endif  // DSPERSE_FOLD_LOWERING_PRECISION_H_
