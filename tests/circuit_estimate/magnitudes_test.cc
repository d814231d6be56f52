#include "circuit_estimate/magnitudes.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace dsperse {
namespace {

// Floats of any bit pattern but infinities and NaN: subnormal ones and both zeros among them.
std::vector<float> AnyFloats(size_t count) {
  std::mt19937 random(7);
  std::vector<float> values;
  while (values.size() < count) {
    const uint32_t bits = static_cast<uint32_t>(random());
    float value = 0;
    std::memcpy(&value, &bits, sizeof value);
    if (std::isfinite(value)) values.push_back(random() % 16 == 0 ? value * 0 : value);
  }
  return values;
}

TEST(Magnitudes, AreSummedTheSameWithAndWithoutSpecialInstructions) {
  const std::vector<float> values = AnyFloats(1000);
  for (int64_t first : {0, 1, 3}) {  // any alignment
    for (int64_t count : {0, 1, 3, 4, 7, 8, 9, 15, 16, 17, 100, 997}) {
      const float* data = values.data() + first;
      const double sum = SumOfMagnitudes(data, count);
      EXPECT_EQ(sum, PortableSumOfMagnitudes(data, count)) << first << " " << count;
      std::vector<double> sums(static_cast<size_t>(count) + 1, 0.1);
      std::vector<double> portable = sums;
      AddMagnitudes(data, count, sums.data());
      PortableAddMagnitudes(data, count, portable.data());
      EXPECT_EQ(sums, portable) << first << " " << count;
      EXPECT_EQ(sums.back(), 0.1) << "written beyond the end";
    }
  }
}

TEST(Magnitudes, AddUp) {
  std::vector<float> values(21, -0.5f);
  EXPECT_EQ(SumOfMagnitudes(values.data(), 21), 10.5);
  std::vector<double> sums(21, 2);
  AddMagnitudes(values.data(), 21, sums.data());
  EXPECT_EQ(sums, std::vector<double>(21, 2.5));
}

}  // namespace
}  // namespace dsperse
