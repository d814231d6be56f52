// Shapes told without the ONNX library are those that it tells: where a node is plain, and no further.
#include "fold/ops/plain_shapes.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/tensor_proto.h"
#include "fold/ops/schema_bridge.h"
#include "gtest/gtest.h"
#include "onnx/defs/schema.h"
#include "tests/fold/ops/nonsense.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

// What is said of the first node's outputs, "?" where it isn't plain.
struct Said {
  std::string plain, library;
};

std::string Text(const std::vector<Fact>& outputs) {
  std::string text;
  for (const Fact& fact : outputs) absl::StrAppend(&text, text.empty() ? "" : " ", DTypeName(fact.dtype), fact.shape.ToString());
  return text;
}

Said Ask(const Graph& graph) {
  const NodeView node = graph.node(graph.FirstNode(graph.main()));
  Facts facts(&graph);
  std::vector<const Fact*> inputs;
  for (ValueId input : node.inputs()) inputs.push_back(input.valid() ? &facts.Of(input) : nullptr);
  std::vector<Fact> plain(node.outputs().size()), library(node.outputs().size());
  Said said;
  said.plain = InferPlain(node, inputs, absl::MakeSpan(plain)) ? Text(plain) : "?";
  const absl::Status status = InferBySchema(node, inputs, absl::MakeSpan(library));
  said.library = status.ok() ? Text(library) : std::string(status.message());
  return said;
}

// One node over x, w and the constants that stand behind `body`.
Said AskOf(const std::string& body, int opset, const std::string& x, const std::string& w, const std::string& constants) {
  const Graph graph = testing::ParseGraph(absl::StrCat("<ir_version: 8, opset_import: [\"\" : ", opset, "]> g (", x, " x, ", w, " w) => (y) <",
                                         constants, "> { ", body, " }"));
  return Ask(graph);
}

struct Case {
  const char* body;
  const char* expected;  // "?": for the library
  int opset = 17;
  const char* x = "float[1,6,8,9]";
  const char* w = "float[1,6,8,9]";
  const char* constants = "";
};

class PlainShapesTest : public ::testing::TestWithParam<Case> {};

TEST_P(PlainShapesTest, AreThoseOfTheLibrary) {
  const Case& c = GetParam();
  const Said said = AskOf(c.body, c.opset, c.x, c.w, c.constants);
  EXPECT_EQ(said.plain, c.expected);
  if (said.plain != "?") EXPECT_EQ(said.plain, said.library);
}

INSTANTIATE_TEST_SUITE_P(
    Elementwise, PlainShapesTest,
    ::testing::Values(
        Case{"y = Add(x, w)", "float[1, 6, 8, 9]"}, Case{"y = Sub(x, w)", "float[5, 6, 8, 9]", 17, "float[6,1,9]", "float[5,1,8,1]"},
        Case{"y = Mul(x, w)", "?", 6}, Case{"y = Div(x, w)", "?", 17, "float[2]", "float[3]"},
        Case{"y = Add(x, w)", "?", 17, "float[2]", "double[2]"}, Case{"y = Add(x, w)", "?", 17, "float[N]", "float[2]"},
        Case{"y = Max(x, w, w)", "float[1, 6, 8, 9]"}, Case{"y = Min(x, w)", "?", 7}, Case{"y = Sum(x)", "float[1, 6, 8, 9]"},
        Case{"y = Relu(x)", "float[1, 6, 8, 9]"}, Case{"y = Relu(x)", "?", 5}, Case{"y = LeakyRelu<alpha = 0.1>(x)", "float[1, 6, 8, 9]"},
        Case{"y = LeakyRelu<alpha = 1>(x)", "?"}, Case{"y = Relu(x, w)", "?"},
        Case{"y = Clip(x, w)", "float[2]", 13, "float[2]", "float"}, Case{"y = Clip(x)", "?", 10},
        Case{"y = Softmax<axis = -4>(x)", "float[1, 6, 8, 9]"}, Case{"y = Softmax<axis = 4>(x)", "?"},
        Case{"y = Softmax<axis = -1>(x)", "?", 10}, Case{"y = Softmax(x)", "?", 17, "float"},
        Case{"y = BatchNormalization<epsilon = 0.1>(x, w, w, w, w)", "float[1, 6, 8]", 15, "float[1,6,8]", "float[6]"},
        Case{"y = BatchNormalization(x, w, w, w, w)", "?", 15, "float[1,6,8]", "float[8]"},
        Case{"y = BatchNormalization<training_mode = 1>(x, w, w, w, w)", "?", 15, "float[1,6,8]", "float[6]"}));

INSTANTIATE_TEST_SUITE_P(
    Windows, PlainShapesTest,
    ::testing::Values(
        Case{"y = Conv(x, w)", "float[1, 5, 6, 7]", 17, "float[1,6,8,9]", "float[5,6,3,3]"},
        Case{"y = Conv<strides = [2, 3], pads = [1, 0, 2, 1], dilations = [1, 2], kernel_shape = [3, 2]>(x, w)", "float[1, 5, 5, 3]", 17,
             "float[1,6,8,9]", "float[5,6,3,2]"},
        Case{"y = Conv<group = 6>(x, w)", "float[1, 6, 7]", 17, "float[1,6,9]", "float[6,1,3]"},
        Case{"y = Conv<group = 0>(x, w)", "?", 17, "float[1,6,9]", "float[6,1,3]"},
        Case{"y = Conv<kernel_shape = [2, 2]>(x, w)", "?", 17, "float[1,6,8,9]", "float[5,6,3,3]"},
        Case{"y = Conv<auto_pad = \"SAME_UPPER\">(x, w)", "?", 17, "float[1,6,8,9]", "float[5,6,3,3]"},
        Case{"y = Conv<strides = [0, 1]>(x, w)", "?", 17, "float[1,6,8,9]", "float[5,6,3,3]"},
        Case{"y = Conv<pads = [1, 1]>(x, w)", "?", 17, "float[1,6,8,9]", "float[5,6,3,3]"},
        Case{"y = Conv<pads = [-1, 0, 0, 0]>(x, w)", "?", 17, "float[1,6,8,9]", "float[5,6,3,3]"},
        Case{"y = Conv(x, w)", "?", 17, "float[1,6,2,9]", "float[5,6,3,3]"}, Case{"y = Conv(x, w)", "?", 17, "float[1,6,8]", "float[5,6,3,3]"},
        Case{"y = Conv(x, w)", "?", 17, "float[1,6]", "float[5,6]"}, Case{"y = Conv(x, w)", "?", 17, "float[1,6,0,9]", "float[5,6,1,3]"},
        Case{"y = MaxPool<kernel_shape = [2, 3], strides = [2, 2]>(x)", "float[1, 6, 4, 4]"},
        Case{"y = MaxPool<kernel_shape = [2, 3], ceil_mode = 1>(x)", "?"}, Case{"y, z = MaxPool<kernel_shape = [2, 3]>(x)", "?"},
        Case{"y = MaxPool(x)", "?"}, Case{"y = MaxPool<kernel_shape = [2, 2], dilations = [2, 2]>(x)", "?"},
        Case{"y = AveragePool<kernel_shape = [8, 9], count_include_pad = 1>(x)", "float[1, 6, 1, 1]"},
        Case{"y = GlobalAveragePool(x)", "float[1, 6, 1, 1]"}, Case{"y = GlobalMaxPool(x)", "?", 17, "float[1,6]"}));

INSTANTIATE_TEST_SUITE_P(
    Products, PlainShapesTest,
    ::testing::Values(Case{"y = Gemm(x, w)", "float[2, 4]", 17, "float[2,3]", "float[3,4]"},
                      Case{"y = Gemm<transA = 1, transB = 1, alpha = 0.5, beta = 2.0>(x, w, w)", "float[2, 4]", 17, "float[3,2]", "float[4,3]"},
                      Case{"y = Gemm(x, w)", "?", 9, "float[2,3]", "float[3,4]"}, Case{"y = Gemm(x, w)", "?", 17, "float[2,3]", "float[4,4]"},
                      Case{"y = Gemm(x, w, w)", "?", 6, "float[2,3]", "float[3,4]"}, Case{"y = Gemm(x, w)", "?", 17, "float[1,2,3]", "float[3,4]"},
                      Case{"y = MatMul(x, w)", "float[5, 7, 2, 4]", 17, "float[7,2,3]", "float[5,1,3,4]"},
                      Case{"y = MatMul(x, w)", "?", 17, "float[3]", "float[3,4]"}, Case{"y = MatMul(x, w)", "?", 17, "float[2,3]", "float[2,4]"},
                      Case{"y = MatMul(x, w)", "?", 17, "float[2,2,3]", "float[3,3,4]"}));

INSTANTIATE_TEST_SUITE_P(
    Movement, PlainShapesTest,
    ::testing::Values(
        Case{"y = Reshape(x, s)", "float[1, 432]", 17, "float[1,6,8,9]", "float", "int64[2] s = {0, -1}"},
        Case{"y = Reshape(x, s)", "float[432]", 17, "float[1,6,8,9]", "float", "int64[1] s = {432}"},
        Case{"y = Reshape(x, s)", "?", 17, "float[1,6,8,9]", "float", "int64[1] s = {431}"},
        Case{"y = Reshape(x, s)", "?", 17, "float[1,6,8,9]", "float", "int64[2] s = {-1, -1}"},
        Case{"y = Reshape(x, s)", "?", 17, "float[1,6,8,9]", "float", "int64[2] s = {-1, 5}"},
        Case{"y = Reshape(x, s)", "?", 17, "float[1,6,8,9]", "float", "int64[2] s = {-2, 216}"},
        Case{"y = Reshape<allowzero = 1>(x, s)", "?", 17, "float[1,6,8,9]", "float", "int64[2] s = {1, 432}"},
        Case{"y = Reshape(x, s)", "?", 17, "float[0,6]", "float", "int64[1] s = {-1}"}, Case{"y = Reshape(x, w)", "?", 17, "float[2]", "int64[1]"},
        Case{"y = Flatten(x)", "float[1, 432]"}, Case{"y = Flatten<axis = 4>(x)", "float[432, 1]"}, Case{"y = Flatten<axis = -1>(x)", "float[48, 9]"},
        Case{"y = Flatten<axis = 5>(x)", "?"}, Case{"y = Flatten<axis = -1>(x)", "?", 10},
        Case{"y = Transpose(x)", "float[9, 8, 6, 1]"}, Case{"y = Transpose<perm = [0, 2, 3, 1]>(x)", "float[1, 8, 9, 6]"},
        Case{"y = Transpose<perm = [0, 2, 2, 1]>(x)", "?"}, Case{"y = Transpose<perm = [0, 1]>(x)", "?"},
        Case{"y = Concat<axis = 1>(x, w)", "float[1, 8, 8]", 17, "float[1,6,8]", "float[1,2,8]"},
        Case{"y = Concat<axis = -1>(x)", "float[1, 6, 8, 9]"}, Case{"y = Concat<axis = 1>(x, w)", "?", 17, "float[1,6,8]", "float[1,2,7]"},
        Case{"y = Concat<axis = 0>(x, w)", "?", 17, "float[1,6,8]", "float[1,6]"}, Case{"y = Concat(x)", "?", 3},
        Case{"y, z = Split<axis = 1>(x, s)", "float[1, 2, 8, 9] float[1, 4, 8, 9]", 17, "float[1,6,8,9]", "float", "int64[2] s = {2, 4}"},
        Case{"y, z = Split<axis = 1, split = [2, 4]>(x)", "float[1, 2, 8, 9] float[1, 4, 8, 9]", 11},
        Case{"y, z = Split<axis = 1>(x, s)", "?", 17, "float[1,6,8,9]", "float", "int64[2] s = {2, 3}"},
        Case{"y, z = Split<axis = 1>(x, s)", "?", 17, "float[1,6,8,9]", "float", "int64[3] s = {2, 3, 1}"},
        Case{"y, z = Split<axis = 1>(x, s)", "?", 17, "float[1,6,8,9]", "float", "int64[2] s = {-1, 7}"},
        Case{"y, z = Split<axis = 1>(x)", "?"}, Case{"y, z = Split<axis = 1, num_outputs = 2>(x)", "?", 18},
        Case{"y = Gather<axis = -3>(x, w)", "float[1, 2, 5, 8, 9]", 17, "float[1,6,8,9]", "int64[2,5]"},
        Case{"y = Gather(x, w)", "float[6, 8]", 17, "float[1,6,8]", "int64"}, Case{"y = Gather<axis = 3>(x, w)", "?", 17, "float[1,6,8]", "int64"},
        Case{"y = Gather(x, w)", "?", 17, "float", "int64"},
        Case{"y = Slice(x, s, e)", "float[2, 1]", 17, "float[4,3]", "float", "int64[2] s = {-3, 1}, int64[2] e = {3, 2}"},
        Case{"y = Slice(x, s, e, a, t)", "float[4, 2]", 17, "float[4,3]", "float",
             "int64[1] s = {-9223372036854775808}, int64[1] e = {9223372036854775807}, int64[1] a = {-1}, int64[1] t = {2}"},
        Case{"y = Slice(x, s, e)", "float[0, 3]", 17, "float[4,3]", "float", "int64[1] s = {3}, int64[1] e = {2}"},
        Case{"y = Slice(x, s, e, a, t)", "?", 17, "float[4,3]", "float", "int64[1] s = {3}, int64[1] e = {0}, int64[1] a = {0}, int64[1] t = {-1}"},
        Case{"y = Slice(x, s, e, a)", "?", 17, "float[4,3]", "float", "int64[2] s = {0, 0}, int64[2] e = {2, 2}, int64[2] a = {0, 0}"},
        Case{"y = Slice(x, s, e)", "?", 17, "float[4,3]", "float", "int64[2] s = {0, 0}, int64[1] e = {2}"},
        Case{"y = Slice<starts = [0], ends = [2]>(x)", "?", 9, "float[4,3]"},
        Case{"y = Pad(x, s)", "float[4, 2]", 17, "float[2,3]", "float", "int64[4] s = {1, -1, 1, 0}"},
        Case{"y = Pad<pads = [1, 0, 0, 1]>(x)", "float[3, 4]", 10, "float[2,3]"},
        Case{"y = Pad(x, s)", "?", 17, "float[2,3]", "float", "int64[3] s = {1, 1, 1}"},
        Case{"y = Pad(x, s)", "?", 17, "float[2,3]", "float", "int64[4] s = {-2, 0, -1, 0}"},
        Case{"y = Pad(x, w)", "?", 17, "float[2,3]", "int64[4]"},
        Case{"y = Expand(x, s)", "float[2, 4, 3]", 17, "float[4,1]", "float", "int64[3] s = {2, 1, 3}"},
        Case{"y = Expand(x, s)", "?", 17, "float[4,1]", "float", "int64[1] s = {0}"},
        Case{"y = Expand(x, s)", "?", 17, "float[4,2]", "float", "int64[1] s = {3}"},
        Case{"y = Squeeze(x, s)", "float[6]", 17, "float[1,6,1]", "float", "int64[2] s = {0, -1}"},
        Case{"y = Squeeze<axes = [0]>(x)", "float[6, 1]", 12, "float[1,6,1]"}, Case{"y = Squeeze(x)", "?", 17, "float[1,6,1]"},
        Case{"y = Squeeze<axes = [-1]>(x)", "?", 10, "float[1,6,1]"},
        Case{"y = Squeeze(x, s)", "?", 17, "float[1,6,1]", "float", "int64[1] s = {1}"},
        Case{"y = Squeeze(x, s)", "?", 17, "float[1,6,1]", "float", "int64[2] s = {0, -3}"},
        Case{"y = Unsqueeze(x, s)", "float[1, 6, 1]", 17, "float[6]", "float", "int64[2] s = {-1, 0}"},
        Case{"y = Unsqueeze(x, s)", "?", 17, "float[6]", "float", "int64[1] s = {2}"},
        Case{"y = Unsqueeze(x, s)", "?", 17, "float[6]", "float", "int64[2] s = {0, 0}"},
        Case{"y = ReduceSum(x, s)", "float[1, 6, 1, 9]", 17, "float[1,6,8,9]", "float", "int64[1] s = {-2}"},
        Case{"y = ReduceSum<keepdims = 0>(x, s)", "float[1, 6]", 17, "float[1,6,8,9]", "float", "int64[2] s = {3, 2}"},
        Case{"y = ReduceMean<axes = [2, 3], keepdims = 0>(x)", "float[1, 6]"}, Case{"y = ReduceMean<axes = [2, 2]>(x)", "?"},
        Case{"y = ReduceMax<axes = [4]>(x)", "?"}, Case{"y = ReduceMean(x)", "?"}, Case{"y = ReduceMean<axes = [-1]>(x)", "?", 10},
        Case{"y = ReduceSum(x, s)", "?", 17, "float[1,6]", "float", "int64[0] s = {}"},
        Case{"y = ReduceSum<noop_with_empty_axes = 1>(x, s)", "?", 17, "float[1,6]", "float", "int64[1] s = {0}"}));

TEST(PlainShapes, AreNotToldOfOtherDomainsAndOperators) {
  EXPECT_EQ(AskOf("y = Det(x)", 17, "float[2,2]", "float", "").plain, "?");
  const Graph graph = testing::ParseGraph("<ir_version: 8, opset_import: [\"\" : 17, \"mine\" : 1]> g (float[2] x) => (y) { y = mine.Relu(x) }");
  EXPECT_EQ(Ask(graph).plain, "?");
}

// Any inputs and attributes, all operators and versions.
TEST(PlainShapes, AreThoseOfTheLibraryForNonsenseToo) {
  int plain = 0;
  for (const onnx::OpSchema& schema : testing::Schemas()) {
    for (uint64_t seed = 0; seed < 300; ++seed) {
      const absl::StatusOr<Graph> graph =
          Graph::Import(testing::Nonsense(seed).Model(schema), std::make_shared<PayloadTable>(), "nonsense");
      if (!graph.ok()) continue;
      const Said said = Ask(*graph);
      if (said.plain == "?") continue;
      ++plain;
      EXPECT_EQ(said.plain, said.library) << schema.Name() << " " << schema.SinceVersion() << ", seed " << seed;
    }
  }
  EXPECT_GT(plain, 100);
}

}  // namespace
}  // namespace dsperse
