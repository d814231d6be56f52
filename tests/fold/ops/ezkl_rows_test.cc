// The table of `ezkl` beside the tool.
#include <string>

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

class EzklRows : public ::testing::TestWithParam<EzklMeasured> {};

TEST_P(EzklRows, AreAsMeasured) {
  const Graph graph = ParseGraph(GetParam().model);
  Facts facts(&graph);
  EXPECT_EQ(Target::Find("ezkl")->WhyNot(graph, graph.node(FindOpNode(graph, GetParam().op)), facts), GetParam().why);
}

INSTANTIATE_TEST_SUITE_P(Ezkl, EzklRows, ::testing::ValuesIn(kEzklMeasured),
                         [](const ::testing::TestParamInfo<EzklMeasured>& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace dsperse
