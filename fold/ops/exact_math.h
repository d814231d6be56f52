// Elementary functions whose results are the same on every machine: computed by MPFR and rounded once.
//
// `ExactCall<T>(function, x)` is the correctly rounded result in T (round to nearest, ties to even,
// subnormals and overflow as IEEE 754 has them): MPFR gives 64 bits rounded to odd, and rounding these
// again to a type of at most 53 bits is as good as rounding the true value.
//
// `Real` is for formulas of several steps (Sigmoid, Gelu, …): a number of 192 bits, each operation rounded
// to nearest, converted to T at the end. That result is the correctly rounded one unless the true value
// lies within 2^-130 or so of a midpoint; in any case it is the same everywhere.
//
// NaN and infinities go through as IEEE 754 says. Cost: 1 to 10 µs a call.
#ifndef DSPERSE_FOLD_OPS_EXACT_MATH_H_
#define DSPERSE_FOLD_OPS_EXACT_MATH_H_

#include <mpfr.h>

#include <cstdint>

#include "fold/ir/half.h"

namespace dsperse {

enum class MathFn {
  kExp,
  kExpm1,
  kLog,
  kLog1p,
  kSin,
  kCos,
  kTan,
  kAsin,
  kAcos,
  kAtan,
  kSinh,
  kCosh,
  kTanh,
  kAsinh,
  kAcosh,
  kAtanh,
  kErf,
  kErfc,
  kSqrt,
};

// T is float, double, Float16 or Bfloat16.
template <typename T>
T ExactCall(MathFn fn, double x);

// x^y correctly rounded, by the rules of IEEE 754's pow (pow(x, 0) = 1, pow(−2, 3) = −8, …).
template <typename T>
T ExactPow(double x, double y);
// The same for an integer exponent of any size.
template <typename T>
T ExactPow(double x, int64_t y);

// The same functions by the C library: for the interpreter, never for what enters a file.
double FastCall(MathFn fn, double x);

class Real {
 public:
  explicit Real(double value) {
    mpfr_init2(value_, kBits);
    mpfr_set_d(value_, value, MPFR_RNDN);
  }
  Real(const Real& other) {
    mpfr_init2(value_, kBits);
    mpfr_set(value_, other.value_, MPFR_RNDN);
  }
  Real& operator=(const Real& other) {
    mpfr_set(value_, other.value_, MPFR_RNDN);
    return *this;
  }
  ~Real() { mpfr_clear(value_); }

  friend Real operator+(Real a, const Real& b) {
    mpfr_add(a.value_, a.value_, b.value_, MPFR_RNDN);
    return a;
  }
  friend Real operator-(Real a, const Real& b) {
    mpfr_sub(a.value_, a.value_, b.value_, MPFR_RNDN);
    return a;
  }
  friend Real operator*(Real a, const Real& b) {
    mpfr_mul(a.value_, a.value_, b.value_, MPFR_RNDN);
    return a;
  }
  friend Real operator/(Real a, const Real& b) {
    mpfr_div(a.value_, a.value_, b.value_, MPFR_RNDN);
    return a;
  }
  friend Real operator-(Real a) {
    mpfr_neg(a.value_, a.value_, MPFR_RNDN);
    return a;
  }
  // All false where one is NaN.
  friend bool operator<(const Real& a, const Real& b) { return mpfr_less_p(a.value_, b.value_) != 0; }
  friend bool operator>(const Real& a, const Real& b) { return b < a; }

  friend Real Call(MathFn fn, Real x);
  // Rounds to T.
  template <typename T>
  T To() const;

 private:
  static constexpr mpfr_prec_t kBits = 192;
  mpfr_t value_;
};

Real Call(MathFn fn, Real x);
inline double Call(MathFn fn, double x) { return FastCall(fn, x); }

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_EXACT_MATH_H_
