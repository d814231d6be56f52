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

TEST(SchemaBridge, SurvivesNonsense) { SurviveNonsense(40); }

TEST(SchemaBridge, SurvivesMoreNonsenseFullRun) { SurviveNonsense(3000); }

}  // namespace
}  // namespace dsperse
