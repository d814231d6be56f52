#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fold/ops/eval_node.h"

namespace dsperse {
namespace {

using ::testing::ElementsAre;
using testing::Eval;
using testing::EvalStatus;
using testing::Values;

TEST(CastTest, FloatsTruncateToIntegers) {
  EXPECT_THAT(Values<int32_t>(Eval(13, "y = Cast <to = 6> (a)",
                                   {Tensor::Of<float>({4}, {1.9f, -1.9f, -0.5f, 2147483520.0f})})),
              ElementsAre(1, -1, 0, 2147483520));
  EXPECT_THAT(Values<int64_t>(Eval(13, "y = Cast <to = 7> (a)", {Tensor::Scalar(-0x1p63)})),
              ElementsAre(std::numeric_limits<int64_t>::min()));
  EXPECT_THAT(Values<uint64_t>(Eval(13, "y = Cast <to = 13> (a)", {Tensor::Scalar(0x1p63)})),
              ElementsAre(uint64_t{1} << 63));
  // −0.9 truncates to 0, which uint8 holds.
  EXPECT_THAT(
      Values<uint8_t>(Eval(13, "y = Cast <to = 2> (a)", {Tensor::Of<float>({2}, {-0.9f, 255.9f})})),
      ElementsAre(0, 255));
}

TEST(CastTest, OutOfRangeIsRefusedWhereItMayEnterAFile) {
  for (const double bad : {256.0, -1.0, double{NAN}, double{INFINITY}}) {
    EXPECT_EQ(EvalStatus(13, "y = Cast <to = 2> (a)", {Tensor::Scalar(bad)}).code(),
              absl::StatusCode::kInvalidArgument)
        << bad;
    EXPECT_TRUE(
        EvalStatus(13, "y = Cast <to = 2> (a)", {Tensor::Scalar(bad)}, EvalMode::kFast).ok());
  }
  EXPECT_EQ(EvalStatus(13, "y = Cast <to = 7> (a)", {Tensor::Scalar(0x1p63)}).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(CastTest, IntegersKeepTheirLowBits) {
  EXPECT_THAT(Values<int8_t>(
                  Eval(13, "y = Cast <to = 3> (a)", {Tensor::Of<int16_t>({3}, {200, -200, 127})})),
              ElementsAre(-56, 56, 127));
  EXPECT_THAT(Values<uint64_t>(Eval(13, "y = Cast <to = 13> (a)", {Tensor::Scalar(int32_t{-1})})),
              ElementsAre(~uint64_t{0}));
  EXPECT_THAT(Values<bool>(Eval(13, "y = Cast <to = 9> (a)",
                                {Tensor::Of<float>({4}, {0, -0.0f, 0.1f, NAN})})),
              ElementsAre(false, false, true, true));
}

TEST(CastTest, IntegersAreRoundedOnce) {
  // 2^62 + 2^54 + 1 lies just above the midpoint of two bfloat16; as a double it is the midpoint
  // itself, which ties to even below.
  const int64_t above = (int64_t{1} << 62) + (int64_t{1} << 54) + 1;
  const Tensor y = Eval(13, "y = Cast <to = 16> (a)", {Tensor::Of<int64_t>({2}, {above, -above})});
  const double up = 0x1.02p62;
  EXPECT_EQ(static_cast<double>(y.data<Bfloat16>()[0]), up);
  EXPECT_EQ(static_cast<double>(y.data<Bfloat16>()[1]), -up);
  EXPECT_THAT(
      Values<float>(Eval(13, "y = Cast <to = 1> (a)", {Tensor::Scalar((int64_t{1} << 25) + 3)})),
      ElementsAre(0x1p25f + 4));
}

TEST(CastTest, DoublesAreRoundedOnceToHalves) {
  // 1 + 2^-11 + 2^-40 goes up; through float it would tie and go down.
  const Tensor y = Eval(13, "y = Cast <to = 10> (a)", {Tensor::Scalar(1 + 0x1p-11 + 0x1p-40)});
  EXPECT_EQ(static_cast<double>(y.data<Float16>()[0]), 1 + 0x1p-10);
  const Tensor big =
      Eval(13, "y = Cast <to = 10> (a)", {Tensor::Of<double>({2}, {65519.0, 65520.0})});
  EXPECT_EQ(static_cast<double>(big.data<Float16>()[0]), 65504.0);
  EXPECT_EQ(static_cast<double>(big.data<Float16>()[1]), INFINITY);
}

TEST(CastTest, EightBitFloatsRoundTrip) {
  for (const int type : {17, 18, 19, 20}) {
    std::string codes;
    for (int i = 0; i < 256; ++i) codes.push_back(static_cast<char>(i));
    const Tensor all = *Tensor::FromBytes(static_cast<DType>(type), {256}, codes);
    const Tensor wide = Eval(19, "y = Cast <to = 11> (a)", {all});
    // Saturation only changes infinities; without it every code comes back (one NaN stands for
    // all).
    const Tensor back =
        Eval(19, "y = Cast <saturate = 0, to = " + std::to_string(type) + "> (a)", {wide});
    for (int i = 0; i < 256; ++i) {
      if (std::isnan(wide.data<double>()[static_cast<size_t>(i)])) continue;
      EXPECT_EQ(static_cast<uint8_t>(back.raw()[static_cast<size_t>(i)]), i) << "type " << type;
    }
  }
}

TEST(CastTest, FourBitTypesArePacked) {
  const Tensor y = Eval(21, "y = Cast <to = 22> (a)", {Tensor::Of<int32_t>({3}, {1, -2, 7})});
  EXPECT_EQ(y.raw(), std::string("\xE1\x07", 2));
  EXPECT_THAT(Values<int8_t>(Eval(21, "y = Cast <to = 3> (a)", {y})), ElementsAre(1, -2, 7));
}

TEST(CastTest, CastLikeReadsOnlyTheTypeOfItsSecondInput) {
  const Tensor like =
      *Tensor::Uniform(DType::kInt64, {1 << 20, 1 << 20}, Tensor::Scalar(int64_t{0}).raw());
  EXPECT_THAT(
      Values<int64_t>(Eval(15, "y = CastLike (a, b)", {Tensor::Of<float>({2}, {1.5f, -2}), like})),
      ElementsAre(1, -2));
  EXPECT_TRUE(Eval(15, "y = CastLike (b, a)", {Tensor::Scalar(1.0f), like}).is_uniform());
}

TEST(CastTest, StringsAreNotEvaluated) {
  EXPECT_EQ(EvalStatus(13, "y = Cast <to = 8> (a)", {Tensor::Scalar(1.0f)}).code(),
            absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace dsperse
