// Count: an unsigned 64-bit number of gates, rows or constraints that can't wrap around.
//
// Sums and products that leave the range stay at the largest value and remember that they did, so a
// long formula is checked once, at its end.
#ifndef DSPERSE_CIRCUIT_ESTIMATE_COUNT_H_
#define DSPERSE_CIRCUIT_ESTIMATE_COUNT_H_

#include <cstdint>
#include <limits>

namespace dsperse {

class Count {
 public:
  constexpr Count() = default;
  constexpr Count(uint64_t value) : value_(value) {}  // NOLINT: a number is a count
  // Negative numbers count as an overflow: sizes and differences that must not be negative.
  constexpr Count(int64_t value)  // NOLINT
      : value_(value < 0 ? kMax : static_cast<uint64_t>(value)), overflow_(value < 0) {}
  constexpr Count(int value) : Count(static_cast<int64_t>(value)) {}  // NOLINT

  constexpr uint64_t value() const { return value_; }
  constexpr bool overflow() const { return overflow_; }

  Count& operator+=(Count other) {
    uint64_t sum = 0;
    const bool wrapped = __builtin_add_overflow(value_, other.value_, &sum);
    return Set(sum, wrapped || overflow_ || other.overflow_);
  }
  Count& operator*=(Count other) {
    uint64_t product = 0;
    const bool wrapped = __builtin_mul_overflow(value_, other.value_, &product);
    return Set(product, wrapped || overflow_ || other.overflow_);
  }
  friend Count operator+(Count a, Count b) { return a += b; }
  friend Count operator*(Count a, Count b) { return a *= b; }
  // a − b, which must not be negative.
  friend Count operator-(Count a, Count b) {
    Count difference;
    return difference.Set(a.value_ - b.value_, a.overflow_ || b.overflow_ || b.value_ > a.value_);
  }
  friend bool operator==(Count a, Count b) {
    return a.value_ == b.value_ && a.overflow_ == b.overflow_;
  }
  friend bool operator!=(Count a, Count b) { return !(a == b); }
  friend bool operator<(Count a, Count b) { return a.value_ < b.value_; }

 private:
  static constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

  Count& Set(uint64_t value, bool overflow) {
    value_ = overflow ? kMax : value;
    overflow_ = overflow;
    return *this;
  }

  uint64_t value_ = 0;
  bool overflow_ = false;
};

// ⌈a / b⌉ for b > 0.
inline Count CeilDiv(Count a, uint64_t b) {
  if (a.overflow()) return a;
  return Count(a.value() / b + (a.value() % b != 0 ? 1 : 0));
}
// `a` rounded up to a multiple of `b` > 0.
inline Count RoundUp(Count a, uint64_t b) { return CeilDiv(a, b) * Count(b); }
// The smallest power of two that is at least `a`; 1 for 0.
inline Count NextPowerOfTwo(Count a) {
  if (a.overflow() || a.value() > (uint64_t{1} << 63))
    return a * Count(std::numeric_limits<uint64_t>::max()) * Count(2);
  uint64_t power = 1;
  while (power < a.value()) power <<= 1;
  return Count(power);
}

}  // namespace dsperse

#endif  // DSPERSE_CIRCUIT_ESTIMATE_COUNT_H_
