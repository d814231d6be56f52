#include "fold/pipeline.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

using ::dsperse::testing::FindOpNode;
using ::dsperse::testing::ParseGraph;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Graph SmallGraph() {
  return ParseGraph("g (float[2] x) => (float[2] y) { a = Neg(x) y = Neg(a) }");
}

// A pass that does what the test says, and remembers when it ran.
class ScriptedPass : public Pass {
 public:
  using Script = std::function<absl::StatusOr<bool>(Graph&, PassContext&)>;
  ScriptedPass(std::string name, std::vector<std::string>* log, Script script, int phase = 0)
      : name_(std::move(name)), log_(log), script_(std::move(script)), phase_(phase) {}
  absl::string_view name() const override { return name_; }
  absl::string_view summary() const override { return "for the test"; }
  int phase() const override { return phase_; }
  absl::StatusOr<bool> Run(Graph& graph, PassContext& context) const override {
    log_->push_back(name_);
    return script_(graph, context);
  }

 private:
  std::string name_;
  std::vector<std::string>* log_;
  mutable Script script_;
  int phase_;
};

// Changes the graph in its first `times` runs.
ScriptedPass::Script Times(int times) {
  return [left = times](Graph&, PassContext&) mutable -> absl::StatusOr<bool> { return left-- > 0; };
}

TEST(RunPipeline, StopsWhenEveryPassHasSeenTheFinalGraph) {
  Graph graph = SmallGraph();
  PassContext context(&graph, {});
  std::vector<std::string> log;
  const ScriptedPass a("a", &log, Times(0)), b("b", &log, Times(1)), c("c", &log, Times(0));
  const auto result = RunPipeline({&a, &b, &c}, graph, context);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->changed);
  // c saw what b left; a and b have to look again.
  EXPECT_THAT(log, ElementsAre("a", "b", "c", "a", "b"));
  EXPECT_EQ(result->passes[1].runs, 2);
  EXPECT_EQ(result->passes[1].changes, 1);
}

TEST(RunPipeline, LaterPhasesWaitForTheFixedPoint) {
  Graph graph = SmallGraph();
  PassContext context(&graph, {});
  std::vector<std::string> log;
  const ScriptedPass late("late", &log, Times(1), 1), early("early", &log, Times(2));
  ASSERT_TRUE(RunPipeline({&late, &early}, graph, context).ok());
  EXPECT_THAT(log, ElementsAre("early", "early", "early", "late", "early", "late"));
}

TEST(RunPipeline, EmptyListDoesNothing) {
  Graph graph = SmallGraph();
  PassContext context(&graph, {});
  const auto result = RunPipeline({}, graph, context);
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result->changed);
}

TEST(RunPipeline, PassesThatUndoEachOtherAreAnInternalError) {
  Graph graph = SmallGraph();
  PassContext context(&graph, {});
  std::vector<std::string> log;
  const ScriptedPass a("restless", &log, Times(1 << 20));
  const auto result = RunPipeline({&a}, graph, context);
  EXPECT_TRUE(absl::IsInternal(result.status()));
  EXPECT_THAT(std::string(result.status().message()),
              HasSubstr("no fixed point after 100 rounds; the last pass that changed the graph is "
                        "restless"));
}

// What is inferred anew each time must not keep it busy for ever either.
TEST(RunPipeline, APassThatFindsMoreWheneverFactsAreNewIsAnInternalError) {
  Graph graph = SmallGraph();
  PassContext context(&graph, {});
  std::vector<std::string> log;
  const ScriptedPass a("restless", &log, [runs = 0](Graph&, PassContext& c) mutable -> absl::StatusOr<bool> {
    c.facts();
    return runs++ % 2 == 0;
  });
  const auto result = RunPipeline({&a}, graph, context);
  EXPECT_TRUE(absl::IsInternal(result.status()));
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("no fixed point after 100 rounds"));
}

TEST(RunPipeline, NamesThePassThatFailed) {
  Graph graph = SmallGraph();
  PassContext context(&graph, {});
  std::vector<std::string> log;
  const ScriptedPass a("reader", &log, [](Graph&, PassContext&) -> absl::StatusOr<bool> {
    return absl::DataLossError("m.onnx: short");
  });
  const auto result = RunPipeline({&a}, graph, context);
  EXPECT_TRUE(absl::IsDataLoss(result.status()));
  EXPECT_EQ(result.status().message(), "failed in reader: m.onnx: short");
}

TEST(RunPipeline, VerifiesAfterEachPassWhenAsked) {
  Graph graph = SmallGraph();
  PassContext context(&graph, {});
  std::vector<std::string> log;
  // Two nodes that read each other: the order of the block is broken.
  const ScriptedPass a("breaker", &log, [](Graph& g, PassContext&) -> absl::StatusOr<bool> {
    const NodeId first = FindOpNode(g, "Neg"), second = FindOpNode(g, "Neg", 1);
    g.SetInput(first, 0, g.node(second).output());
    return true;
  });
  PipelineOptions options;
  options.verify_each = true;
  const auto result = RunPipeline({&a}, graph, context, options);
  EXPECT_TRUE(absl::IsInternal(result.status()));
  EXPECT_THAT(std::string(result.status().message()), ::testing::StartsWith("failed after breaker: "));
}

TEST(RunPipeline, CountsWhatAPassRemoves) {
  Graph graph = ParseGraph(R"(
    g (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { a = Add(x, w) y = Neg(x) })");
  PassContext context(&graph, {});
  std::vector<std::string> log;
  const ScriptedPass a("remover", &log, [](Graph& g, PassContext&) -> absl::StatusOr<bool> {
    if (!g.FindValue("w").valid()) return false;
    g.RemoveNode(FindOpNode(g, "Add"));
    g.RemoveInitializer(g.FindValue("w"));
    return true;
  });
  const auto result = RunPipeline({&a}, graph, context);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->passes[0].nodes, -1);
  EXPECT_EQ(result->passes[0].initializers, -1);
  EXPECT_EQ(result->passes[0].bytes, -8);
}

TEST(RunPipeline, KeepsTheMissesOfTheLastRunOnly) {
  Graph graph = SmallGraph();
  PassContext context(&graph, {});
  std::vector<std::string> log;
  const ScriptedPass a("a", &log, [runs = 0](Graph& g, PassContext& c) mutable -> absl::StatusOr<bool> {
    const NodeView node = g.node(FindOpNode(g, "Neg"));
    c.Missed(node, absl::StrCat("run ", ++runs));
    if (runs < 3) c.Applied(node, absl::StrCat("applied ", runs));
    return runs < 3;
  });
  ASSERT_TRUE(RunPipeline({&a}, graph, context).ok());
  std::vector<std::string> texts;
  for (const Remark& r : context.remarks()) texts.push_back(r.text);
  EXPECT_THAT(texts, ElementsAre("applied 1", "applied 2", "run 3"));
  // A second pipeline on the same graph: its misses take their place.
  ASSERT_TRUE(RunPipeline({&a}, graph, context).ok());
  texts.clear();
  for (const Remark& r : context.remarks()) texts.push_back(r.text);
  EXPECT_THAT(texts, ElementsAre("applied 1", "applied 2", "run 4"));
}

}  // namespace
}  // namespace dsperse
