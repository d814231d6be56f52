// What must hold of any price, whatever the numbers.
#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/substitute.h"
#include "circuit_estimate/estimate_graph.h"
#include "gtest/gtest.h"
#include "tests/support/filled.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

using testing::Filled;
using testing::ParseGraph;

GraphEstimate Estimate(const Graph& graph, absl::string_view backend,
                       absl::Span<const NodeRange> slices = {},
                       const std::vector<std::string>& assignments = {}) {
  const Backend* found = FindBackend(backend);
  Parameters parameters(found->parameters());
  for (const std::string& assignment : assignments) {
    const absl::Status set = parameters.Set(assignment);
    EXPECT_TRUE(set.ok()) << set;
  }
  Facts facts(&graph);
  absl::StatusOr<GraphEstimate> estimate = EstimateGraph(graph, facts, *found, parameters, slices);
  EXPECT_TRUE(estimate.ok()) << estimate.status();
  return *std::move(estimate);
}

uint64_t Price(const GraphEstimate& estimate) {
  return estimate.total.values[estimate.backend->price_metric()].value();
}

// A random net of 4-channel 4×4 planes: lines of text, each one node.
std::vector<std::string> RandomNodes(uint32_t seed, int count) {
  std::mt19937 random(seed);
  std::vector<std::string> nodes;
  std::vector<std::string> values{"x"};
  for (int i = 0; i < count; ++i) {
    const auto pick = [&] { return values[random() % values.size()]; };
    const std::string out = absl::StrCat("v", i);
    std::string node;
    switch (random() % 6) {
      case 0:
        node = absl::StrCat(
            out, " = Conv<kernel_shape=[3,3], strides=[1,1], dilations=[1,1], pads=[1,1,1,1]>(",
            pick(), ", w3)");
        break;
      case 1:
        node = absl::StrCat(out, " = Conv<kernel_shape=[1,1], strides=[1,1], dilations=[1,1]>(",
                            pick(), ", w1)");
        break;
      case 2:
        node = absl::StrCat(out, " = Relu(", pick(), ")");
        break;
      case 3:
        node = absl::StrCat(out, " = Add(", pick(), ", ", pick(), ")");
        break;
      case 4:
        node = absl::StrCat(out, " = BatchNormalization(", pick(), ", p, p, p, p)");
        break;
      default:
        node = absl::StrCat(out, " = MaxPool<kernel_shape=[3,3], strides=[1,1], pads=[1,1,1,1]>(",
                            pick(), ")");
    }
    nodes.push_back(node);
    values.push_back(out);
  }
  return nodes;
}

// `outputs` of `nodes` in the given order.
Graph Net(const std::vector<std::string>& nodes, const std::vector<std::string>& outputs) {
  return ParseGraph(absl::StrCat("g (float[1,4,4,4] x) => (", absl::StrJoin(outputs, ", "), ") <",
                                 Filled("w3", {4, 4, 3, 3}, 0.125), ", ",
                                 Filled("w1", {4, 4, 1, 1}, 0.25), ", ", Filled("p", {4}, 0.5),
                                 "> { ", absl::StrJoin(nodes, " "), " }"));
}

std::string Made(const std::string& node) { return node.substr(0, node.find(' ')); }

constexpr absl::string_view kAdditive[] = {"jstprove_expander", "r1cs_circom", "dsperse_estimate"};

TEST(EstimatePropertiesTest, OneMoreNodeThatIsAnOutputNeverLowersThePrice) {
  for (uint32_t seed = 0; seed < 12; ++seed) {
    const std::vector<std::string> nodes = RandomNodes(seed, 12);
    for (absl::string_view backend : kAdditive) {
      uint64_t last = 0;
      std::vector<std::string> some;
      std::vector<std::string> outputs;
      for (const std::string& node : nodes) {
        some.push_back(node);
        outputs.push_back(Made(node));
        const uint64_t price = Price(Estimate(Net(some, outputs), backend));
        EXPECT_GE(price, last) << backend << " seed " << seed << " at " << node;
        last = price;
      }
      EXPECT_GT(last, 0u) << backend;
    }
  }
}

TEST(EstimatePropertiesTest, ExpanderCountsDoNotDependOnTheOrderOfNodes) {
  for (uint32_t seed = 0; seed < 12; ++seed) {
    const std::vector<std::string> nodes = RandomNodes(seed, 10);
    const std::vector<std::string> outputs{"v7", "v8", "v9"};
    // Another topological order: repeatedly take the last node whose operands are there.
    std::vector<std::string> other;
    std::vector<std::string> left = nodes;
    std::vector<std::string> there{"x", "w1", "w3", "p"};
    while (!left.empty()) {
      for (size_t i = left.size(); i-- > 0;) {
        const std::string operands = left[i].substr(left[i].rfind('(') + 1);
        bool ready = true;
        for (const std::string& node : left) {
          const std::string name = Made(node);
          for (const char* end : {",", ")"}) {
            ready = ready && operands.find(name + end) == std::string::npos;
          }
        }
        if (!ready) continue;
        other.push_back(left[i]);
        left.erase(left.begin() + static_cast<std::ptrdiff_t>(i));
        break;
      }
    }
    const GraphEstimate one = Estimate(Net(nodes, outputs), "jstprove_expander");
    const GraphEstimate two = Estimate(Net(other, outputs), "jstprove_expander");
    for (const MetricInfo& metric : one.backend->metrics()) {
      EXPECT_EQ(one.TotalOf(metric.name), two.TotalOf(metric.name))
          << metric.name << " seed " << seed;
    }
  }
}

TEST(EstimatePropertiesTest, SlicesSumToTheWholeWhereNothingElseCosts) {
  for (uint32_t seed = 0; seed < 6; ++seed) {
    const Graph graph = Net(RandomNodes(seed, 12), {"v11"});
    const std::vector<NodeRange> slices{{0, 3}, {3, 4}, {4, 9}, {9, 12}};
    for (absl::string_view backend : {"r1cs_circom", "dsperse_estimate"}) {
      const GraphEstimate estimate = Estimate(graph, backend, slices);
      uint64_t sum = 0;
      for (const GroupEstimate& slice : estimate.slices) sum += slice.counts.values[0].value();
      EXPECT_EQ(sum, Price(estimate)) << backend << " seed " << seed;
    }
  }
}

TEST(EstimatePropertiesTest, NodesBoundaryAndFixedPriceSumToTheTotal) {
  for (const Backend* backend : AllBackends()) {
    const GraphEstimate estimate =
        Estimate(Net(RandomNodes(3, 12), {"v10", "v11"}), backend->name());
    for (size_t i = 0; i < backend->metrics().size(); ++i) {
      if (!backend->metrics()[i].additive) continue;
      Count sum = estimate.inputs.values[i] + estimate.outputs.values[i] + estimate.fixed.values[i];
      Count by_operator = sum;
      for (const NodeEstimate& node : estimate.nodes) sum += node.counts.values[i];
      for (const GroupEstimate& group : estimate.operators) by_operator += group.counts.values[i];
      EXPECT_EQ(sum.value(), estimate.total.values[i].value())
          << backend->name() << " " << backend->metrics()[i].name;
      EXPECT_EQ(by_operator.value(), sum.value()) << backend->name();
    }
  }
}

TEST(EstimatePropertiesTest, APricerAndItsSlicePricesAnswerWhatTheEstimateCounts) {
  // What nobody reads is an output: EZKL drops what leads to none, and a pricer doesn't know what will be read.
  const std::vector<std::string> nodes = RandomNodes(5, 14);
  std::vector<std::string> outputs;
  for (const std::string& node : nodes) {
    const auto reads = [&](const std::string& other) {
      const std::string operands = other.substr(other.rfind('('));
      return absl::StrContains(operands, Made(node) + ",") || absl::StrContains(operands, Made(node) + ")");
    };
    if (std::none_of(nodes.begin(), nodes.end(), reads)) outputs.push_back(Made(node));
  }
  const Graph graph = Net(nodes, outputs);
  for (const Backend* backend : AllBackends()) {
    if (backend->name() == "jstprove_remainder") continue;  // fillers of its groups are no node's
    const GraphEstimate estimate = Estimate(graph, backend->name());
    const absl::StatusOr<PricerFactory> factory =
        MakePricerFactory(*backend, Parameters(backend->parameters()));
    ASSERT_TRUE(factory.ok()) << factory.status();
    Facts facts(&graph);
    const std::unique_ptr<RangePricer> pricer = (*factory)(graph, facts);
    for (int round = 0; round < 2; ++round) {
      pricer->Begin();
      RangePrice price;
      uint64_t last = 0;
      for (NodeId node : graph.Nodes(graph.main())) {
        price = pricer->Extend(node);
        EXPECT_GE(price.price, last) << backend->name();
        last = price.price;
      }
      const SlicePrices slice = pricer->slice_prices();
      const uint64_t all = price.price + slice.per_slice + slice.per_input_element * 64 +
                           slice.per_output_element * 64 * outputs.size();
      // EZKL aligns to columns: a range that begins with no inputs may be a cell off.
      EXPECT_NEAR(static_cast<double>(all), static_cast<double>(Price(estimate)),
                  backend->name() == "ezkl_halo2" ? 2 : 0)
          << backend->name() << " round " << round;
      EXPECT_EQ(price.provable, estimate.unsupported.empty()) << backend->name();
    }
    EXPECT_EQ(pricer->unit(), backend->metrics()[backend->price_metric()].name);
  }
}

TEST(EstimatePropertiesTest, BitsGrowUntilASliceBeginsAnew) {
  // Ten 1×1 Convs whose rows sum to 64: six bits each.
  std::vector<std::string> nodes;
  std::string last = "x";
  for (int i = 0; i < 10; ++i) {
    nodes.push_back(absl::StrCat(
        "v", i, " = Conv<kernel_shape=[1,1], strides=[1,1], dilations=[1,1]>(", last, ", w)"));
    last = absl::StrCat("v", i);
  }
  const Graph graph =
      ParseGraph(absl::StrCat("g (float[1,4,4,4] x) => (v9) <", Filled("w", {4, 4, 1, 1}, 16),
                              "> { ", absl::StrJoin(nodes, " "), " }"));
  const std::vector<NodeRange> halves{{0, 5}, {5, 10}};
  const GraphEstimate estimate = Estimate(graph, "jstprove_expander", halves);
  EXPECT_EQ(estimate.nodes[0].bits, 18 + 6 + 1);
  EXPECT_EQ(estimate.nodes[6].bits, 18 + 42 + 1);
  ASSERT_FALSE(estimate.unsupported.empty());
  EXPECT_EQ(estimate.unsupported[0].reason,
            "needs 67 bits, more than the 64 that it takes: a slice must begin before it");
  EXPECT_EQ(estimate.slices[0].bits, estimate.slices[1].bits);
  EXPECT_EQ(estimate.slices[0].counts.values[0], estimate.slices[1].counts.values[0]);
}

TEST(EstimatePropertiesTest, AnUnsupportedNodeIsListedAndCostsNothing) {
  const Graph graph = ParseGraph("g (float[1,4,4,4] x) => (y) { a = Relu(x)  y = Det(a) }");
  for (const Backend* backend : AllBackends()) {
    const GraphEstimate estimate = Estimate(graph, backend->name());
    ASSERT_EQ(estimate.unsupported.size(), 1u) << backend->name();
    EXPECT_EQ(estimate.unsupported[0].op, "Det") << backend->name();
    EXPECT_FALSE(estimate.unsupported[0].reason.empty());
    EXPECT_EQ(estimate.nodes[1].counts.values[0].value(), 0u) << backend->name();
  }
}

// Differences in the formulas (2 · taps − 1, l · m · n − l · n, …) must not go below zero where a
// side has no element, or only one: they would wrap to nearly 2^64, or refuse a model that costs
// nothing.
TEST(EstimatePropertiesTest, NoPriceIsBelowZeroHoweverSmallTheShapes) {
  std::vector<std::string> models;
  for (int a = 0; a < 3; ++a) {
    for (int b = 0; b < 3; ++b) {
      for (int c = 0; c < 3; ++c) {
        models.push_back(absl::Substitute("g (float[$0,$1] x) => (y) <$2> { y = MatMul(x, w) }", a,
                                          b, Filled("w", {b, c}, 0.5)));
        models.push_back(absl::Substitute(
            "g (float[$0,$1] x, float[$1,$2] z) => (y) { y = MatMul(x, z) }", a, b, c));
        models.push_back(
            absl::Substitute("g (float[$0,$1] x) => (y) <$2, $3> { y = Gemm<transB=1>(x, w, b) }",
                             a, b, Filled("w", {c, b}, 0.5), Filled("b", {c}, 0.5)));
        models.push_back(absl::Substitute("g (float[$0,$1,4,4] x) => (y) <$2> { y = Conv(x, w) }",
                                          a, b, Filled("w", {c, b, 2, 2}, 0.5)));
        models.push_back(
            absl::Substitute("g (float[$0,$1,4,4] x) => (y) <$2> "
                             "{ y = ConvTranspose<strides=[2,2], pads=[1,1,1,1]>(x, w) }",
                             a, b, Filled("w", {b, c, 2, 2}, 0.5)));
        for (const char* pool : {"MaxPool", "AveragePool"}) {
          models.push_back(absl::Substitute(
              "g (float[$0,$1,4,4] x) => (y) { y = $3<kernel_shape=[$2,1], strides=[2,1]>(x) }", a,
              b, c + 1, pool));
        }
        for (const char* reduce :
             {"ReduceMean", "ReduceSum", "ReduceMax", "Softmax", "GlobalAveragePool"}) {
          models.push_back(
              absl::Substitute("g (float[$0,$1,$2] x) => (y) { y = $3(x) }", a, b, c, reduce));
        }
        for (const char* binary : {"Add", "Sub", "Mul", "Max", "Min", "Div"}) {
          models.push_back(
              absl::Substitute("g (float[$0,$1] x, float[$0,$2] z) => (y) { a = Concat<axis=1>(x, "
                               "z)  y = $3(a, a) }",
                               a, b, c, binary));
        }
        for (const char* unary : {"Relu", "Sigmoid", "Clip", "LeakyRelu", "Erf", "Sqrt", "Exp"}) {
          models.push_back(
              absl::Substitute("g (float[$0,$1,$2] x) => (y) { y = $3(x) }", a, b, c, unary));
        }
      }
    }
  }
  // Each open size counts as one by itself: an output that says it is no larger than the padding around its input.
  models.push_back(absl::Substitute(
      "g (float[N,3,3,5] x) => (y) <$0> { t = Transpose(x)  y = Conv<pads=[0,1,0,1]>(t, w) }",
      Filled("w", {1, 3, 1, 1}, 0.5)));
  int priced = 0;
  for (const std::string& text : models) {
    const Graph graph = ParseGraph(text);
    for (const Backend* backend : AllBackends()) {
      Facts facts(&graph);
      const absl::StatusOr<GraphEstimate> estimate =
          EstimateGraph(graph, facts, *backend, Parameters(backend->parameters()));
      EXPECT_TRUE(estimate.ok()) << backend->name() << ": " << text << "\n" << estimate.status();
      if (!estimate.ok()) continue;
      for (const NodeEstimate& node : estimate->nodes) {
        for (Count count : node.counts.values) {
          EXPECT_FALSE(count.overflow()) << backend->name() << ": " << text;
          EXPECT_LT(count.value(), 1u << 20) << backend->name() << ": " << text;
        }
      }
      priced += estimate->unsupported.empty();
    }
  }
  EXPECT_GT(priced, 2000);
}

TEST(EstimatePropertiesTest, CountsThatLeaveSixtyFourBitsAreAnError) {
  const Graph graph = ParseGraph("g (float[4000000000,4000000000] x) => (y) { y = Relu(x) }");
  const Backend* backend = FindBackend("r1cs_circom");
  Facts facts(&graph);
  const absl::StatusOr<GraphEstimate> estimate =
      EstimateGraph(graph, facts, *backend, Parameters(backend->parameters()));
  EXPECT_EQ(estimate.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(estimate.status().message().find("a count exceeds 64 bits"), absl::string_view::npos);
}

// A file may say anything of its weights, leave inputs out, and give the result a shape none the less.
TEST(EstimatePropertiesTest, InputsOfAnyRankOrNoneHaveAPriceOrAReason) {
  const std::vector<std::string> nodes = {
      "Conv<kernel_shape = [1, 1]>($0, $1)", "Conv<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>($0, $1)",
      "Conv($0, $1)", "ConvTranspose<kernel_shape = [1, 1]>($0, $1)", "Gemm($0, $1, $1)", "Gemm($1, $0, $1)",
      "MatMul($0, $1)", "BatchNormalization($0, $1, $1, $1, $1)", "Add($0, $1)", "Mul($0, $1)", "Div($0, $1)",
      "Pow($0, $1)", "Max($0, $1)", "Clip($0, $1, $1)", "Relu($0)", "Sigmoid($0)", "Softmax($0)",
      "MaxPool<kernel_shape = [1, 1]>($0)", "AveragePool<kernel_shape = [1, 1], strides = [1, 1]>($0)",
      "GlobalAveragePool($0)", "ReduceSum($0, $1)", "ReduceMean($0)", "Concat<axis = 0>($0, $1)", "Where($0, $1, $1)",
      "LayerNormalization($0, $1)", "Flatten($0)", "Gather($0, $1)", "TopK($0, $1)"};
  constexpr std::pair<const char*, const char*> kInputs[] = {{"a", "w"}, {"", "w"}, {"a", ""}, {"w", "a"}};
  for (const char* weights : {"float w = {2}", "float[1] w = {2}", "float[1,1] w = {2}", "float[1,1,1] w = {2}",
                              "float[1,1,1,1] w = {2}", "float[1,1,1,1,1] w = {2}"}) {
    for (const std::string& node : nodes) {
      for (const char* in : {"float[1,1,4,4]", "float[1,1]", "float[3]"}) {
        for (const char* out : {"float[1,1,4,4]", "float[1,1]", "float[1]"}) {
          for (const auto& [first, second] : kInputs) {
            const std::string text =
                absl::Substitute("g ($0 x) => ($1 y) <$2> { a = Mul(x, x) y = $3 }", in, out, weights,
                                 absl::Substitute(node, first, second));
            const Graph graph = ParseGraph(text);
            for (const Backend* backend : AllBackends()) {
              SCOPED_TRACE(absl::StrCat(backend->name(), ": ", text));
              Facts facts(&graph);
              const absl::StatusOr<GraphEstimate> estimate =
                  EstimateGraph(graph, facts, *backend, Parameters(backend->parameters()));
              EXPECT_TRUE(estimate.ok() || absl::IsInvalidArgument(estimate.status())) << estimate.status();
            }
          }
        }
      }
    }
  }
}

TEST(EstimatePropertiesTest, AnOpenBatchCountsAsOne) {
  const Graph open = ParseGraph("g (float[N,4,4,4] x) => (y) { y = Relu(x) }");
  const Graph one = ParseGraph("g (float[1,4,4,4] x) => (y) { y = Relu(x) }");
  const GraphEstimate guessed = Estimate(open, "jstprove_expander", {}, {"chunk_bits=12"});
  EXPECT_EQ(Price(guessed), Price(Estimate(one, "jstprove_expander")));
  EXPECT_TRUE(guessed.IsExact("constraints"));
  const Graph wide = ParseGraph("g (float[N,C,4,4] x) => (y) { y = Relu(x) }");
  EXPECT_FALSE(Estimate(wide, "jstprove_expander", {}, {"chunk_bits=12"}).IsExact("constraints"));
}

}  // namespace
}  // namespace dsperse
