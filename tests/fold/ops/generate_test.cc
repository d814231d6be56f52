// Constants, ranges, shapes, positions.
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fold/ops/eval_node.h"

namespace dsperse {
namespace {

using ::testing::ElementsAre;
using testing::Eval;
using testing::EvalNode;
using testing::EvalStatus;
using testing::Values;

TEST(ConstantTest, EveryForm) {
  EXPECT_THAT(Values<float>(Eval(13, "y = Constant <value = float[2] {1, 2}> ()", {})),
              ElementsAre(1, 2));
  EXPECT_THAT(Values<float>(Eval(13, "y = Constant <value_floats = [1.5, 2.5]> ()", {})),
              ElementsAre(1.5f, 2.5f));
  EXPECT_EQ(Eval(13, "y = Constant <value_int = 7> ()", {}).dims(), Dims());
  EXPECT_THAT(Values<int64_t>(Eval(13, "y = Constant <value_ints = [7, 8]> ()", {})),
              ElementsAre(7, 8));
  EXPECT_EQ(Eval(13, "y = Constant <value_string = \"hi\"> ()", {}).strings()[0], "hi");
}

TEST(ConstantOfShapeTest, IsUniformOfAnySize) {
  const Tensor y = Eval(9, "y = ConstantOfShape <value = int64[1] {3}> (a)",
                        {Tensor::Of<int64_t>({2}, {1 << 20, 1 << 20})});
  EXPECT_TRUE(y.is_uniform());
  EXPECT_EQ(y.num_elements(), int64_t{1} << 40);
  EXPECT_EQ(Eval(9, "y = ConstantOfShape (a)", {Tensor::Of<int64_t>({0}, {})}).dims(), Dims());
  EXPECT_FALSE(EvalStatus(9, "y = ConstantOfShape (a)", {Tensor::Of<int64_t>({1}, {-1})}).ok());
}

// 1.1f / 0.1f is a little more than 11, the exact difference of the bounds over it a little less.
TEST(RangeTest, CountsFromTheRoundedDifference) {
  const Tensor y = Eval(11, "y = Range (a, b, c)", {Tensor::Scalar(-0.1f), Tensor::Scalar(1.0f), Tensor::Scalar(0.1f)});
  EXPECT_EQ(y.dims(), Dims{12});
}

TEST(RangeTest, CountsLikeTheFormula) {
  const auto ints = [](int64_t start, int64_t limit, int64_t delta) {
    return Values<int64_t>(
        Eval(11, "y = Range (a, b, c)",
             {Tensor::Scalar(start), Tensor::Scalar(limit), Tensor::Scalar(delta)}));
  };
  EXPECT_THAT(ints(0, 5, 2), ElementsAre(0, 2, 4));
  EXPECT_THAT(ints(5, 0, -2), ElementsAre(5, 3, 1));
  EXPECT_THAT(ints(5, 0, 2), ElementsAre());
  EXPECT_THAT(ints(std::numeric_limits<int64_t>::max() - 1, std::numeric_limits<int64_t>::max(), 5),
              ElementsAre(std::numeric_limits<int64_t>::max() - 1));
  const absl::Status zero =
      EvalStatus(11, "y = Range (a, b, b)", {Tensor::Scalar(1.0f), Tensor::Scalar(0.0f)});
  EXPECT_EQ(zero.code(), absl::StatusCode::kInvalidArgument);
  // start + i · delta, each rounded once: no drift.
  const std::vector<float> floats =
      Values<float>(Eval(11, "y = Range (a, b, c)",
                         {Tensor::Scalar(0.0f), Tensor::Scalar(1000.0f), Tensor::Scalar(0.1f)}));
  ASSERT_EQ(floats.size(), 10000u);
  EXPECT_EQ(floats[9999], static_cast<float>(9999 * static_cast<double>(0.1f)));
}

TEST(RangeTest, TooLongIsRefusedBeforeMemoryIsTaken) {
  EXPECT_EQ(
      EvalStatus(11, "y = Range (a, b, c)",
                 {Tensor::Scalar(std::numeric_limits<int64_t>::min()),
                  Tensor::Scalar(std::numeric_limits<int64_t>::max()), Tensor::Scalar(int64_t{1})})
          .code(),
      absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(EvalStatus(11, "y = Range (a, b, c)",
                       {Tensor::Scalar(0.0), Tensor::Scalar(1e300), Tensor::Scalar(1e-300)})
                .code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(EyeLikeTest, AnyDiagonal) {
  const Tensor x = Tensor::Of<float>({2, 3}, {0, 0, 0, 0, 0, 0});
  EXPECT_THAT(Values<float>(Eval(9, "y = EyeLike <k = 1> (a)", {x})),
              ElementsAre(0, 1, 0, 0, 0, 1));
  EXPECT_THAT(Values<int64_t>(Eval(9, "y = EyeLike <k = -1, dtype = 7> (a)", {x})),
              ElementsAre(0, 0, 0, 1, 0, 0));
  EXPECT_THAT(Values<float>(Eval(9, "y = EyeLike <k = 9223372036854775807> (a)", {x})),
              ElementsAre(0, 0, 0, 0, 0, 0));
}

TEST(ShapeTest, SlicesFromOpset15) {
  const Tensor x = *Tensor::Uniform(DType::kFloat, {2, 3, 4}, Tensor::Scalar(0.0f).raw());
  EXPECT_THAT(Values<int64_t>(Eval(13, "y = Shape (a)", {x})), ElementsAre(2, 3, 4));
  EXPECT_THAT(Values<int64_t>(Eval(15, "y = Shape <start = -2> (a)", {x})), ElementsAre(3, 4));
  EXPECT_THAT(Values<int64_t>(Eval(15, "y = Shape <start = 1, end = -1> (a)", {x})),
              ElementsAre(3));
  EXPECT_THAT(Values<int64_t>(Eval(15, "y = Shape <start = 2, end = 1> (a)", {x})), ElementsAre());
  EXPECT_THAT(Values<int64_t>(Eval(13, "y = Size (a)", {x})), ElementsAre(24));
}

TEST(NonZeroTest, OneColumnAnElement) {
  const Tensor y =
      Eval(13, "y = NonZero (a)", {Tensor::Of<bool>({2, 2}, {true, false, true, true})});
  EXPECT_EQ(y.dims(), Dims({2, 3}));
  EXPECT_THAT(Values<int64_t>(y), ElementsAre(0, 1, 1, 0, 0, 1));
}

TEST(OneHotTest, NegativeIndicesCountFromTheEndFromOpset11) {
  const std::vector<Tensor> inputs = {Tensor::Of<int64_t>({3}, {-1, 1, 5}),
                                      Tensor::Scalar(int64_t{2}), Tensor::Of<int32_t>({2}, {0, 9})};
  EXPECT_THAT(Values<int32_t>(Eval(11, "y = OneHot (a, b, c)", inputs)),
              ElementsAre(0, 9, 0, 9, 0, 0));
  EXPECT_THAT(Values<int32_t>(Eval(9, "y = OneHot (a, b, c)", inputs)),
              ElementsAre(0, 0, 0, 9, 0, 0));
  EXPECT_THAT(Values<int32_t>(Eval(11, "y = OneHot <axis = 0> (a, b, c)", inputs)),
              ElementsAre(0, 0, 0, 9, 9, 0));
}

TEST(TriluTest, KeepsATriangle) {
  const Tensor x = Tensor::Of<int64_t>({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(Values<int64_t>(Eval(14, "y = Trilu (a)", {x})), ElementsAre(1, 2, 3, 0, 5, 6));
  EXPECT_THAT(
      Values<int64_t>(Eval(14, "y = Trilu <upper = 0> (a, b)", {x, Tensor::Scalar(int64_t{-1})})),
      ElementsAre(0, 0, 0, 4, 0, 0));
  EXPECT_THAT(Values<int64_t>(Eval(14, "y = Trilu (a, b)",
                                   {x, Tensor::Scalar(std::numeric_limits<int64_t>::max())})),
              ElementsAre(0, 0, 0, 0, 0, 0));
}

TEST(DropoutTest, InferencePassesItsInputOn) {
  const Tensor x = Tensor::Of<float>({2}, {1, 2});
  for (const int opset : {7, 10, 13}) {
    const auto outputs = EvalNode(opset, "y, m = Dropout (a)", {x});
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    EXPECT_THAT(Values<float>((*outputs)[0]), ElementsAre(1, 2));
    EXPECT_EQ((*outputs)[1].dtype(), opset < 10 ? DType::kFloat : DType::kBool);
  }
  EXPECT_EQ(EvalStatus(6, "y = Dropout (a)", {x}).code(), absl::StatusCode::kUnimplemented);
  EXPECT_TRUE(EvalStatus(6, "y = Dropout <is_test = 1> (a)", {x}).ok());
  EXPECT_EQ(EvalStatus(13, "y = Dropout (a, , b)", {x, Tensor::Scalar(true)}).code(),
            absl::StatusCode::kUnimplemented);
  EXPECT_TRUE(EvalStatus(13, "y = Dropout (a, , b)", {x, Tensor::Scalar(false)}).ok());
}

}  // namespace
}  // namespace dsperse
