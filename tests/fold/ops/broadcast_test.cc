#include "fold/ops/broadcast.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dsperse {
namespace {

using ::testing::ElementsAre;

TEST(BroadcastDimsTest, JoinsFromTheRight) {
  EXPECT_EQ(*BroadcastDims({2, 3, 4}, {3, 1}), Dims({2, 3, 4}));
  EXPECT_EQ(*BroadcastDims({}, {5}), Dims({5}));
  EXPECT_EQ(*BroadcastDims({0, 1}, {1, 7}), Dims({0, 7}));
  EXPECT_FALSE(BroadcastDims({2}, {3}).ok());
  EXPECT_FALSE(BroadcastDims({0}, {2}).ok());
}

TEST(BroadcastDimsTest, IntoRefusesToGrow) {
  EXPECT_TRUE(BroadcastInto({2, 3}, {3}).ok());
  EXPECT_FALSE(BroadcastInto({3}, {2, 3}).ok());
}

TEST(BroadcastLoopsTest, EqualShapesAreOneRun) {
  const Dims dims = {2, 3, 4};
  const BroadcastLoops loops = MakeBroadcastLoops(dims, {&dims, &dims});
  EXPECT_EQ(loops.run, 24);
  EXPECT_TRUE(loops.outer.empty());
}

TEST(BroadcastLoopsTest, AChannelHasRunsOfItsPlane) {
  const Dims dims = {2, 3, 4, 5};
  const Dims bias = {3, 1, 1};
  const BroadcastLoops loops = MakeBroadcastLoops(dims, {&dims, &bias});
  EXPECT_EQ(loops.run, 20);
  EXPECT_THAT(loops.outer, ElementsAre(2, 3));
  EXPECT_EQ(loops.run_step[1], 0);
}

// Every pair of shapes of a small grid against index arithmetic.
TEST(BroadcastLoopsTest, AgreesWithIndexArithmetic) {
  std::vector<Dims> shapes = {{}};
  for (int64_t a : {1, 2, 3}) {
    shapes.push_back({a});
    for (int64_t b : {1, 2}) {
      shapes.push_back({b, a});
      for (int64_t c : {1, 2}) shapes.push_back({c, b, a});
    }
  }
  shapes.push_back({0});
  shapes.push_back({2, 0});
  const auto at = [](const Dims& dims, const std::vector<int64_t>& index) {
    int64_t offset = 0;
    const size_t skip = index.size() - dims.size();
    for (size_t i = 0; i < dims.size(); ++i) {
      offset = offset * dims[i] + (dims[i] == 1 ? 0 : index[skip + i]);
    }
    return offset;
  };
  int pairs = 0;
  for (const Dims& a : shapes) {
    for (const Dims& b : shapes) {
      const absl::StatusOr<Dims> out = BroadcastDims(a, b);
      if (!out.ok()) continue;
      ++pairs;
      const BroadcastLoops loops = MakeBroadcastLoops(*out, {&a, &b});
      std::vector<int64_t> x(static_cast<size_t>(*NumElements(a)) + 1);
      std::vector<int64_t> y(static_cast<size_t>(*NumElements(b)) + 1);
      for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<int64_t>(i);
      for (size_t i = 0; i < y.size(); ++i) y[i] = static_cast<int64_t>(i);
      const size_t count = static_cast<size_t>(*NumElements(*out));
      std::vector<int64_t> got(count, -1);
      BroadcastBinary(loops, x.data(), y.data(), got.data(),
                      [](int64_t p, int64_t q) { return p * 100 + q; });
      std::vector<int64_t> index(out->size(), 0);
      for (size_t i = 0; i < count; ++i) {
        EXPECT_EQ(got[i], at(a, index) * 100 + at(b, index))
            << DimsToString(a) << " with " << DimsToString(b) << " at " << i;
        for (int d = static_cast<int>(index.size()) - 1; d >= 0; --d) {
          if (++index[d] < (*out)[d]) break;
          index[d] = 0;
        }
      }
    }
  }
  EXPECT_GT(pairs, 100);
}

}  // namespace
}  // namespace dsperse
