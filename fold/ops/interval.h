// Interval: the numbers between two bounds, with arithmetic that contains what floats compute.
//
// Results are widened by more than the rounding of float32 can move them, whatever the order of a sum:
// n operations move a sum of terms by at most about n · 2^-24 · Σ|terms|; four times that is added,
// and a little for results near zero, which some machines flush to it.
#ifndef DSPERSE_FOLD_OPS_INTERVAL_H_
#define DSPERSE_FOLD_OPS_INTERVAL_H_

#include <algorithm>
#include <cmath>
#include <limits>

namespace dsperse {

struct Interval {
  // Unbounded: any value, infinities and NaN too.
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();

  static Interval Unbounded() { return {}; }
  static Interval Of(double a, double b) { return {std::min(a, b), std::max(a, b)}; }
  static Interval Point(double v) { return {v, v}; }

  // Every value is a finite float32.
  bool bounded() const {
    constexpr double kMost = 1e38;
    return low >= -kMost && high <= kMost && low <= high;
  }
  bool Contains(double v) const { return !bounded() || (v >= low && v <= high); }
  double magnitude() const { return std::max(std::fabs(low), std::fabs(high)); }
};

// The least interval that holds both.
inline Interval Hull(Interval a, Interval b) {
  if (!a.bounded() || !b.bounded()) return {};
  return {std::min(a.low, b.low), std::max(a.high, b.high)};
}
inline Interval HullWithZero(Interval a) { return Hull(a, Interval::Point(0)); }

// `a`, the exact result of `operations` roundings of terms whose magnitudes sum to at most `terms`.
// `of_one_sign`: rounding can't carry the result across zero (sums and products of terms that all have
// the sign of the bound).
inline Interval Widen(Interval a, double operations, double terms, bool of_one_sign = false) {
  if (!a.bounded() || !(terms <= 1e38)) return {};
  constexpr double kUnit = 0x1p-24;
  constexpr double kLeastNormal = 0x1p-126;
  const double error = 4 * (operations + 2) * (kUnit * terms + kLeastNormal);
  Interval wide{a.low - error, a.high + error};
  if (of_one_sign && a.low >= 0) wide.low = std::max(wide.low, 0.0);
  if (of_one_sign && a.high <= 0) wide.high = std::min(wide.high, 0.0);
  return wide.bounded() ? wide : Interval();
}

inline Interval Add(Interval a, Interval b) {
  if (!a.bounded() || !b.bounded()) return {};
  const bool one_sign = (a.low >= 0 && b.low >= 0) || (a.high <= 0 && b.high <= 0);
  return Widen({a.low + b.low, a.high + b.high}, 1, a.magnitude() + b.magnitude(), one_sign);
}
inline Interval Negate(Interval a) {
  if (!a.bounded()) return {};
  return {-a.high, -a.low};
}
// Products of the bounds, not widened.
inline Interval Products(Interval a, Interval b) {
  if (!a.bounded() || !b.bounded()) return {};
  const double p[] = {a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high};
  return {*std::min_element(p, p + 4), *std::max_element(p, p + 4)};
}
inline Interval Multiply(Interval a, Interval b) {
  const Interval p = Products(a, b);
  return Widen(p, 1, p.magnitude(), true);
}
inline Interval Divide(Interval a, Interval b) {
  if (!a.bounded() || !b.bounded() || (b.low <= 0 && b.high >= 0)) return {};
  const Interval p = Products(a, {1 / b.high, 1 / b.low});
  return Widen(p, 2, p.magnitude(), true);
}
inline Interval Maximum(Interval a, Interval b) {
  if (!a.bounded() || !b.bounded()) return {};
  return {std::max(a.low, b.low), std::max(a.high, b.high)};
}
inline Interval Minimum(Interval a, Interval b) {
  if (!a.bounded() || !b.bounded()) return {};
  return {std::min(a.low, b.low), std::min(a.high, b.high)};
}

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_INTERVAL_H_
