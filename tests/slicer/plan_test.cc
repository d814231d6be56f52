#include "slicer/plan.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "slicer/budget_policy.h"
#include "slicer/orders.h"
#include "slicer/sequence.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

using ::dsperse::testing::ParseGraph;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Prices a node by its operator and its place in the range: later nodes cost more, bits add up.
class ToyPricer : public RangePricer {
 public:
  explicit ToyPricer(const Graph* graph, SlicePrices prices = {50, 1, 2}) : graph_(graph), prices_(prices) {}
  void Begin() override {
    range_ = {};
    count_ = 0;
  }
  RangePrice Extend(NodeId node) override {
    const absl::string_view op = graph_->node(node).op_type();
    range_.price += 10 + static_cast<uint64_t>(7 * count_);
    range_.bits += op == "Sigmoid" ? 20 : 9;
    if (op == "Abs") range_.provable = false;
    ++count_;
    return range_;
  }
  SlicePrices slice_prices() const override { return prices_; }
  absl::string_view unit() const override { return "toys"; }

 private:
  const Graph* graph_;
  SlicePrices prices_;
  RangePrice range_;
  int count_ = 0;
};

std::vector<int> Begins(const Plan& plan) {
  std::vector<int> out;
  for (const Slice& s : plan.slices) out.push_back(s.begin);
  return out;
}

Plan PlanOf(const Graph& graph, const PlanOptions& options) {
  Facts facts(&graph);
  ToyPricer pricer(&graph);
  absl::StatusOr<Plan> plan = MakePlan(graph, facts, pricer, options);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.ok() ? *plan : Plan();
}

constexpr char kResidual[] = R"(
g (float[1,4] x) => (float[1,4] y) <float[4,4] w = {1,0,0,0,0,1,0,0,0,0,1,0,0,0,0,1}> {
  a = MatMul(x, w)
  b = Sigmoid(a)
  c = MatMul(b, w)
  d = Add(c, a)
  y = Relu(d)
})";

TEST(PlanTest, BoundariesOfAResidual) {
  const Graph graph = ParseGraph(kResidual);
  PlanOptions options;
  options.policy = Policy::kPoints;
  options.cuts = {"b"};
  const Plan plan = PlanOf(graph, options);
  ASSERT_EQ(plan.slices.size(), 2u);
  EXPECT_THAT(plan.slices[0].inputs, ElementsAre(graph.FindValue("x")));
  EXPECT_THAT(plan.slices[0].outputs, ElementsAre(graph.FindValue("a"), graph.FindValue("b")));
  EXPECT_THAT(plan.slices[1].inputs, ElementsAre(graph.FindValue("b"), graph.FindValue("a")));
  EXPECT_EQ(plan.slices[1].input_elements, 8);
  // 10 + 17 for two nodes, 50 a slice, 4 elements in, 8 out at 2.
  EXPECT_EQ(plan.slices[0].price, 27u + 50 + 4 + 16);
}

TEST(PlanTest, LayerBeginsAtEachLinearOperator) {
  PlanOptions options;
  options.policy = Policy::kLayer;
  EXPECT_THAT(Begins(PlanOf(ParseGraph(kResidual), options)), ElementsAre(0, 2));
}

// A grouped Conv as the lowering leaves it: parts of a Split, each through a Conv of its own.
std::string Grouped(int groups, absl::string_view name, absl::string_view x, absl::string_view y) {
  std::string parts, results, text;
  for (int i = 0; i < groups; ++i) {
    absl::StrAppend(&parts, i ? ", " : "", name, "p", i);
    absl::StrAppend(&results, i ? ", " : "", name, "r", i);
    absl::StrAppend(&text, name, "r", i, " = Conv(", name, "p", i, ", k)\n");
  }
  return absl::StrCat(parts, " = Split <axis = 1, num_outputs = ", groups, "> (", x, ")\n", text, y,
                      " = Concat <axis = 1> (", results, ")\n");
}

TEST(PlanTest, AGroupedConvIsOneLayer) {
  const Graph graph = ParseGraph(absl::StrCat(R"(
    <ir_version: 8, opset_import: ["": 18]>
    g (float[1,3,4,4] x) => (float[1,3,4,4] y) <float[1,1,1,1] k = {2}> {
      a = Relu(x)
    )", Grouped(3, "g", "a", "b"), R"(
      c = Relu(b)
    )", Grouped(3, "h", "c", "y"), "}"));
  PlanOptions options;
  options.policy = Policy::kLayer;
  EXPECT_THAT(Begins(PlanOf(graph, options)), ElementsAre(0, 1, 7));
}

// The small pointwise results between two wide groups are where a large graph is cut.
TEST(PlanTest, ALargeGraphIsCutAtNarrowPlaces) {
  constexpr int kGroups = 600;
  const Graph graph = ParseGraph(absl::StrCat(R"(
    <ir_version: 8, opset_import: ["": 18]>
    g (float[1,600,1,1] x) => (float[1,600,1,1] y) <float[1,1,1,1] k = {2}, int64[4] s = {1,600,1,1}> {
    )", Grouped(kGroups, "g", "x", "b"), R"(
      n = ReduceSum <keepdims = 1> (b)
      w = Expand(n, s)
    )", Grouped(kGroups, "h", "w", "y"), "}"));
  PlanOptions options;
  options.max_nodes = 1000;
  options.max_bits = 1 << 20;
  const Plan plan = PlanOf(graph, options);
  EXPECT_THAT(Begins(plan), ElementsAre(0, kGroups + 3));
}

// Places within a group serve where no slice reaches from one narrow place to the next.
TEST(PlanTest, ALargeGraphKeepsToItsLimits) {
  const Graph graph = ParseGraph(absl::StrCat(R"(
    <ir_version: 8, opset_import: ["": 18]>
    g (float[1,1200,1,1] x) => (float[1,1200,1,1] y) <float[1,1,1,1] k = {2}> {
    )", Grouped(1200, "g", "x", "y"), "}"));
  for (Minimize minimize : {Minimize::kTotal, Minimize::kLargest, Minimize::kSlices}) {
    PlanOptions options;
    options.minimize = minimize;
    options.max_nodes = 100;
    options.max_bits = 500;
    const Plan plan = PlanOf(graph, options);
    EXPECT_EQ(plan.slices.size(), 22u) << MinimizeName(minimize);  // 1,202 nodes, 55 at 9 bits each
    for (const Slice& slice : plan.slices) EXPECT_LE(slice.bits, 500);
  }
}

TEST(PlanTest, WholeIsOneSlice) {
  PlanOptions options;
  options.policy = Policy::kWhole;
  EXPECT_THAT(Begins(PlanOf(ParseGraph(kResidual), options)), ElementsAre(0));
}

TEST(PlanTest, UnknownCutIsAnError) {
  const Graph graph = ParseGraph(kResidual);
  Facts facts(&graph);
  ToyPricer pricer(&graph);
  PlanOptions options;
  options.policy = Policy::kPoints;
  options.cuts = {"nowhere"};
  const auto plan = MakePlan(graph, facts, pricer, options);
  EXPECT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(plan.status().message()), HasSubstr("'nowhere'"));
}

TEST(PlanTest, ANodeDearerThanTheBudgetStandsAlone) {
  PlanOptions options;
  options.budget = 65;  // a single node costs 10 + 50 + boundary
  const Plan plan = PlanOf(ParseGraph(kResidual), options);
  EXPECT_EQ(plan.slices.size(), 5u);
  for (const Slice& slice : plan.slices) EXPECT_TRUE(slice.over_budget);
}

TEST(PlanTest, BitsBoundASlice) {
  PlanOptions options;
  options.max_bits = 30;  // 9 + 20 fits, one more does not
  for (const Slice& slice : PlanOf(ParseGraph(kResidual), options).slices) {
    EXPECT_LE(slice.bits, 30);
    EXPECT_TRUE(slice.provable);
  }
}

TEST(PlanTest, UnprovableNodesCostNoNeighbourItsProof) {
  const Graph graph = ParseGraph(R"(
    g (float[4] x) => (float[4] y) { a = Sigmoid(x)  b = Abs(a)  c = Abs(b)  y = Sigmoid(c) })");
  const Plan plan = PlanOf(graph, {});
  EXPECT_THAT(Begins(plan), ElementsAre(0, 1, 3));
  EXPECT_TRUE(plan.slices[0].provable);
  EXPECT_FALSE(plan.slices[1].provable);
  EXPECT_THAT(plan.slices[1].reason, HasSubstr("refuses"));
}

TEST(PlanTest, MaxNodesBoundsASlice) {
  PlanOptions options;
  options.max_nodes = 2;
  for (const Slice& s : PlanOf(ParseGraph(kResidual), options).slices) EXPECT_LE(s.end - s.begin, 2);
}

TEST(PlanTest, MaxNodesMayBeAnyNumber) {
  const Graph graph = ParseGraph(kResidual);
  for (Policy policy : {Policy::kBudget, Policy::kLayer}) {
    PlanOptions options;
    options.policy = policy;
    const std::vector<int> begins = Begins(PlanOf(graph, options));
    options.max_nodes = std::numeric_limits<int>::max();
    EXPECT_EQ(Begins(PlanOf(graph, options)), begins) << PolicyName(policy);
  }
}

TEST(PlanTest, ElementsThatExceedTheirTypeTogetherAreRefused) {
  const Graph graph = ParseGraph(R"(
    g (float[2, 2305843009213693952] x) => (float[2, 2305843009213693952] z) {
      a = Sigmoid(x)  b = Sigmoid(x)  z = Add(a, b) })");
  Facts facts(&graph);
  ToyPricer pricer(&graph);
  for (Policy policy : {Policy::kBudget, Policy::kLayer, Policy::kWhole}) {
    PlanOptions options;
    options.policy = policy;
    const auto plan = MakePlan(graph, facts, pricer, options);
    EXPECT_EQ(plan.status().code(), absl::StatusCode::kResourceExhausted) << plan.status();
  }
}

TEST(PlanTest, ACaptureThatIsNoInputOfItsSliceIsFound) {
  const Graph graph = ParseGraph(R"(
    g (bool c, float[2] x) => (float[2] y) {
      a = Relu(x)
      y = If(c) < then_branch = t () => (float[2] p) { p = Neg(a) },
                  else_branch = e () => (float[2] r) { r = Identity(a) } >
    })");
  PlanOptions options;
  options.policy = Policy::kPoints;
  options.cuts = {"a"};
  Plan plan = PlanOf(graph, options);
  EXPECT_TRUE(CheckPlan(graph, plan).ok());
  ASSERT_EQ(plan.slices[1].inputs.back(), graph.FindValue("a"));
  plan.slices[1].inputs.pop_back();
  EXPECT_EQ(CheckPlan(graph, plan).code(), absl::StatusCode::kInternal);
}

TEST(PlanTest, ABodysCapturesAreInputsOfItsSlice) {
  const Graph graph = ParseGraph(R"(
    g (bool c, float[2] x) => (float[2] y) {
      a = Relu(x)
      b = Neg(x)
      y = If(c) < then_branch = t () => (float[2] p) { p = Neg(a) },
                  else_branch = e () => (float[2] r) { r = Identity(b) } >
    })");
  PlanOptions options;
  options.policy = Policy::kPoints;
  options.cuts = {"b"};
  const Plan plan = PlanOf(graph, options);
  EXPECT_THAT(plan.slices[1].inputs,
              ElementsAre(graph.FindValue("c"), graph.FindValue("a"), graph.FindValue("b")));
}

TEST(PlanTest, UnknownShapesNameTheFlag) {
  const Graph graph = ParseGraph("g (float[N,4] x) => (float[N,4] y) { a = Relu(x)  y = Neg(a) }");
  Facts facts(&graph);
  ToyPricer pricer(&graph);
  const auto plan = MakePlan(graph, facts, pricer, {});
  EXPECT_EQ(plan.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(plan.status().message()), HasSubstr("--input-shape"));
}

// A random graph of elementwise nodes over earlier values.
std::string RandomGraph(std::mt19937& random, int nodes) {
  std::string text = "g (float[3] v0) => (float[3] out) {\n";
  for (int i = 1; i <= nodes; ++i) {
    const int a = static_cast<int>(random() % static_cast<unsigned>(i));
    const int b = static_cast<int>(random() % static_cast<unsigned>(i));
    switch (random() % 4) {
      case 0: absl::StrAppend(&text, "v", i, " = Sigmoid(v", a, ")\n"); break;
      case 1: absl::StrAppend(&text, "v", i, " = Abs(v", a, ")\n"); break;
      default: absl::StrAppend(&text, "v", i, " = Add(v", a, ", v", b, ")\n");
    }
  }
  return absl::StrCat(text, "out = Neg(v", nodes, ") }");
}

// What the programme minimises, for one choice of cuts in one order; nullopt where a limit is broken.
std::optional<std::pair<uint64_t, uint64_t>> Score(const Graph& graph, const Sequence& sequence,
                                                   const std::vector<int>& begins,
                                                   const PlanOptions& options) {
  ToyPricer pricer(&graph);
  uint64_t total = 0, largest = 0;
  for (size_t i = 0; i < begins.size(); ++i) {
    const int begin = begins[i];
    const int end = i + 1 < begins.size() ? begins[i + 1] : sequence.size();
    if (end - begin > options.max_nodes) return std::nullopt;
    pricer.Begin();
    RangePrice range;
    bool proves = false, fails = false;
    for (int p = begin; p < end; ++p) {
      const bool bad = graph.node(sequence.node(p)).Is("Abs");
      (bad ? fails : proves) = true;
      range = pricer.Extend(sequence.node(p));
    }
    int64_t in = 0, out = 0;
    for (ValueId v : sequence.LiveIn(begin, end)) in += sequence.Elements(v);
    for (ValueId v : sequence.LiveOut(begin, end)) out += sequence.Elements(v);
    const uint64_t price = SlicePrice(range.price, in, out, pricer.slice_prices());
    if (end - begin > 1) {
      if (proves && fails) return std::nullopt;
      if (!fails && range.bits > options.max_bits) return std::nullopt;
      if (options.budget && price > *options.budget) return std::nullopt;
    }
    total += price;
    largest = std::max(largest, price);
  }
  switch (options.minimize) {
    case Minimize::kTotal: return std::pair(total, begins.size());
    case Minimize::kSlices: return std::pair(begins.size(), total);
    case Minimize::kLargest: return std::pair(largest, total);
  }
  return std::nullopt;
}

TEST(PlanTest, BudgetIsOptimalForEveryOrder) {
  std::mt19937 random(7);
  for (int round = 0; round < 60; ++round) {
    const Graph graph = ParseGraph(RandomGraph(random, 3 + static_cast<int>(random() % 6)));
    Facts facts(&graph);
    for (Minimize minimize : {Minimize::kTotal, Minimize::kLargest, Minimize::kSlices}) {
      PlanOptions options;
      options.minimize = minimize;
      options.max_bits = 20 + static_cast<int>(random() % 60);
      options.max_nodes = 2 + static_cast<int>(random() % 8);
      if (random() % 2) options.budget = 60 + random() % 150;
      std::optional<std::pair<uint64_t, uint64_t>> best;
      for (const NamedOrder& order : TopologicalOrders(graph, facts)) {
        const Sequence sequence = *Sequence::Make(graph, facts, order.order);
        const int n = sequence.size();
        for (uint32_t mask = 0; mask < (1u << (n - 1)); ++mask) {
          std::vector<int> begins = {0};
          for (int p = 1; p < n; ++p) {
            if (mask >> (p - 1) & 1) begins.push_back(p);
          }
          const auto score = Score(graph, sequence, begins, options);
          if (score && (!best || *score < *best)) best = score;
        }
      }
      ASSERT_TRUE(best);
      const Plan plan = PlanOf(graph, options);
      const Sequence sequence = *Sequence::Make(graph, facts, plan.order);
      EXPECT_EQ(Score(graph, sequence, Begins(plan), options), best)
          << MinimizeName(minimize) << "\n" << ::dsperse::testing::PrintGraph(graph);
    }
  }
}

TEST(OrdersTest, AllAreTopologicalAndDiffer) {
  const Graph graph = ParseGraph(R"(
    g (float[4] x) => (float[4] y) {
      a = Relu(x)  b = Sigmoid(x)  c = Relu(a)  d = Sigmoid(b)  y = Add(c, d) })");
  Facts facts(&graph);
  const auto orders = TopologicalOrders(graph, facts);
  EXPECT_GE(orders.size(), 2u);
  for (const NamedOrder& order : orders) {
    std::set<int> placed;
    for (NodeId n : order.order) {
      for (ValueId v : graph.node(n).inputs()) {
        const NodeId producer = graph.Producer(v);
        EXPECT_TRUE(!producer.valid() || placed.count(producer.index)) << order.name;
      }
      placed.insert(n.index);
    }
    EXPECT_EQ(placed.size(), 5u);
  }
}

}  // namespace
}  // namespace dsperse
