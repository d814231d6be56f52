#include "fold/ir/half.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "gtest/gtest.h"

namespace dsperse {
namespace {

struct Format {
  const char* name;
  int exponent_bits;
  int mantissa_bits;
  uint16_t (*narrow)(double);
  double (*widen)(uint16_t);
};

class HalfTest : public ::testing::TestWithParam<Format> {
 protected:
  uint16_t Infinity() const {
    return static_cast<uint16_t>(((1 << GetParam().exponent_bits) - 1) << GetParam().mantissa_bits);
  }
  // The value of a finite pattern by the definition of the format.
  double Value(uint16_t bits) const {
    const Format& f = GetParam();
    const int exponent = (bits & 0x7fff) >> f.mantissa_bits;
    const int fraction = bits & ((1 << f.mantissa_bits) - 1);
    const int bias = (1 << (f.exponent_bits - 1)) - 1;
    const double magnitude =
        exponent == 0 ? std::ldexp(fraction, 1 - bias - f.mantissa_bits)
                      : std::ldexp(fraction + (1 << f.mantissa_bits),
                                   exponent - bias - f.mantissa_bits);
    return bits & 0x8000 ? -magnitude : magnitude;
  }
};

TEST_P(HalfTest, WidensEveryPattern) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const double value = GetParam().widen(static_cast<uint16_t>(bits));
    if ((bits & 0x7fff) < Infinity()) {
      ASSERT_EQ(value, Value(static_cast<uint16_t>(bits))) << bits;
      ASSERT_EQ(std::signbit(value), (bits & 0x8000) != 0) << bits;
    } else if ((bits & 0x7fff) == Infinity()) {
      ASSERT_TRUE(std::isinf(value)) << bits;
    } else {
      ASSERT_TRUE(std::isnan(value)) << bits;
    }
  }
}

TEST_P(HalfTest, NarrowsEveryValueToItself) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    if ((bits & 0x7fff) > Infinity()) continue;
    ASSERT_EQ(GetParam().narrow(GetParam().widen(static_cast<uint16_t>(bits))), bits);
  }
}

// Between each two neighbours: below the middle, the middle (to the even one), above it.
TEST_P(HalfTest, RoundsToTheNearestAndTiesToEven) {
  const auto narrow = GetParam().narrow;
  for (uint16_t low = 0; low < Infinity(); ++low) {
    const uint16_t high = static_cast<uint16_t>(low + 1);
    const double a = Value(low);
    // What would follow the largest finite number is where infinity begins.
    const double b = high == Infinity() ? 2 * a - Value(static_cast<uint16_t>(low - 1)) : Value(high);
    const double middle = a + (b - a) / 2;
    const uint16_t even = low % 2 == 0 ? low : high;
    ASSERT_EQ(narrow(middle), even) << low;
    ASSERT_EQ(narrow(std::nextafter(middle, 0.0)), low);
    ASSERT_EQ(narrow(std::nextafter(middle, INFINITY)), high);
    ASSERT_EQ(narrow(-middle), even | 0x8000);
    ASSERT_EQ(narrow(-std::nextafter(middle, 0.0)), low | 0x8000);
    ASSERT_EQ(narrow(-std::nextafter(middle, INFINITY)), high | 0x8000);
  }
}

TEST_P(HalfTest, KeepsSpecialValues) {
  const auto narrow = GetParam().narrow;
  EXPECT_EQ(narrow(INFINITY), Infinity());
  EXPECT_EQ(narrow(-INFINITY), Infinity() | 0x8000);
  EXPECT_EQ(narrow(std::numeric_limits<double>::max()), Infinity());
  EXPECT_EQ(narrow(std::numeric_limits<double>::denorm_min()), 0);
  EXPECT_EQ(narrow(-0.0), 0x8000);
  for (const double nan : {std::nan(""), -std::nan(""), std::nan("1")}) {
    const uint16_t bits = narrow(nan);
    EXPECT_GT(bits & 0x7fff, Infinity());
    EXPECT_EQ((bits & 0x8000) != 0, std::signbit(nan));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Formats, HalfTest,
    ::testing::Values(Format{"float16", 5, 10, DoubleToFloat16Bits, Float16BitsToDouble},
                      Format{"bfloat16", 8, 7, DoubleToBfloat16Bits, Bfloat16BitsToDouble}),
    [](const auto& test) { return std::string(test.param.name); });

// A double just above the middle of two halves: through float it would become the middle, then the even one.
TEST(Half, DoesNotRoundTwice) {
  const double value = 1.0 + std::ldexp(1.0, -11) + std::ldexp(1.0, -40);
  EXPECT_EQ(DoubleToFloat16Bits(value), 0x3c01);
  EXPECT_EQ(DoubleToFloat16Bits(static_cast<double>(static_cast<float>(value))), 0x3c00);
}

}  // namespace
}  // namespace dsperse
