// Add, Sub, Mul, Div, Mod, Pow, comparisons, bits: ONNX's integer rules and the shapes of every
// opset.
#include <cmath>
#include <cstring>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fold/ops/eval_node.h"

namespace dsperse {
namespace {

using ::testing::ElementsAre;
using testing::Eval;
using testing::EvalStatus;
using ::testing::HasSubstr;
using testing::Values;

constexpr int64_t kMin64 = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax64 = std::numeric_limits<int64_t>::max();

TEST(ArithmeticTest, IntegersWrapInTheirOwnType) {
  EXPECT_THAT(
      Values<int64_t>(Eval(14, "y = Add (a, b)",
                           {Tensor::Of<int64_t>({2}, {kMax64, 1}), Tensor::Of<int64_t>({1}, {1})})),
      ElementsAre(kMin64, 2));
  EXPECT_THAT(Values<uint8_t>(Eval(14, "y = Sub (a, b)",
                                   {Tensor::Of<uint8_t>({1}, {3}), Tensor::Of<uint8_t>({1}, {5})})),
              ElementsAre(254));
  EXPECT_THAT(Values<uint16_t>(
                  Eval(14, "y = Mul (a, b)",
                       {Tensor::Of<uint16_t>({1}, {65535}), Tensor::Of<uint16_t>({1}, {65535})})),
              ElementsAre(1));
  EXPECT_THAT(
      Values<int8_t>(Eval(14, "y = Mul (a, b)",
                          {Tensor::Of<int8_t>({1}, {-128}), Tensor::Of<int8_t>({1}, {-1})})),
      ElementsAre(-128));
}

TEST(ArithmeticTest, Int64StaysExactBeyondDouble) {
  const int64_t big = (int64_t{1} << 53) + 1;
  EXPECT_THAT(Values<int64_t>(
                  Eval(14, "y = Add (a, b)", {Tensor::Scalar(big), Tensor::Scalar(int64_t{0})})),
              ElementsAre(big));
}

TEST(ArithmeticTest, DivisionTruncates) {
  EXPECT_THAT(Values<int32_t>(Eval(14, "y = Div (a, b)",
                                   {Tensor::Of<int32_t>({4}, {7, -7, 7, -7}),
                                    Tensor::Of<int32_t>({4}, {2, 2, -2, -2})})),
              ElementsAre(3, -3, -3, 3));
  EXPECT_THAT(Values<int64_t>(Eval(14, "y = Div (a, b)",
                                   {Tensor::Scalar(kMin64), Tensor::Scalar(int64_t{-1})})),
              ElementsAre(kMin64));
}

TEST(ArithmeticTest, DivisionByAnIntegerZeroIsAnError) {
  const absl::Status status = EvalStatus(
      14, "y = Div (a, b)", {Tensor::Of<int32_t>({2}, {1, 2}), Tensor::Of<int32_t>({2}, {1, 0})});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("Div (opset 14)"));
  EXPECT_THAT(
      Values<float>(Eval(14, "y = Div (a, b)", {Tensor::Scalar(1.0f), Tensor::Scalar(0.0f)})),
      ElementsAre(INFINITY));
}

TEST(ArithmeticTest, ModTakesTheSignOfTheDivisorAndFmodOfTheDividend) {
  const Tensor a = Tensor::Of<int32_t>({4}, {7, -7, 7, -7});
  const Tensor b = Tensor::Of<int32_t>({4}, {3, 3, -3, -3});
  EXPECT_THAT(Values<int32_t>(Eval(13, "y = Mod (a, b)", {a, b})), ElementsAre(1, 2, -2, -1));
  EXPECT_THAT(Values<int32_t>(Eval(13, "y = Mod <fmod = 1> (a, b)", {a, b})),
              ElementsAre(1, -1, 1, -1));
  EXPECT_THAT(Values<float>(Eval(13, "y = Mod <fmod = 1> (a, b)",
                                 {Tensor::Scalar(-5.5f), Tensor::Scalar(2.0f)})),
              ElementsAre(-1.5f));
  EXPECT_EQ(EvalStatus(13, "y = Mod (a, b)", {Tensor::Scalar(1.0f), Tensor::Scalar(2.0f)}).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ArithmeticTest, HalvesAreComputedInDoubleAndRoundedOnce) {
  // 2048 + 1 lies between 2048 and 2050: ties to even.
  const Tensor sum =
      Eval(14, "y = Add (a, b)", {Tensor::Scalar(Float16(2048.0)), Tensor::Scalar(Float16(1.0))});
  EXPECT_EQ(static_cast<double>(sum.data<Float16>()[0]), 2048.0);
  const Tensor product =
      Eval(14, "y = Mul (a, b)",
           {Tensor::Scalar(Bfloat16(1.0078125)), Tensor::Scalar(Bfloat16(1.0078125))});
  EXPECT_EQ(static_cast<double>(product.data<Bfloat16>()[0]), 1.015625);
}

TEST(ArithmeticTest, BroadcastsBothWaysFromOpset7) {
  const Tensor column = Tensor::Of<float>({2, 1}, {10, 20});
  const Tensor row = Tensor::Of<float>({3}, {1, 2, 3});
  const Tensor sum = Eval(7, "y = Add (a, b)", {column, row});
  EXPECT_EQ(sum.dims(), Dims({2, 3}));
  EXPECT_THAT(Values<float>(sum), ElementsAre(11, 12, 13, 21, 22, 23));
  EXPECT_EQ(EvalStatus(7, "y = Add (a, b)", {Tensor::Of<float>({2}, {1, 2}), row}).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ArithmeticTest, BroadcastsByAttributesBeforeOpset7) {
  const Tensor x = Tensor::Of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor two = Tensor::Of<float>({2}, {10, 20});
  const Tensor three = Tensor::Of<float>({3}, {10, 20, 30});
  EXPECT_THAT(Values<float>(Eval(6, "y = Add <broadcast = 1, axis = 0> (a, b)", {x, two})),
              ElementsAre(11, 12, 13, 24, 25, 26));
  EXPECT_THAT(Values<float>(Eval(6, "y = Add <broadcast = 1> (a, b)", {x, three})),
              ElementsAre(11, 22, 33, 14, 25, 36));
  EXPECT_EQ(EvalStatus(6, "y = Add (a, b)", {x, three}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(EvalStatus(6, "y = Add <broadcast = 1> (a, b)", {three, x}).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(PowTest, KeepsTheTypeOfTheBase) {
  EXPECT_THAT(Values<int32_t>(Eval(
                  13, "y = Pow (a, b)",
                  {Tensor::Of<int32_t>({3}, {2, -3, 1}), Tensor::Of<int64_t>({3}, {10, 3, -5})})),
              ElementsAre(1024, -27, 1));
  EXPECT_THAT(
      Values<int32_t>(Eval(13, "y = Pow (a, b)",
                           {Tensor::Of<int32_t>({1}, {9}), Tensor::Of<float>({1}, {0.5f})})),
      ElementsAre(3));
  EXPECT_THAT(
      Values<float>(Eval(13, "y = Pow (a, b)",
                         {Tensor::Of<float>({2}, {-2, 2}), Tensor::Of<int64_t>({2}, {3, -1})})),
      ElementsAre(-8, 0.5f));
}

TEST(PowTest, RefusesWhatTheBaseCannotHold) {
  EXPECT_FALSE(
      EvalStatus(13, "y = Pow (a, b)", {Tensor::Scalar(int32_t{10}), Tensor::Scalar(20.0f)}).ok());
  EXPECT_FALSE(
      EvalStatus(13, "y = Pow (a, b)", {Tensor::Scalar(int32_t{0}), Tensor::Scalar(int32_t{-1})})
          .ok());
}

TEST(LogicTest, ComparesInTheOwnType) {
  const int64_t big = int64_t{1} << 53;
  EXPECT_THAT(
      Values<bool>(Eval(13, "y = Equal (a, b)", {Tensor::Scalar(big + 1), Tensor::Scalar(big)})),
      ElementsAre(false));
  EXPECT_THAT(
      Values<bool>(Eval(13, "y = Less (a, b)", {Tensor::Scalar(NAN), Tensor::Scalar(1.0f)})),
      ElementsAre(false));
  EXPECT_THAT(Values<bool>(Eval(13, "y = Equal (a, b)",
                                {Tensor::Of<bool>({2}, {true, false}), Tensor::Scalar(true)})),
              ElementsAre(true, false));
  EXPECT_EQ(EvalStatus(13, "y = Less (a, b)", {Tensor::Scalar(true), Tensor::Scalar(true)}).code(),
            absl::StatusCode::kUnimplemented);
}

TEST(LogicTest, ShiftsByTheWidthLeaveNothing) {
  EXPECT_THAT(Values<uint8_t>(Eval(
                  11, "y = BitShift <direction = \"LEFT\"> (a, b)",
                  {Tensor::Of<uint8_t>({3}, {1, 255, 1}), Tensor::Of<uint8_t>({3}, {7, 8, 200})})),
              ElementsAre(128, 0, 0));
  EXPECT_THAT(Values<uint64_t>(Eval(11, "y = BitShift <direction = \"RIGHT\"> (a, b)",
                                    {Tensor::Of<uint64_t>({2}, {~uint64_t{0}, 1}),
                                     Tensor::Of<uint64_t>({2}, {63, 64})})),
              ElementsAre(1, 0));
}

TEST(VariadicTest, NanWinsAndShapesBroadcast) {
  const Tensor a = Tensor::Of<float>({2}, {NAN, 1});
  const Tensor b = Tensor::Of<float>({1}, {2});
  EXPECT_TRUE(std::isnan(Values<float>(Eval(13, "y = Max (a, b)", {a, b}))[0]));
  EXPECT_TRUE(std::isnan(Values<float>(Eval(13, "y = Min (a, b)", {b, a}))[0]));
  EXPECT_THAT(Values<int8_t>(Eval(13, "y = Max (a, b)",
                                  {Tensor::Of<int8_t>({2}, {-1, 5}), Tensor::Of<int8_t>({}, {2})})),
              ElementsAre(2, 5));
  EXPECT_FALSE(EvalStatus(6, "y = Sum (a, b)", {a, b}).ok());
  EXPECT_THAT(Values<float>(Eval(8, "y = Mean (a, b, c)", {b, b, Tensor::Of<float>({1}, {5})})),
              ElementsAre(3));
}

TEST(VariadicTest, SumsAreRoundedOnce) {
  // In float, 1 + 2^-24 + 2^-24 loses both small terms.
  EXPECT_THAT(Values<float>(
                  Eval(13, "y = Sum (a, b, b)", {Tensor::Scalar(1.0f), Tensor::Scalar(0x1p-24f)})),
              ElementsAre(1.0f + 0x1p-23f));
}

TEST(SelectTest, ClipLetsTheUpperBoundWin) {
  EXPECT_THAT(Values<float>(Eval(13, "y = Clip (a, b, c)",
                                 {Tensor::Of<float>({3}, {-5, 0, 5}), Tensor::Scalar(2.0f),
                                  Tensor::Scalar(1.0f)})),
              ElementsAre(1, 1, 1));
  EXPECT_THAT(
      Values<int32_t>(Eval(13, "y = Clip (a, , b)",
                           {Tensor::Of<int32_t>({2}, {-5, 5}), Tensor::Scalar(int32_t{3})})),
      ElementsAre(-5, 3));
  EXPECT_TRUE(std::isnan(
      Values<float>(Eval(6, "y = Clip <min = 0.0, max = 6.0> (a)", {Tensor::Scalar(NAN)}))[0]));
}

TEST(SelectTest, WhereMovesBits) {
  const uint32_t payload = 0x7FC12345;
  float nan;
  static_assert(sizeof(nan) == sizeof(payload));
  std::memcpy(&nan, &payload, sizeof(nan));
  const Tensor y = Eval(
      16, "y = Where (a, b, c)",
      {Tensor::Of<bool>({2}, {true, false}), Tensor::Scalar(nan), Tensor::Of<float>({2}, {1, 2})});
  uint32_t bits;
  std::memcpy(&bits, y.raw().data(), sizeof(bits));
  EXPECT_EQ(bits, payload);
  EXPECT_EQ(y.data<float>()[1], 2);
}

}  // namespace
}  // namespace dsperse
