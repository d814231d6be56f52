#include "fold/ops/exact_math.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"

namespace dsperse {
namespace {

constexpr MathFn kAll[] = {
    MathFn::kExp,  MathFn::kExpm1, MathFn::kLog,   MathFn::kLog1p, MathFn::kSin,  MathFn::kCos,
    MathFn::kTan,  MathFn::kAsin,  MathFn::kAcos,  MathFn::kAtan,  MathFn::kSinh, MathFn::kCosh,
    MathFn::kTanh, MathFn::kAsinh, MathFn::kAcosh, MathFn::kAtanh, MathFn::kErf,  MathFn::kSqrt};

// The C library's double is off by some 2^-52 at most, so rounding it to 11 bits gives the right
// half unless it lies that close to a midpoint: then the double's neighbours round to both sides.
bool IsRoundingOf(double libm, uint16_t half) {
  const double down = std::nextafter(std::nextafter(libm, -INFINITY), -INFINITY);
  const double up = std::nextafter(std::nextafter(libm, INFINITY), INFINITY);
  return DoubleToFloat16Bits(libm) == half || DoubleToFloat16Bits(down) == half ||
         DoubleToFloat16Bits(up) == half;
}

TEST(ExactMathTest, Float16AgreesWithTheCLibrary) {
  for (MathFn fn : kAll) {
    for (int bits = 0; bits < 0x10000; bits += 7) {
      const double x = Float16BitsToDouble(static_cast<uint16_t>(bits));
      const double libm = FastCall(fn, x);
      const double exact = static_cast<double>(ExactCall<Float16>(fn, x));
      if (std::isnan(libm)) {
        EXPECT_TRUE(std::isnan(exact)) << static_cast<int>(fn) << " of " << x;
      } else {
        EXPECT_TRUE(IsRoundingOf(libm, DoubleToFloat16Bits(exact)))
            << static_cast<int>(fn) << " of " << x << ": " << exact << " for " << libm;
      }
    }
  }
}

TEST(ExactMathTest, DoubleIsWithinAnUlpOfTheCLibrary) {
  for (MathFn fn : kAll) {
    for (double x = -3.0; x < 3.0; x += 0.0371) {
      const double libm = FastCall(fn, x);
      const double exact = ExactCall<double>(fn, x);
      if (std::isnan(libm)) {
        EXPECT_TRUE(std::isnan(exact));
        continue;
      }
      EXPECT_LE(std::fabs(exact - libm), 4 * std::fabs(libm) * 0x1p-52)
          << static_cast<int>(fn) << " of " << x;
    }
  }
}

TEST(ExactMathTest, RoundsSubnormalsOnce) {
  // exp(-745.1) = 0.53 · 2^-1074 and exp(-744) = 1.46 · 2^-1074.
  EXPECT_EQ(ExactCall<double>(MathFn::kExp, -745.1), 0x1p-1074);
  EXPECT_EQ(ExactCall<double>(MathFn::kExp, -746.0), 0.0);
  // exp(-103.28) = 0.99 · 2^-149.
  EXPECT_EQ(ExactCall<float>(MathFn::kExp, -103.28), 0x1p-149f);
  EXPECT_EQ(ExactCall<float>(MathFn::kExp, -104.0), 0.0f);
  EXPECT_EQ(ExactCall<Float16>(MathFn::kExp, -17.0).bits, 1);   // 0.69 · 2^-24
  EXPECT_EQ(ExactCall<Float16>(MathFn::kExp, -18.0).bits, 0);   // 0.26 · 2^-24
  EXPECT_EQ(ExactCall<Bfloat16>(MathFn::kExp, -92.0).bits, 1);  // 1.2 · 2^-133
}

TEST(ExactMathTest, OverflowIsInfinity) {
  EXPECT_EQ(ExactCall<double>(MathFn::kExp, 1e300), INFINITY);
  EXPECT_EQ(ExactCall<float>(MathFn::kExp, 89.0), INFINITY);
  EXPECT_EQ(ExactCall<Float16>(MathFn::kExp, 12.0).bits, 0x7C00);
  EXPECT_EQ(ExactCall<double>(MathFn::kLog, 0.0), -INFINITY);
}

// Known worst cases of exp in double (Lefèvre and Muller): the true value lies within 2^-113
// relative of a midpoint or a double.
TEST(ExactMathTest, HardCasesOfExp) {
  EXPECT_EQ(ExactCall<double>(MathFn::kExp, 0x1p-54), 1.0);
  EXPECT_EQ(ExactCall<double>(MathFn::kExp, 0x1.8p-53), 0x1.0000000000001p0);
  EXPECT_EQ(ExactCall<double>(MathFn::kExp, 0x1p-53),
            0x1.0000000000001p0);  // just above the midpoint
  EXPECT_EQ(ExactCall<double>(MathFn::kExp, -0x1p-54), 0x1.fffffffffffffp-1 + 0x1p-53);
}

TEST(ExactMathTest, PowFollowsIeee) {
  EXPECT_EQ(ExactPow<double>(-2.0, 3.0), -8.0);
  EXPECT_EQ(ExactPow<double>(NAN, 0.0), 1.0);
  EXPECT_EQ(ExactPow<double>(1.0, NAN), 1.0);
  EXPECT_TRUE(std::isnan(ExactPow<double>(-2.0, 0.5)));
  EXPECT_EQ(ExactPow<double>(0.0, -1.0), INFINITY);
  EXPECT_EQ(ExactPow<double>(-0.0, -1.0), -INFINITY);
  // 1.5^2 and the square of a 53-bit number, rounded once.
  const double x = 0x1.123456789abcdp0;
  EXPECT_EQ(ExactPow<double>(x, 2.0), x * x);
  EXPECT_EQ(ExactPow<float>(1.1f, 2.0), 1.1f * 1.1f);
  // 2^53 + 1 is odd, though not as a double.
  EXPECT_EQ(ExactPow<double>(-1.0, (int64_t{1} << 53) + 1), -1.0);
}

TEST(ExactMathTest, RealComposes) {
  // Sigmoid(1) = 0.731058578630004879251159944…
  const Real one(1.0);
  const Real sigmoid = one / (one + Call(MathFn::kExp, -one));
  EXPECT_EQ(sigmoid.To<double>(), 0.73105857863000487925);
  EXPECT_EQ(sigmoid.To<float>(), 0.73105857863000487925f);
  EXPECT_EQ(sigmoid.To<Float16>().bits, DoubleToFloat16Bits(0.73105857863000487925));
  EXPECT_TRUE(std::isnan((Real(INFINITY) * Real(0.0)).To<float>()));
  EXPECT_TRUE(Real(1.0) < Real(2.0));
  EXPECT_FALSE(Real(NAN) < Real(2.0));
}

}  // namespace
}  // namespace dsperse
