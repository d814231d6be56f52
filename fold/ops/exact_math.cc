#include "fold/ops/exact_math.h"

#include <cmath>
#include <cstring>
#include <type_traits>

namespace dsperse {
namespace {

// An mpfr_t of `bits` bits on the stack: no allocation a call.
template <int kBits>
class Scratch {
 public:
  Scratch() {
    mpfr_custom_init(limbs_, kBits);
    mpfr_custom_init_set(value_, MPFR_ZERO_KIND, 0, kBits, limbs_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  mpfr_ptr get() { return value_; }

 private:
  mp_limb_t limbs_[(kBits + GMP_NUMB_BITS - 1) / GMP_NUMB_BITS];
  mpfr_t value_;
};

constexpr int kOddBits = 64;

// `x` was rounded towards zero, with the ternary value `ternary`: rounds it to odd instead.
void ToOdd(mpfr_ptr x, int ternary) {
  if (ternary == 0 || mpfr_regular_p(x) == 0) return;
  if (static_cast<mpfr_prec_t>(mpfr_min_prec(x)) == mpfr_get_prec(x)) return;  // its last bit is 1
  if (mpfr_sgn(x) > 0) {
    mpfr_nextabove(x);
  } else {
    mpfr_nextbelow(x);
  }
}

// The double next to `x` towards zero, with the last bit set if that isn't exact.
double OddDouble(mpfr_srcptr x) {
  double d = mpfr_get_d(x, MPFR_RNDZ);
  if (mpfr_nan_p(x) || mpfr_inf_p(x) || mpfr_cmp_d(x, d) == 0) return d;
  uint64_t bits;
  std::memcpy(&bits, &d, sizeof(d));
  bits |= 1;
  std::memcpy(&d, &bits, sizeof(d));
  return d;
}

// Rounds to nearest. Exact values and values rounded to odd give the correctly rounded result.
template <typename T>
T RoundTo(mpfr_srcptr x) {
  if constexpr (std::is_same_v<T, double>) {
    return mpfr_get_d(x, MPFR_RNDN);
  } else if constexpr (std::is_same_v<T, float>) {
    return mpfr_get_flt(x, MPFR_RNDN);
  } else {
    return T(OddDouble(x));
  }
}

int Compute(MathFn fn, mpfr_ptr out, mpfr_srcptr x, mpfr_rnd_t rounding) {
  switch (fn) {
    case MathFn::kExp: return mpfr_exp(out, x, rounding);
    case MathFn::kExpm1: return mpfr_expm1(out, x, rounding);
    case MathFn::kLog: return mpfr_log(out, x, rounding);
    case MathFn::kLog1p: return mpfr_log1p(out, x, rounding);
    case MathFn::kSin: return mpfr_sin(out, x, rounding);
    case MathFn::kCos: return mpfr_cos(out, x, rounding);
    case MathFn::kTan: return mpfr_tan(out, x, rounding);
    case MathFn::kAsin: return mpfr_asin(out, x, rounding);
    case MathFn::kAcos: return mpfr_acos(out, x, rounding);
    case MathFn::kAtan: return mpfr_atan(out, x, rounding);
    case MathFn::kSinh: return mpfr_sinh(out, x, rounding);
    case MathFn::kCosh: return mpfr_cosh(out, x, rounding);
    case MathFn::kTanh: return mpfr_tanh(out, x, rounding);
    case MathFn::kAsinh: return mpfr_asinh(out, x, rounding);
    case MathFn::kAcosh: return mpfr_acosh(out, x, rounding);
    case MathFn::kAtanh: return mpfr_atanh(out, x, rounding);
    case MathFn::kErf: return mpfr_erf(out, x, rounding);
    case MathFn::kErfc: return mpfr_erfc(out, x, rounding);
    case MathFn::kSqrt: return mpfr_sqrt(out, x, rounding);
  }
  mpfr_set_nan(out);
  return 0;
}

}  // namespace

template <typename T>
T ExactCall(MathFn fn, double x) {
  Scratch<53> in;
  Scratch<kOddBits> out;
  mpfr_set_d(in.get(), x, MPFR_RNDN);
  ToOdd(out.get(), Compute(fn, out.get(), in.get(), MPFR_RNDZ));
  return RoundTo<T>(out.get());
}

template <typename T>
T ExactPow(double x, double y) {
  Scratch<53> base, exponent;
  Scratch<kOddBits> out;
  mpfr_set_d(base.get(), x, MPFR_RNDN);
  mpfr_set_d(exponent.get(), y, MPFR_RNDN);
  ToOdd(out.get(), mpfr_pow(out.get(), base.get(), exponent.get(), MPFR_RNDZ));
  return RoundTo<T>(out.get());
}

template <typename T>
T ExactPow(double x, int64_t y) {
  static_assert(sizeof(long) == sizeof(int64_t));
  Scratch<53> base;
  Scratch<64> exponent;
  Scratch<kOddBits> out;
  mpfr_set_d(base.get(), x, MPFR_RNDN);
  mpfr_set_si(exponent.get(), static_cast<long>(y), MPFR_RNDN);
  ToOdd(out.get(), mpfr_pow(out.get(), base.get(), exponent.get(), MPFR_RNDZ));
  return RoundTo<T>(out.get());
}

Real Call(MathFn fn, Real x) {
  Compute(fn, x.value_, x.value_, MPFR_RNDN);
  return x;
}

template <typename T>
T Real::To() const {
  return RoundTo<T>(value_);
}

#define DSPERSE_INSTANTIATE(T)                \
  template T ExactCall<T>(MathFn, double);    \
  template T ExactPow<T>(double, double);     \
  template T ExactPow<T>(double, int64_t);    \
  template T Real::To<T>() const
DSPERSE_INSTANTIATE(float);
DSPERSE_INSTANTIATE(double);
DSPERSE_INSTANTIATE(Float16);
DSPERSE_INSTANTIATE(Bfloat16);
#undef DSPERSE_INSTANTIATE

double FastCall(MathFn fn, double x) {
  switch (fn) {
    case MathFn::kExp: return std::exp(x);
    case MathFn::kExpm1: return std::expm1(x);
    case MathFn::kLog: return std::log(x);
    case MathFn::kLog1p: return std::log1p(x);
    case MathFn::kSin: return std::sin(x);
    case MathFn::kCos: return std::cos(x);
    case MathFn::kTan: return std::tan(x);
    case MathFn::kAsin: return std::asin(x);
    case MathFn::kAcos: return std::acos(x);
    case MathFn::kAtan: return std::atan(x);
    case MathFn::kSinh: return std::sinh(x);
    case MathFn::kCosh: return std::cosh(x);
    case MathFn::kTanh: return std::tanh(x);
    case MathFn::kAsinh: return std::asinh(x);
    case MathFn::kAcosh: return std::acosh(x);
    case MathFn::kAtanh: return std::atanh(x);
    case MathFn::kErf: return std::erf(x);
    case MathFn::kErfc: return std::erfc(x);
    case MathFn::kSqrt: return std::sqrt(x);
  }
  return x;
}

}  // namespace dsperse
