// What random models and fuzzing found, each as small as it gets.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/fold_model.h"
#include "fold/ops/facts.h"
#include "fold/ops/interpreter.h"
#include "fold/ops/op.h"
#include "gtest/gtest.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"

namespace dsperse::testing {
namespace {

// The value of a Constant node was forgotten when its output was swapped for another, so the branch's output
// had none.
TEST(FoundByRandomModels, AConstantThatTakesOverAnIfsOutput) {
  Graph graph = ParseGraph(R"(
      g (float[2] x) => (float[2] y)
      <bool c = {1}> {
        y = If (c) <
          then_branch = t () => (float[2] a) { a = Constant <value = float[2] {1, 2}> () },
          else_branch = e () => (float[2] b) { b = Identity (x) }>
      })");
  RunFold(graph);
  EXPECT_EQ(Ops(graph), "Constant");
}

// Up to opset 21 ONNX's shape function counts a last window that lies in the padding alone; the runtimes don't.
TEST(FoundByRandomModels, CeilModeBeforeOpset22) {
  for (const char* op : {"MaxPool", "AveragePool"}) {
    for (int opset : {12, 20, 22}) {
      const Graph graph = ParseGraph(absl::StrCat("<ir_version: 8, opset_import: [\"\": ", opset, R"(]>
          g (float[1,1,4] x) => (float[1,1,M] y) {
            y = )", op, R"( <kernel_shape = [2], strides = [2], pads = [0, 1], ceil_mode = 1> (x)
          })"));
      Facts facts(&graph);
      const ValueId y = graph.Outputs(graph.main())[0];
      EXPECT_EQ(facts.ShapeOf(y).ToString(), "[1, 1, 2]") << op << " " << opset;
      const auto results = RunGraph(graph, SeededInputs(graph, 1));
      ASSERT_TRUE(results.ok()) << results.status();
      EXPECT_EQ((*results)[0].dims(), (Dims{1, 1, 2})) << op << " " << opset;
    }
  }
}

// Of opset 10, ONNX's shape function gives the first row of N the size N: the Slice was removed as a no-op.
TEST(FoundByRandomModels, ASliceOfASymbolicDimension) {
  for (int opset : {9, 10, 11}) {
    const std::string slice = opset == 9 ? "y = Slice <starts = [0], ends = [1], axes = [0]> (r)"
                                         : "y = Slice (r, zero, one, zero)";
    Graph graph = ParseGraph(absl::StrCat("<ir_version: 8, opset_import: [\"\": ", opset, R"(]>
        g (float[N,3] x) => (float[M,3] y) <int64[1] zero = {0}, int64[1] one = {1}> { r = Relu (x) )", slice, " }"));
    RunFold(graph);
    EXPECT_EQ(Ops(graph), "Relu Slice") << opset;
  }
}

// The slope of a PRelu broadcasts to x, not x to the slope; uniform operands took the other way.
TEST(FoundByFuzzing, PReluBroadcastsOneWay) {
  const float one = 1;
  const absl::string_view bytes(reinterpret_cast<const char*>(&one), sizeof(one));
  const Graph graph = ParseGraph("g (float[1] x, float[3] s) => (float[1] y) { y = PRelu (x, s) }");
  const NodeView node = graph.node(graph.FirstNode(graph.main()));
  const Tensor x = *Tensor::Uniform(DType::kFloat, {1}, bytes);
  const Tensor slope = *Tensor::Uniform(DType::kFloat, {3}, bytes);
  const std::vector<const Tensor*> inputs = {&x, &slope};
  EXPECT_TRUE(absl::IsInvalidArgument(Evaluate(EvalContext(), node, inputs).status()));
}

TEST(FoundByFuzzing, SqueezeAndUnsqueezeCountFromTheEndFromOpset11On) {
  for (const char* op : {"Squeeze", "Unsqueeze"}) {
    for (int opset : {6, 11}) {
      const Graph graph = ParseGraph(absl::StrCat("<ir_version: 8, opset_import: [\"\": ", opset,
                                                  "]> g (float[2,1] x) => (float[] y) { y = ", op, " <axes = [-1]> (x) }"));
      const NodeView node = graph.node(graph.FirstNode(graph.main()));
      const Tensor x = Tensor::Of<float>({2, 1}, {1, 2});
      const std::vector<const Tensor*> inputs = {&x};
      EXPECT_EQ(Evaluate(EvalContext(), node, inputs).ok(), opset == 11) << op << " " << opset;
    }
  }
}

TEST(FoundByFuzzing, ConvIntegerOfAScalar) {
  const Graph graph = ParseGraph(R"(
      g (uint8[1,1,2,2] x, uint8 w, uint8 a, uint8[2] b) => (int32[1] y) { y = ConvInteger (x, w, a, b) })");
  const NodeView node = graph.node(graph.FirstNode(graph.main()));
  const Tensor x = Tensor::Of<uint8_t>({1, 1, 2, 2}, {1, 2, 3, 4});
  const Tensor scalar = Tensor::Scalar<uint8_t>(1);
  const Tensor two = Tensor::Of<uint8_t>({2}, {1, 2});
  const std::vector<const Tensor*> inputs = {&x, &scalar, &scalar, &two};
  EXPECT_TRUE(absl::IsInvalidArgument(Evaluate(EvalContext(), node, inputs).status()));
}

}  // namespace
}  // namespace dsperse::testing
