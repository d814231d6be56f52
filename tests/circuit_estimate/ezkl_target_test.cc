// The target `ezkl` and the pricer `ezkl_halo2` describe one tool: what the target proves has a price.
#include <string>

#include "circuit_estimate/estimate_graph.h"
#include "fold/ops/target.h"
#include "gtest/gtest.h"
#include "tests/support/ezkl_measured.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

using testing::EzklMeasured;
using testing::FindOpNode;
using testing::kEzklMeasured;
using testing::ParseGraph;

TEST(EzklTargetTest, WhatThePricerRefusesTheTargetRefuses) {
  const Backend* backend = FindBackend("ezkl_halo2");
  const Target* target = Target::Find("ezkl");
  for (const EzklMeasured& c : kEzklMeasured) {
    SCOPED_TRACE(c.model);
    const Graph graph = ParseGraph(c.model);
    Facts facts(&graph);
    const absl::StatusOr<GraphEstimate> estimate =
        EstimateGraph(graph, facts, *backend, Parameters(backend->parameters()));
    ASSERT_TRUE(estimate.ok()) << estimate.status();
    std::string refused;
    for (NodeId n : graph.AllNodes()) {
      if (!target->Proves(graph, graph.node(n), facts)) refused += std::string(graph.node(n).op_type());
    }
    if (refused.empty()) {
      EXPECT_TRUE(estimate->unsupported.empty()) << estimate->unsupported[0].reason;
    }
  }
}

}  // namespace
}  // namespace dsperse
