// Lowerings at the opsets between which what they write changes its form: the results are compared.
#include <string>

#include "fold/fold_model.h"
#include "gtest/gtest.h"
#include "tests/fold/lowering/guarded.h"
#include "tests/fold/lowering/lowering_options.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"

namespace dsperse {
namespace {

using ::dsperse::testing::FindLowering;
using ::dsperse::testing::FindOpNode;
using ::dsperse::testing::LoweringForJstprove;
using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::RunFold;

Graph Lowered(const std::string& opset, const std::string& model) {
  Graph graph = ParseGraph("<ir_version: 4, opset_import: [\"\" : " + opset + "]> " + model);
  RunFold(graph, LoweringForJstprove());
  return graph;
}

// Its bounds are attributes before opset 11.
TEST(OpsetGuardsTest, AHardSigmoidIsClippedInEither) {
  for (const char* opset : {"10", "11", "12"}) {
    const Graph graph = Lowered(opset, "g (float[1, 8] x) => (float[1, 8] y) { y = HardSigmoid<alpha = 2.0>(x) }");
    EXPECT_TRUE(FindOpNode(graph, "Min").valid()) << opset;
    EXPECT_TRUE(FindOpNode(graph, "Max").valid()) << opset;
  }
}

// x is no constant, though what it is gathered from is.
TEST(OpsetGuardsTest, AFactorOfWhatIsGatheredIsWritten) {
  const Graph graph = Lowered("17", "g (int64[2] i) => (float[2] y) <float[4] t = {1, 2, 3, 4}, float c = {0.3}>"
                                    " { x = Gather(t, i) y = Mul(x, c) }");
  EXPECT_EQ(Ops(graph), "Gather Reshape Conv Reshape");
}

}  // namespace
}  // namespace dsperse
