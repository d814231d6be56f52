// What lowerings leave alone: the models are those of the other *_guards_test.cc.
#include <string>
#include <vector>

#include "fold/ops/target.h"
#include "fold/pass.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fold/lowering/guarded.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

using ::dsperse::testing::ExportAll;
using ::dsperse::testing::FallingPrices;
using ::dsperse::testing::FindLowering;
using ::dsperse::testing::Guarded;
using ::dsperse::testing::LoweringGuards;
using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::PrintGraph;

TEST_P(LoweringGuards, Hold) {
  const Guarded& c = GetParam();
  Graph graph = ParseGraph(c.model);
  const std::string before = ExportAll(graph);
  const Pass* pass = FindLowering(c.pass);
  ASSERT_NE(pass, nullptr);
  PassContext context(&graph, {});
  context.target = Target::Find("jstprove");
  context.pricer = FallingPrices();
  const absl::StatusOr<bool> changed = pass->Run(graph, context);
  ASSERT_TRUE(changed.ok()) << changed.status();
  ASSERT_FALSE(*changed) << Ops(graph);
  EXPECT_TRUE(ExportAll(graph) == before) << "changed, and doesn't say so\n" << PrintGraph(graph);
  std::vector<std::string> remarks;
  for (const Remark& remark : context.remarks()) remarks.push_back(remark.text);
  if (*c.remark == '\0') {
    EXPECT_THAT(remarks, ::testing::IsEmpty());
  } else {
    EXPECT_THAT(remarks, ::testing::ElementsAre(::testing::HasSubstr(c.remark)));
  }
}

}  // namespace
}  // namespace dsperse
