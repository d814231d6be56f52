// Unary operators and activations: exact and fast results agree, exact ones are rounded once.
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
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

class FloatFunctionTest : public ::testing::TestWithParam<const char*> {};

template <typename T>
void ExpectExactAgreesWithFast(const std::string& call, double ulps) {
  std::mt19937 generator(7);
  std::uniform_real_distribution<double> uniform(-4.0, 4.0);
  std::vector<T> values = {T(0.0), T(-0.0), T(1.0), T(-1.0), T(INFINITY), T(-INFINITY), T(NAN)};
  for (int i = 0; i < 60; ++i) values.push_back(T(uniform(generator)));
  const Tensor x = Tensor::Of<T>({static_cast<int64_t>(values.size())}, values);
  const std::vector<T> exact = Values<T>(Eval(24, call, {x}));
  const std::vector<T> fast = Values<T>(Eval(24, call, {x}, EvalMode::kFast));
  ASSERT_EQ(exact.size(), values.size());
  ASSERT_EQ(fast.size(), values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const double a = static_cast<double>(exact[i]);
    const double b = static_cast<double>(fast[i]);
    const double in = static_cast<double>(values[i]);
    if (std::isnan(a) || std::isinf(a)) {
      EXPECT_TRUE(std::isnan(a) ? std::isnan(b) : a == b)
          << call << " of " << in << ": " << a << ", " << b;
    } else {
      EXPECT_LE(std::fabs(a - b), ulps * std::fabs(a) + 1e-15) << call << " of " << in;
    }
  }
}

TEST_P(FloatFunctionTest, ExactAgreesWithFast) {
  const std::string call = absl::StrCat("y = ", GetParam(), " (a)");
  ExpectExactAgreesWithFast<float>(call, 0x1p-23);
  ExpectExactAgreesWithFast<double>(call, 0x1p-48);
  ExpectExactAgreesWithFast<Float16>(call, 0x1p-10);
  ExpectExactAgreesWithFast<Bfloat16>(call, 0x1p-7);
}

INSTANTIATE_TEST_SUITE_P(All, FloatFunctionTest,
                         ::testing::Values("Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh",
                                           "Ceil", "Celu", "Cos", "Cosh", "Elu", "Erf", "Exp",
                                           "Floor", "Gelu", "Gelu <approximate = \"tanh\">",
                                           "HardSigmoid", "HardSwish", "LeakyRelu", "Log", "Mish",
                                           "Neg", "Reciprocal", "Relu", "Round", "Selu", "Shrink",
                                           "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign",
                                           "Sqrt", "Swish", "Tan", "Tanh", "ThresholdedRelu"),
                         [](const ::testing::TestParamInfo<const char*>& param) {
                           std::string name = param.param;
                           for (char& c : name) {
                             if (!isalnum(static_cast<unsigned char>(c))) c = '_';
                           }
                           return name;
                         });

// Correctly rounded values from 60-digit arithmetic.
TEST(ActivationTest, ExactValuesAreRoundedOnce) {
  const auto at = [](const std::string& call, double x) {
    return Values<double>(Eval(24, "y = " + call + " (a)", {Tensor::Scalar(x)}))[0];
  };
  EXPECT_EQ(at("Sigmoid", 1.0), 0.73105857863000487925);
  EXPECT_EQ(at("Softplus", 1.0), 1.3132616875182228340);
  EXPECT_EQ(at("Mish", 1.0), 0.86509838826731033943);
  EXPECT_EQ(at("Gelu", 1.0), 0.84134474606854294859);
  EXPECT_EQ(at("Gelu", -10.0), -7.6198530241605260660e-23);
  EXPECT_EQ(at("Elu", -1.0), -0.63212055882855767840);
}

TEST(UnaryTest, IntegersKeepTheirType) {
  EXPECT_THAT(Values<int8_t>(Eval(13, "y = Abs (a)", {Tensor::Of<int8_t>({3}, {-128, -1, 127})})),
              ElementsAre(-128, 1, 127));
  EXPECT_THAT(
      Values<int64_t>(Eval(13, "y = Neg (a)",
                           {Tensor::Of<int64_t>({2}, {std::numeric_limits<int64_t>::min(), 5})})),
      ElementsAre(std::numeric_limits<int64_t>::min(), -5));
  EXPECT_THAT(
      Values<uint32_t>(Eval(13, "y = Sign (a)", {Tensor::Of<uint32_t>({2}, {0, 4000000000u})})),
      ElementsAre(0, 1));
  EXPECT_THAT(Values<uint8_t>(Eval(18, "y = BitwiseNot (a)", {Tensor::Of<uint8_t>({2}, {0, 5})})),
              ElementsAre(255, 250));
  EXPECT_THAT(Values<int32_t>(Eval(14, "y = Relu (a)", {Tensor::Of<int32_t>({2}, {-3, 3})})),
              ElementsAre(0, 3));
}

TEST(ActivationTest, ShrinkTruncatesIntegers) {
  EXPECT_THAT(Values<int32_t>(Eval(9, "y = Shrink <bias = 0.5, lambd = 1.5> (a)",
                                   {Tensor::Of<int32_t>({4}, {-3, -1, 1, 3})})),
              ElementsAre(-2, 0, 0, 2));
  EXPECT_EQ(EvalStatus(9, "y = Shrink <bias = 5.0> (a)", {Tensor::Of<uint8_t>({1}, {3})}).code(),
            absl::StatusCode::kUnimplemented);
}

TEST(UnaryTest, RoundsHalvesToEven) {
  EXPECT_THAT(Values<float>(Eval(11, "y = Round (a)",
                                 {Tensor::Of<float>({5}, {0.5f, 1.5f, 2.5f, -0.5f, -2.5f})})),
              ElementsAre(0, 2, 2, -0.0f, -2));
}

TEST(UnaryTest, IsInfCanLookAtOneSign) {
  const Tensor x = Tensor::Of<float>({3}, {INFINITY, -INFINITY, NAN});
  EXPECT_THAT(Values<bool>(Eval(10, "y = IsInf <detect_negative = 0> (a)", {x})),
              ElementsAre(true, false, false));
  EXPECT_THAT(Values<bool>(Eval(13, "y = IsNaN (a)", {x})), ElementsAre(false, false, true));
}

TEST(UnaryTest, WhatIsMissingIsNamed) {
  const absl::Status type = EvalStatus(13, "y = Sqrt (a)", {Tensor::Scalar(int32_t{4})});
  EXPECT_EQ(type.code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(type.message(), "Sqrt (opset 13, int32): not evaluated");
  const absl::Status op =
      EvalStatus(13, "y = Multinomial (a)", {Tensor::Of<float>({1, 2}, {1, 2})});
  EXPECT_EQ(op.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(op.message(), HasSubstr("Multinomial (opset 13, float)"));
}

TEST(UnaryTest, OutputsBeyondTheLimitAreRefused) {
  EvalContext context;
  context.max_output_bytes = 7;
  EXPECT_EQ(testing::EvalNode(13, "y = Neg (a)", {Tensor::Of<float>({2}, {1, 2})}, context)
                .status()
                .code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(PReluTest, SlopePerChannelBeforeOpset7) {
  const Tensor x = Tensor::Of<float>({1, 2, 2}, {-1, 1, -1, -2});
  const Tensor slope = Tensor::Of<float>({2}, {10, 100});
  EXPECT_THAT(Values<float>(Eval(6, "y = PRelu (a, b)", {x, slope})),
              ElementsAre(-10, 1, -100, -200));
  EXPECT_THAT(Values<float>(Eval(16, "y = PRelu (a, b)", {x, slope})),
              ElementsAre(-10, 1, -10, -200));
  EXPECT_EQ(EvalStatus(16, "y = PRelu (a, b)", {slope, x}).code(),
            absl::StatusCode::kInvalidArgument);
}

// ---- what Evaluate does for all of them ----

TEST(EvaluateTest, UniformInputsGiveUniformResults) {
  const Tensor huge =
      *Tensor::Uniform(DType::kFloat, {1 << 20, 1 << 20}, Tensor::Scalar(2.0f).raw());
  const Tensor sum = Eval(14, "y = Add (a, b)", {huge, Tensor::Of<float>({1}, {1})});
  EXPECT_TRUE(sum.is_uniform());
  EXPECT_EQ(sum.dims(), huge.dims());
  EXPECT_EQ(sum.uniform_element(), Tensor::Scalar(3.0f).raw());
  const Tensor less = Eval(14, "y = Less (a, b)", {Tensor::Of<float>({1, 1, 1}, {1}), huge});
  EXPECT_EQ(less.dims(), Dims({1, 1 << 20, 1 << 20}));
  EXPECT_EQ(less.dtype(), DType::kBool);
  const Tensor cast = Eval(14, "y = Cast <to = 11> (a)", {huge});
  EXPECT_EQ(cast.uniform_element(), Tensor::Scalar(2.0).raw());
  const Tensor clip = Eval(14, "y = Clip (a, , b)", {huge, Tensor::Scalar(1.0f)});
  EXPECT_EQ(clip.uniform_element(), Tensor::Scalar(1.0f).raw());
}

TEST(EvaluateTest, UniformBesideOtherElementsIsExpanded) {
  const Tensor two = *Tensor::Uniform(DType::kFloat, {3}, Tensor::Scalar(2.0f).raw());
  EXPECT_THAT(Values<float>(Eval(14, "y = Mul (a, b)", {two, Tensor::Of<float>({3}, {1, 2, 3})})),
              ElementsAre(2, 4, 6));
  EXPECT_EQ(EvalStatus(14, "y = Mul (a, b)",
                       {two, *Tensor::Uniform(DType::kFloat, {2}, Tensor::Scalar(2.0f).raw())})
                .code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(EvaluateTest, ExactNansHaveOneBitPattern) {
  const auto bits = [](const Tensor& t) {
    uint32_t word;
    std::memcpy(&word, t.raw().data(), sizeof(word));
    return word;
  };
  EXPECT_EQ(bits(Eval(14, "y = Sub (a, a)", {Tensor::Scalar(INFINITY)})), 0x7FC00000u);
  EXPECT_EQ(bits(Eval(14, "y = Neg (a)", {Tensor::Scalar(NAN)})), 0x7FC00000u);
  // What only passes a value on keeps its bits.
  EXPECT_EQ(bits(Eval(14, "y = Identity (a)", {Tensor::Scalar(-NAN)})), 0xFFC00000u);
}

}  // namespace
}  // namespace dsperse
