// Reductions, ArgMax, CumSum, Softmax.
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

Tensor Cube() { return Tensor::Of<float>({2, 2, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}); }

TEST(ReduceTest, AxesAreAnAttributeOrAnInput) {
  const Tensor axes = Tensor::Of<int64_t>({2}, {0, -1});
  const Tensor old = Eval(11, "y = ReduceSum <axes = [0, -1]> (a)", {Cube()});
  EXPECT_EQ(old.dims(), Dims({1, 2, 1}));
  EXPECT_THAT(Values<float>(old), ElementsAre(30, 48));
  const Tensor now = Eval(13, "y = ReduceSum <keepdims = 0> (a, b)", {Cube(), axes});
  EXPECT_EQ(now.dims(), Dims({2}));
  EXPECT_THAT(Values<float>(now), ElementsAre(30, 48));
  EXPECT_THAT(Values<float>(Eval(18, "y = ReduceMean <keepdims = 0> (a, b)", {Cube(), axes})),
              ElementsAre(5, 8));
  EXPECT_THAT(Values<float>(Eval(13, "y = ReduceMax (a)", {Cube()})), ElementsAre(12));
}

TEST(ReduceTest, RefusesAxesThatDoNotExistOrRepeat) {
  EXPECT_FALSE(EvalStatus(13, "y = ReduceMax <axes = [3]> (a)", {Cube()}).ok());
  EXPECT_FALSE(EvalStatus(13, "y = ReduceMax <axes = [1, -2]> (a)", {Cube()}).ok());
}

TEST(ReduceTest, EmptyAxesMayMeanNoReduction) {
  const Tensor none = Tensor::Of<int64_t>({0}, {});
  EXPECT_THAT(Values<float>(Eval(13, "y = ReduceSum (a, b)", {Cube(), none})), ElementsAre(78));
  EXPECT_EQ(Eval(13, "y = ReduceSum <noop_with_empty_axes = 1> (a, b)", {Cube(), none}).dims(),
            Dims({2, 2, 3}));
  // The standard's text and its reference differ here.
  EXPECT_EQ(EvalStatus(18, "y = ReduceL2 <noop_with_empty_axes = 1> (a)", {Cube()}).code(),
            absl::StatusCode::kUnimplemented);
}

TEST(ReduceTest, FloatsAccumulateInDouble) {
  const Tensor x = Tensor::Of<float>({4}, {0x1p24f, 1, 1, 1});
  EXPECT_THAT(Values<float>(Eval(13, "y = ReduceSum <keepdims = 0> (a)", {x})),
              ElementsAre(0x1p24f + 4));
}

TEST(ReduceTest, IntegersStayIntegers) {
  const Tensor x = Tensor::Of<int32_t>({3}, {-7, 2, 1});
  EXPECT_THAT(Values<int32_t>(Eval(13, "y = ReduceMean (a)", {x})), ElementsAre(-1));
  EXPECT_THAT(Values<int32_t>(Eval(13, "y = ReduceL1 (a)", {x})), ElementsAre(10));
  EXPECT_THAT(Values<int32_t>(Eval(13, "y = ReduceSumSquare (a)", {x})), ElementsAre(54));
  EXPECT_THAT(Values<int32_t>(Eval(13, "y = ReduceL2 (a)", {x})), ElementsAre(7));
  EXPECT_THAT(
      Values<int32_t>(Eval(13, "y = ReduceProd (a)", {Tensor::Of<int32_t>({2}, {65536, 65536})})),
      ElementsAre(0));
  const int64_t big = int64_t{3037000499};  // its square is the largest below 2^63
  EXPECT_THAT(Values<int64_t>(Eval(13, "y = ReduceL2 (a)", {Tensor::Of<int64_t>({1}, {-big})})),
              ElementsAre(big));
  EXPECT_EQ(EvalStatus(13, "y = ReduceL2 (a)", {Tensor::Of<int64_t>({1}, {big + 1})}).code(),
            absl::StatusCode::kUnimplemented);
}

TEST(ReduceTest, OfNothing) {
  const Tensor x = Tensor::Of<float>({2, 0}, {});
  const Tensor axes = Tensor::Of<int64_t>({1}, {1});
  const auto run = [&](const std::string& op) {
    return Values<float>(Eval(20, "y = " + op + " (a, b)", {x, axes}));
  };
  EXPECT_THAT(run("ReduceSum"), ElementsAre(0, 0));
  EXPECT_THAT(run("ReduceProd"), ElementsAre(1, 1));
  EXPECT_THAT(run("ReduceMax"), ElementsAre(-INFINITY, -INFINITY));
  EXPECT_THAT(run("ReduceMin"), ElementsAre(INFINITY, INFINITY));
  EXPECT_THAT(run("ReduceLogSumExp"), ElementsAre(-INFINITY, -INFINITY));
  EXPECT_EQ(EvalStatus(20, "y = ReduceMean (a, b)", {x, axes}).code(),
            absl::StatusCode::kInvalidArgument);
  const Tensor bytes = Tensor::Of<int8_t>({0}, {});
  EXPECT_THAT(Values<int8_t>(Eval(20, "y = ReduceMax (a)", {bytes})), ElementsAre(-128));
}

TEST(ReduceTest, NanAndInfinity) {
  const Tensor x = Tensor::Of<float>({3}, {1, NAN, 2});
  EXPECT_TRUE(std::isnan(Values<float>(Eval(13, "y = ReduceMax (a)", {x}))[0]));
  EXPECT_TRUE(std::isnan(Values<float>(Eval(13, "y = ReduceLogSumExp (a)", {x}))[0]));
  EXPECT_THAT(
      Values<float>(Eval(13, "y = ReduceLogSumExp (a)", {Tensor::Of<float>({2}, {INFINITY, 1})})),
      ElementsAre(INFINITY));
  // Far beyond what e^x holds.
  EXPECT_THAT(
      Values<float>(Eval(13, "y = ReduceLogSumExp (a)", {Tensor::Of<float>({2}, {1000, -1000})})),
      ElementsAre(1000));
}

TEST(ReduceTest, LogSumExpOfIntegersIsTruncated) {
  EXPECT_THAT(Values<int64_t>(Eval(13, "y = ReduceLogSumExp (a)", {Tensor::Of<int64_t>({1}, {5})})),
              ElementsAre(5));
  // ln(3 e^2) = 3.0986…
  EXPECT_THAT(
      Values<int32_t>(Eval(13, "y = ReduceLogSumExp (a)", {Tensor::Of<int32_t>({3}, {2, 2, 2})})),
      ElementsAre(3));
}

TEST(ArgMaxTest, TakesTheFirstOrTheLast) {
  const Tensor x = Tensor::Of<int64_t>({2, 3}, {5, 1, 5, 2, 2, 2});
  EXPECT_THAT(Values<int64_t>(Eval(13, "y = ArgMax <axis = -1, keepdims = 0> (a)", {x})),
              ElementsAre(0, 0));
  EXPECT_THAT(Values<int64_t>(
                  Eval(13, "y = ArgMax <axis = 1, select_last_index = 1, keepdims = 0> (a)", {x})),
              ElementsAre(2, 2));
  EXPECT_THAT(Values<int64_t>(Eval(13, "y = ArgMin (a)", {x})), ElementsAre(1, 0, 1));
  EXPECT_EQ(Eval(13, "y = ArgMin (a)", {x}).dims(), Dims({1, 3}));
}

TEST(CumSumTest, ExclusiveAndReverse) {
  const Tensor x = Tensor::Of<int32_t>({3}, {1, 2, 3});
  const Tensor axis = Tensor::Scalar(int64_t{0});
  EXPECT_THAT(Values<int32_t>(Eval(14, "y = CumSum (a, b)", {x, axis})), ElementsAre(1, 3, 6));
  EXPECT_THAT(Values<int32_t>(Eval(14, "y = CumSum <exclusive = 1> (a, b)", {x, axis})),
              ElementsAre(0, 1, 3));
  EXPECT_THAT(
      Values<int32_t>(Eval(14, "y = CumSum <exclusive = 1, reverse = 1> (a, b)", {x, axis})),
      ElementsAre(5, 3, 0));
}

TEST(SoftmaxTest, FlattensBeforeOpset13) {
  const Tensor zeros = Tensor::Of<float>({1, 2, 2}, {0, 0, 0, 0});
  EXPECT_THAT(Values<float>(Eval(12, "y = Softmax (a)", {zeros})),
              ElementsAre(0.25f, 0.25f, 0.25f, 0.25f));
  EXPECT_THAT(Values<float>(Eval(13, "y = Softmax (a)", {zeros})),
              ElementsAre(0.5f, 0.5f, 0.5f, 0.5f));
  EXPECT_THAT(Values<float>(Eval(13, "y = Hardmax <axis = 1> (a)", {zeros})),
              ElementsAre(1, 1, 0, 0));
  EXPECT_THAT(Values<float>(Eval(12, "y = Hardmax (a)", {zeros})), ElementsAre(1, 0, 0, 0));
}

TEST(SoftmaxTest, LargeNumbersDoNotOverflow) {
  const Tensor x = Tensor::Of<float>({2}, {10000, 10001});
  // 1 / (1 + e) and e / (1 + e).
  EXPECT_THAT(Values<float>(Eval(13, "y = Softmax (a)", {x})),
              ElementsAre(0.26894142136999512f, 0.73105857863000488f));
  EXPECT_THAT(Values<float>(Eval(13, "y = LogSoftmax (a)", {x})),
              ElementsAre(-1.3132616875182228f, -0.31326168751822286f));
}

}  // namespace
}  // namespace dsperse
