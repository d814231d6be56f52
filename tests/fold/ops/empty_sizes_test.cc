// Tensors without elements: beside a zero the other sizes may be anything. No evaluator multiplies them without a look,
// walks along them, or takes memory for them.
#include <cstdint>
#include <limits>
#include <ostream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fold/ops/eval_node.h"

namespace dsperse {
namespace {

using testing::EvalNode;

constexpr int64_t k40 = int64_t{1} << 40, k62 = int64_t{1} << 62;

struct Sizes {
  const char* name;
  int opset;
  const char* call;
  std::vector<Dims> inputs;                     // of float tensors
  std::vector<std::vector<int64_t>> ints = {};  // of the inputs behind them
  bool computed = true;                         // else refused

  friend void PrintTo(const Sizes& c, std::ostream* out) { *out << c.call; }
};

class EmptySizes : public ::testing::TestWithParam<Sizes> {};

TEST_P(EmptySizes, AreNotMultiplied) {
  const Sizes& c = GetParam();
  std::vector<Tensor> inputs;
  for (const Dims& dims : c.inputs) {
    inputs.push_back(
        *Tensor::FromBytes(DType::kFloat, dims, std::string(static_cast<size_t>(*NumElements(dims)) * 4, '\0')));
  }
  for (const std::vector<int64_t>& list : c.ints) {
    inputs.push_back(Tensor::Of<int64_t>({static_cast<int64_t>(list.size())}, list));
  }
  for (EvalMode mode : {EvalMode::kExact, EvalMode::kFast}) {
    EvalContext context;
    context.mode = mode;
    const absl::StatusOr<std::vector<Tensor>> outputs = EvalNode(c.opset, c.call, inputs, context);
    EXPECT_EQ(outputs.ok(), c.computed) << outputs.status();
    EXPECT_FALSE(absl::IsInternal(outputs.status())) << outputs.status();
    for (size_t i = 0; outputs.ok() && i < outputs->size(); ++i) EXPECT_EQ((*outputs)[i].num_elements(), 0);
  }
}

std::string Name(const ::testing::TestParamInfo<Sizes>& tested) { return tested.param.name; }

INSTANTIATE_TEST_SUITE_P(
    AlongAnAxis, EmptySizes,
    ::testing::Values(Sizes{"Softmax", 13, "y = Softmax <axis = -1> (a)", {{k40, 0}}},
                      Sizes{"SoftmaxOfALongAxis", 13, "y = Softmax <axis = 1> (a)", {{0, k40, k40}}},
                      Sizes{"OldSoftmax", 11, "y = Softmax <axis = 1> (a)", {{0, k40, k40}}},
                      Sizes{"LogSoftmax", 13, "y = LogSoftmax <axis = -1> (a)", {{k40, 0}}},
                      Sizes{"Hardmax", 13, "y = Hardmax <axis = -1> (a)", {{k40, 0}}},
                      Sizes{"ArgMax", 13, "y = ArgMax <axis = 0> (a)", {{3, k40, 0}}},
                      Sizes{"ArgMin", 13, "y = ArgMin <axis = 1> (a)", {{k40, 3, 0, k40}}},
                      Sizes{"CumSum", 14, "y = CumSum (a, b)", {{k40, 0}}, {{1}}},
                      Sizes{"ReduceSum", 13, "y = ReduceSum (a, b)", {{k40, k40, 0}}, {{0, 1}}},
                      Sizes{"ReduceMean", 13, "y = ReduceMean <axes = [0, 1]> (a)", {{k40, k40, 0}}},
                      Sizes{"ReduceMaxOfLongAxes", 13, "y = ReduceMax <axes = [0]> (a)", {{k40, k40, 0}}},
                      Sizes{"ReduceLogSumExp", 13, "y = ReduceLogSumExp <axes = [1]> (a)", {{0, k40, k40}}}),
    Name);

INSTANTIATE_TEST_SUITE_P(
    Moved, EmptySizes,
    ::testing::Values(Sizes{"Trilu", 14, "y = Trilu (a)", {{k40, k40, 0}}},
                      Sizes{"TriluOfNoMatrix", 14, "y = Trilu (a)", {{0, std::numeric_limits<int64_t>::max(), 2}}},
                      Sizes{"EyeLike", 9, "y = EyeLike (a)", {{k62, 0}}},
                      Sizes{"Slice", 13, "y = Slice (a, b, c, d, e)", {{0, 4, k62}}, {{1}, {4}, {1}, {3}}},
                      Sizes{"SliceFromTheEnd", 13, "y = Slice (a, b, c, d, e)", {{0, 4, k62}}, {{3}, {-9}, {1}, {-2}}},
                      Sizes{"Split", 13, "y, z, u, v = Split <axis = 1> (a)", {{0, 4, k62}}},
                      Sizes{"UnevenSplit",
                            18,
                            "y, z = Split <axis = 1, num_outputs = 2> (a)",
                            {{0, std::numeric_limits<int64_t>::max()}}},
                      Sizes{"DepthToSpace", 13, "y = DepthToSpace <blocksize = 2> (a)", {{0, 4, k62, 2}}, {}, false},
                      Sizes{"SpaceToDepth", 13, "y = SpaceToDepth <blocksize = 2> (a)", {{0, k62, 2, 2}}, {}, false},
                      Sizes{"Transpose", 13, "y = Transpose (a)", {{0, k62, k62}}},
                      Sizes{"Concat", 13, "y = Concat <axis = 0> (a, b)", {{0, k62, k62}, {0, k62, k62}}},
                      Sizes{"GatherNdOfNoIndex", 13, "y = GatherND (a, b)", {{0}}, {{}}}),
    Name);

INSTANTIATE_TEST_SUITE_P(
    Joined, EmptySizes,
    ::testing::Values(
        Sizes{"Add", 14, "y = Add (a, b)", {{0, k40, k40}, {0, k40, k40}}},
        Sizes{"AddOfOneRow", 14, "y = Add (a, b)", {{k40, 0, k40}, {1, 1, k40, 0, k40}}},
        Sizes{"Max", 13, "y = Max (a, b)", {{k40, k40, 0}, {k40, k40, 0}}},
        Sizes{"Sum", 13, "y = Sum (a, b)", {{0, k40, k40}, {0, k40, 1}}},
        Sizes{"PRelu", 16, "y = PRelu (a, b)", {{0, k40, k40}, {1}}},
        Sizes{"MatMul", 13, "y = MatMul (a, b)", {{0, k40, 0}, {0, 0, k40}}},
        Sizes{"MatMulOfLongRows", 13, "y = MatMul (a, b)", {{0, k62}, {k62, 0}}},
        Sizes{"Gemm", 13, "y = Gemm (a, b)", {{0, 0}, {0, k62}}},
        Sizes{"GemmOfManyRows", 13, "y = Gemm (a, b)", {{k62, 0}, {0, 0}}},
        Sizes{"Einsum", 12, "y = Einsum <equation = \"ij,jk->ik\"> (a, b)", {{0, k62}, {k62, 0}}},
        Sizes{"EinsumOfADiagonal", 12, "y = Einsum <equation = \"jiik->jk\"> (a)", {{0, 3, 3, int64_t{1} << 60}}}),
    Name);

INSTANTIATE_TEST_SUITE_P(
    Windows, EmptySizes,
    ::testing::Values(Sizes{"Conv",
                            11,
                            "y = Conv (a, b)",
                            {{1, 0, 2097152, 2097152, 2097152}, {1, 0, 2097152, 2097152, 2097152}},
                            {},
                            false},
                      Sizes{"ConvOfNoChannels", 11, "y = Conv (a, b)", {{1, 0, 4, 4}, {1, 0, 2, 2}}, {}, false},
                      Sizes{"ConvOfManyGroups",
                            11,
                            "y = Conv <group = 4611686018427387904> (a, b)",
                            {{1, 0, 2, 2}, {0, 4, 1, 1}},
                            {},
                            false},
                      Sizes{"ConvTransposeOfManyGroups",
                            11,
                            "y = ConvTranspose <group = 4611686018427387904> (a, b)",
                            {{1, 0, 2, 2}, {0, 4, 1, 1}},
                            {},
                            false},
                      Sizes{"ConvTranspose",
                            11,
                            "y = ConvTranspose <output_shape = [1, 1, 1]> (a, b)",
                            {{1, 0, 1073741824, 1073741824, 1073741824}, {0, 1, 1, 1, 1}},
                            {},
                            false},
                      Sizes{"GridSample", 20, "y = GridSample (a, b)", {{0, 1, k40, k40}, {0, 1, 1, 2}}},
                      Sizes{"GridSampleOfNoChannels", 20, "y = GridSample (a, b)", {{1, 0, 0, 0}, {1, 2, 2, 2}}},
                      Sizes{
                          "NonMaxSuppression", 11, "y = NonMaxSuppression (a, b, c)", {{1, 0, 4}, {1, k40, 0}}, {{5}}},
                      Sizes{"Gru", 14, "y, z = GRU (a, b, c)", {{k40, k40, 0}, {1, 3, 0}, {1, 3, 1}}, {}, false},
                      Sizes{"Lstm", 14, "y, z, u = LSTM (a, b, c)", {{1, 1, 1}, {1, 0, 1}, {1, 0, k62}}, {}, false}),
    Name);

// A row of no index takes no place and names the whole data.
TEST(EmptySizesTest, IndicesOfNoAxisAreCounted) {
  const Tensor indices = *Tensor::FromBytes(DType::kInt64, {k40, 0}, "");
  const Tensor data = Tensor::Of<float>({2}, {1, 2});
  EXPECT_TRUE(absl::IsResourceExhausted(EvalNode(13, "y = GatherND (a, b)", {data, indices}).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(EvalNode(13, "y = ScatterND (a, b, c)", {data, indices, data}).status()));
  const Tensor two = *Tensor::FromBytes(DType::kInt64, {2, 0}, "");
  EXPECT_THAT(testing::Values<float>(testing::Eval(13, "y = GatherND (a, b)", {data, two})),
              ::testing::ElementsAre(1, 2, 1, 2));
}

TEST(EmptySizesTest, ACacheOfNothingTakesNothing) {
  const Tensor cache = *Tensor::FromBytes(DType::kFloat, {k40, 0, 3}, "");
  EXPECT_EQ(testing::Eval(24, "y = TensorScatter <axis = 1> (a, b)", {cache, cache}).dims(), cache.dims());
}

// Uniform tensors take no memory, whatever they claim, until somebody lists them.
TEST(EmptySizesTest, LongListsAreRefused) {
  const float zero = 0;
  const int64_t one = 1;
  const Tensor x = *Tensor::Uniform(DType::kFloat, {1}, {reinterpret_cast<const char*>(&zero), sizeof zero});
  const Tensor list = *Tensor::Uniform(DType::kInt64, {k40}, {reinterpret_cast<const char*>(&one), sizeof one});
  EXPECT_TRUE(absl::IsResourceExhausted(EvalNode(13, "y = Expand (a, b)", {x, list}).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(EvalNode(13, "y = ConstantOfShape (a)", {list}).status()));
  EXPECT_FALSE(ToInts(list).ok());
  EXPECT_FALSE(ToDoubles(list).ok());
}

TEST(EmptySizesTest, FactorsOfAnEmptyTensorReachNothing) {
  const Tensor empty = *Tensor::FromBytes(DType::kFloat, {2, 0, k40, k40}, "");
  const Tensor scaled = *Tensor::Scaled(empty, 0, {1, 2});
  EXPECT_EQ(scaled.Load()->num_elements(), 0);
  EXPECT_EQ(scaled.Rows(1, 2)->dims(), (Dims{1, 0, k40, k40}));
}

// ---- numbers that a file may hold, beside tensors that have elements ----

TEST(LargeNumbersTest, SizesThatKeepTheAspectRatio) {
  const absl::Status status = EvalNode(18, "y = Resize <keep_aspect_ratio_policy = \"not_smaller\"> (a, , , b)",
                                       {Tensor::Of<float>({1, 65536}, std::vector<float>(65536)),
                                        Tensor::Of<int64_t>({2}, {int64_t{1} << 48, 1})})
                                  .status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
}

TEST(LargeNumbersTest, ABlockLongerThanTheAxisIsOneBlock) {
  const Tensor y =
      testing::Eval(21, "y = QuantizeLinear <axis = 1, block_size = 9223372036854775807> (a, b)",
                    {Tensor::Of<float>({2, 2}, {1, 2, 3, 4}), Tensor::Of<float>({2, 1}, {1, 2})}, EvalMode::kFast);
  EXPECT_THAT(testing::Values<uint8_t>(y), ::testing::ElementsAre(1, 2, 2, 2));
}

TEST(LargeNumbersTest, ElementTypesAreNotCut) {
  const Tensor x = Tensor::Of<float>({2, 2}, {1, 2, 3, 4});
  EXPECT_FALSE(EvalNode(9, "y = EyeLike <dtype = 4294967297> (a)", {x}).ok());
  EXPECT_FALSE(EvalNode(21, "y = QuantizeLinear <output_dtype = 4294967298> (a, b)", {x, Tensor::Scalar(1.0f)}).ok());
}

}  // namespace
}  // namespace dsperse
