// Small models against the counts that `dsperse compile` 3.9.10 printed for them, with the parameters
// that it uses: weights as inputs of the circuit, the chunk chosen by the compiler.
#include <string>

#include "circuit_estimate/estimate_graph.h"
#include "gtest/gtest.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

struct Compiled {
  const char* name;
  const char* model;
  uint64_t constraints;
  uint64_t mul;
};

constexpr Compiled kCompiled[] = {
    {"mean of one element",
     "g (float[1,8,1,1] x) => (float[1,8,1,1] y) { y = ReduceMean<axes=[2,3]>(x) }", 29, 3324},
    {"mean of four elements",
     "g (float[1,8,2,2] x) => (float[1,8,1,1] y) { y = ReduceMean<axes=[2,3]>(x) }", 29, 3324},
    {"factors above, below and at 1",
     "g (float[1,8] x) => (float[1,8] y) "
     "<float[1,8] e = {0.5, 1.5, 2.0, -0.5, -1.5, 3.0, 0.0, 1.0}> { y = Mul(x, e) }",
     35, 3228},
    {"factor 0.5", "g (float[1,8] x) => (float[1,8] y) <float[1] e = {0.5}> { y = Mul(x, e) }", 30,
     3196},
    {"factor 1.5", "g (float[1,8] x) => (float[1,8] y) <float[1] e = {1.5}> { y = Mul(x, e) }", 37,
     3196},
    {"sum of two", "g (float[1,8] x, float[1,8] z) => (float[1,8] y) { y = Add(x, z) }", 12, 0},
    {"square", "g (float[1,8] x) => (float[1,8] y) <float e = {2.0}> { y = Pow(x, e) }", 53, 3268},
    {"comparison, then the mean of one element",
     "g (float[1,8,1,1] x) => (float[1,8,1,1] y) <float z = {0.0}> "
     "{ t = Max(x, z) y = ReduceMean<axes=[2,3]>(t) }",
     45, 3412},
};

TEST(CompiledTest, CountsOfDsperseCompile) {
  const Backend* backend = FindBackend("jstprove_expander");
  for (const Compiled& model : kCompiled) {
    SCOPED_TRACE(model.name);
    const Graph graph = testing::ParseGraph(model.model);
    Facts facts(&graph);
    const absl::StatusOr<GraphEstimate> estimate =
        EstimateGraph(graph, facts, *backend, Parameters(backend->parameters()));
    ASSERT_TRUE(estimate.ok()) << estimate.status();
    EXPECT_TRUE(estimate->unsupported.empty());
    EXPECT_EQ(estimate->TotalOf("constraints"), model.constraints);
    EXPECT_EQ(estimate->TotalOf("mul"), model.mul);
  }
}

}  // namespace
}  // namespace dsperse
