// What random models found, each as small as it gets.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/fold_model.h"
#include "fold/ops/facts.h"
#include "fold/ops/interpreter.h"
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

}  // namespace
}  // namespace dsperse::testing
