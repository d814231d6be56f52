// Small models against the counts that `dsperse compile` 3.9.10 printed for them, with the parameters
// that it uses: weights as inputs of the circuit, the chunk chosen by the compiler.
#include <string>
#include <utility>

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
    {"first power", "g (float[1,8] x) => (float[1,8] y) <float e = {1.0}> { y = Pow(x, e) }", 21, 3132},
    {"square", "g (float[1,8] x) => (float[1,8] y) <float e = {2.0}> { y = Pow(x, e) }", 53, 3268},
    {"cube", "g (float[1,8] x) => (float[1,8] y) <float e = {3.0}> { y = Pow(x, e) }", 69, 3340},
    {"seventh power", "g (float[1,8] x) => (float[1,8] y) <float e = {7.0}> { y = Pow(x, e) }", 101, 3484},
    {"eighth power", "g (float[1,8] x) => (float[1,8] y) <float e = {8.0}> { y = Pow(x, e) }", 85, 3412},
    {"root", "g (float[1,8] x) => (float[1,8] y) { y = Sqrt(x) }", 45, 3332},
    {"root of 20 bits", "g (float[1,8] x) => (float[1,8] y) { a = Add(x, x) y = Sqrt(a) }", 45, 3396},
    {"root of 21 bits",
     "g (float[1,8] x) => (float[1,8] y) { a = Add(x, x) b = Add(a, a) y = Sqrt(b) }", 45, 3460},
    {"power of a half",
     "g (float[1,8] x) => (float[1,8] y) <float e = {0.5}> { y = Pow(x, e) }", 45, 3332},
    {"cube of wide values",
     "g (float[1,8] x) => (float[1,8] y) <float e = {3.0}> "
     "{ a = Add(x, x) b = Add(a, a) c = Add(b, b) d = Add(c, c) f = Add(d, d) h = Add(f, f) y = Pow(h, e) }",
     69, 3404},
    {"comparison, then the mean of one element",
     "g (float[1,8,1,1] x) => (float[1,8,1,1] y) <float z = {0.0}> "
     "{ t = Max(x, z) y = ReduceMean<axes=[2,3]>(t) }",
     45, 3412},
    {"sigmoid", "g (float[1,4] x) => (float[1,4] y) { y = Sigmoid(x) }", 39, 41235},
    {"sigmoid of wide values",
     "g (float[1,4] x) => (float[1,4] y) <float[1] w = {1.0}> "
     "{ a = Add(x, x) b = Add(a, a) c = Add(b, b) d = Add(c, c) e = Add(d, d) f = Add(e, e) h = Add(f, f) "
     "y = Sigmoid(h) }",
     39, 41235},
    {"hyperbolic tangent", "g (float[1,4] x) => (float[1,4] y) { y = Tanh(x) }", 43, 41303},
    {"error function", "g (float[1,4] x) => (float[1,4] y) { y = Erf(x) }", 155, 41839},
    {"exponential", "g (float[1,4] x) => (float[1,4] y) { y = Exp(x) }", 27, 41135},
    {"hard swish", "g (float[1,4] x) => (float[1,4] y) { y = HardSwish(x) }", 33, 3292},
    {"comparison with a zero made of the input",
     "g (float[1,4] x) => (float[1,4] y) { z = Sub(x, x) w = Add(z, z) y = Max(w, x) }", 17, 3128},
    {"windows beyond the image",
     "g (float[1,1,4,4] x) => (float[1,2,8,8] y) "
     "<float[2,1,3,3] w = {0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, "
     "0.25, 0.25, 0.25}> "
     "{ y = Conv<kernel_shape=[3,3], strides=[1,1], dilations=[1,1], pads=[3,3,3,3]>(x, w) }",
     462, 5916},
    {"windows beyond the image, with a bias",
     "g (float[1,1,4,4] x) => (float[1,2,8,8] y) "
     "<float[2,1,3,3] w = {0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, "
     "0.25, 0.25, 0.25}, float[2] b = {0.5, 0.5}> "
     "{ y = Conv<kernel_shape=[3,3], strides=[1,1], dilations=[1,1], pads=[3,3,3,3]>(x, w, b) }",
     517, 5916},
    {"pool of one element", "g (float[1,8,1,1] x) => (float[1,8,1,1] y) { y = GlobalAveragePool(x) }", 21, 3132},
    {"windows of one element",
     "g (float[1,1,4,4] x) => (float[1,1,2,2] y) { y = AveragePool<kernel_shape=[1,1], strides=[2,2]>(x) }", 13, 3100},
    {"no bounds", "g (float[1,8] x) => (float[1,8] y) { a = Add(x, x) y = Clip(a) }", 12, 0},
};

// total_assignments of the settings that EZKL 23.0.5 generates.
TEST(CompiledTest, CountsOfEzklSettings) {
  const std::string head = "g (float[1,8] x) => (float[1,8] y) <float[1] e = {0.5}> ";
  const std::pair<std::string, uint64_t> settings[] = {
      {"g (float[1,8] x, float[1,8] z, float[1,8] w) => (float[1,8] y) { y = Sum(x, z, w) }", 424},
      {"g (float[1,8] x, float[1,1] z) => (float[1,8] y) { y = Sum(x, z, x) }", 274},
      {"g (float[1,8] x) => (float[1,8] y) { y = Sum(x) }", 248},
      {"g (float[1,8] x) => (float[1,8] y) <float[8] c = {1.0,2.0,3.0,4.0,5.0,6.0,7.0,8.0}> "
       "{ y = Sum(x, c) }",
       256},
      {head + "{ t = Mul(x, e) y = Sum(t, x) }", 640},
      {head + "{ t = Mul(x, e) y = Sum(t, x, t, x) }", 1032},
      {head + "{ t = Mul(x, e) y = Sum(x, x, t) }", 648},
      {"g (float[1,8] x) => (float[1,8] y) <float e = {3.0}> { y = Pow(x, e) }", 632},
  };
  const Backend* backend = FindBackend("ezkl_halo2");
  for (const auto& [model, assignments] : settings) {
    SCOPED_TRACE(model);
    const Graph graph = testing::ParseGraph(model);
    Facts facts(&graph);
    const absl::StatusOr<GraphEstimate> estimate =
        EstimateGraph(graph, facts, *backend, Parameters(backend->parameters()));
    ASSERT_TRUE(estimate.ok()) << estimate.status();
    EXPECT_TRUE(estimate->unsupported.empty());
    EXPECT_EQ(estimate->TotalOf("total_assignments"), assignments);
  }
}

// What the same compiler refuses.
TEST(CompiledTest, WhatTheCompilerRefusesHasNoPrice) {
  const std::string w = "float[1,1,1,1] w = {0.5}";
  const std::pair<std::string, const char*> refused[] = {
      {"g (float[1,2] x) => (float[1,2] y) <float[2,2] w = {1.0, 2.0, 3.0, 4.0}, float[2] c = {1.0, 2.0}> "
       "{ y = Gemm<alpha=0.5>(x, w, c) }", "Gemm with an alpha or beta other than 1"},
      {"g (float[2,2] x) => (float[2] y) <float[2] w = {1.0, 2.0}> { y = MatMul(x, w) }", "MatMul of a vector"},
      {"<ir_version: 8, opset_import: [\"\" : 11]> g (float[2,2] x) => (float[2,2] y) { y = Softmax(x) }",
       "Softmax before opset 13"},
      {"<ir_version: 8, opset_import: [\"\" : 6]> g (float[2,2] x) => (float[2,2] y) { y = Clip<min=0.0>(x) }",
       "Clip by attributes, which the compiler doesn't read"},
      {"g (float[1,1,8] x) => (float[1,1,4] y) { y = MaxPool<kernel_shape=[2], strides=[2]>(x) }",
       "MaxPool over other than two spatial axes"},
      {"g (float[1,1,5,5] x) => (float[1,1,3,3] y) { y = MaxPool<kernel_shape=[2,2], strides=[2,2], ceil_mode=1>(x) }",
       "MaxPool with ceil_mode"},
      {"g (float[1,1,4,4] x) => (float[1,1,4,4] y) "
       "{ y = AveragePool<kernel_shape=[3,3], pads=[1,1,1,1], count_include_pad=1>(x) }",
       "AveragePool with count_include_pad"},
      {"g (float[1,1,4,4] x) => (float[1,1,4,4] y) <" + w + "> { y = Conv(x, w) }", "Conv without kernel_shape: priced as if written out"},
      {"g (float[1,1,4,4] x) => (float[1,1,4,4] y) <" + w +
           "> { y = ConvTranspose<kernel_shape=[1,1], auto_pad=\"SAME_UPPER\">(x, w) }",
       "ConvTranspose with auto_pad"},
      {"g (float[1,2] x) => (float[1,4] y) <int64[4] p = {0, 1, 0, 1}, float v = {1.0}> { y = Pad(x, p, v) }",
       "Pad by other than zeros"},
  };
  const Backend* backend = FindBackend("jstprove_expander");
  for (const auto& [model, reason] : refused) {
    SCOPED_TRACE(model);
    const Graph graph = testing::ParseGraph(model);
    Facts facts(&graph);
    const absl::StatusOr<GraphEstimate> estimate =
        EstimateGraph(graph, facts, *backend, Parameters(backend->parameters()));
    ASSERT_TRUE(estimate.ok()) << estimate.status();
    ASSERT_EQ(estimate->unsupported.size(), 1u);
    EXPECT_EQ(estimate->unsupported[0].reason, reason);
  }
}

// A row's largest magnitude is not its sum: 0.01 seven times and 1 need as many bits as 1.07.
TEST(CompiledTest, AConstantLeftOperandIsBoundedByItsRows) {
  const Graph graph = testing::ParseGraph(
      "g (float[8,5] x) => (float[1,5] y) <float[1,8] w = {1.0, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01}> "
      "{ y = MatMul(w, x) }");
  const Backend* backend = FindBackend("jstprove_expander");
  Facts facts(&graph);
  const absl::StatusOr<GraphEstimate> estimate =
      EstimateGraph(graph, facts, *backend, Parameters(backend->parameters()));
  ASSERT_TRUE(estimate.ok()) << estimate.status();
  EXPECT_EQ(estimate->bits, 18 + 1 + 1);
}

// What a guess takes part in is not called exact: neither the sum nor the node.
TEST(CompiledTest, NodesAreNoMoreCertainThanTheirSum) {
  const Graph graph = testing::ParseGraph("g (float[1,8] x) => (float[1,8] y) { y = Sqrt(x) }");
  const Backend* backend = FindBackend("jstprove_expander");
  for (const bool known : {false, true}) {
    Parameters parameters(backend->parameters());
    ASSERT_TRUE(parameters.Set(known ? "chunk_bits=12" : "chunk_bits=auto").ok());
    Facts facts(&graph);
    const absl::StatusOr<GraphEstimate> estimate = EstimateGraph(graph, facts, *backend, parameters);
    ASSERT_TRUE(estimate.ok()) << estimate.status();
    constexpr int kMul = 2;
    EXPECT_EQ(estimate->IsExact("mul"), known);
    EXPECT_EQ((estimate->nodes[0].counts.approximate >> kMul & 1) == 0, known);
    EXPECT_EQ((estimate->operators[0].counts.approximate >> kMul & 1) == 0, known);
  }
}

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
