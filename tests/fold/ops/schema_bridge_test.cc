// Nodes that make no sense must not take the process down: the library's shape functions divide by
// attributes and index by them.
#include "fold/ops/schema_bridge.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/tensor_proto.h"
#include "fold/ops/facts.h"
#include "gtest/gtest.h"
#include "tests/fold/ops/nonsense.h"
#include "tests/fold/ops/onnx_cases.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

using testing::Nonsense;
using testing::Schemas;

void SurviveNonsense(uint64_t seeds) {
  std::vector<OnnxCase> operators;
  for (size_t i = 0; i < Schemas().size(); ++i) operators.push_back({absl::StrCat(i), "", {}, {}});
  const auto infer = [&](const OnnxCase& test) -> CaseResult {
    const onnx::OpSchema& schema = Schemas()[std::stoul(test.name)];
    for (uint64_t seed = 0; seed < seeds; ++seed) {
      const absl::StatusOr<Graph> graph = Graph::Import(
          Nonsense(seed).Model(schema), std::make_shared<PayloadTable>(), "nonsense");
      if (!graph.ok()) continue;
      Facts facts(&*graph);
      facts.InferAll().IgnoreError();
    }
    return {test.name, Verdict::kRight, ""};
  };
  for (const CaseResult& result : RunCases(operators, infer)) {
    const onnx::OpSchema& schema = Schemas()[std::stoul(result.name)];
    EXPECT_LE(result.verdict, Verdict::kUnsupported)
        << schema.domain() << "." << schema.Name() << " " << schema.SinceVersion() << ": "
        << result.reason;
  }
}

// The library would lay out a length for each.
TEST(SchemaBridge, LooksAtNoMoreOutputsThanThereAre) {
  const Graph graph = testing::ParseGraph(
      "<ir_version: 8, opset_import: [\"\" : 18]> g (float[4] x) => (y, z) { y, z = Split<num_outputs = 1099511627776>(x) }");
  Facts facts(&graph);
  const NodeView split = graph.node(graph.FirstNode(graph.main()));
  EXPECT_FALSE(facts.ShapeOf(split.output(0)).has_rank());
  EXPECT_EQ(facts.Problem(split.id()), "num_outputs is 1099511627776, it has 2 outputs");
}

TEST(SchemaBridge, SurvivesNonsense) { SurviveNonsense(40); }

TEST(SchemaBridge, SurvivesMoreNonsenseFullRun) { SurviveNonsense(3000); }

}  // namespace
}  // namespace dsperse
