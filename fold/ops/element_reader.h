// Single elements of tensors of any numeric type, as numbers.
#ifndef DSPERSE_FOLD_OPS_ELEMENT_READER_H_
#define DSPERSE_FOLD_OPS_ELEMENT_READER_H_

#include <cstdint>

#include "fold/ir/tensor.h"

namespace dsperse {

// An integer as a double rounded to odd: rounding that again to fewer digits is as good as rounding
// the integer itself.
template <typename S>
double OddDouble(S value) {
  if constexpr (sizeof(S) < 8) {
    return static_cast<double>(value);
  } else {
    const bool negative = value < S{0};
    uint64_t magnitude = static_cast<uint64_t>(value);
    if (negative) magnitude = uint64_t{0} - magnitude;
    if (magnitude >> 53 != 0) {
      const uint64_t rest = magnitude & 0x7FF;
      magnitude &= ~uint64_t{0x7FF};
      if (rest != 0) magnitude |= 0x800;
    }
    const double out = static_cast<double>(magnitude);
    return negative ? -out : out;
  }
}

// Element `i` of an in-memory tensor of a computable type (dtype.h) or a small one (small_types.h), as a
// double rounded to odd; 0 for other types. The tensor must stay.
class ElementReader {
 public:
  explicit ElementReader(const Tensor& tensor);
  double operator()(int64_t i) const;

 private:
  const Tensor& tensor_;
  bool small_;
  bool packed_;  // two a byte
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_ELEMENT_READER_H_
