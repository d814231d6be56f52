#include "fold/registry.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dsperse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

std::vector<std::string> Names(absl::string_view text) {
  const absl::StatusOr<PassList> list = ParsePassList(text);
  EXPECT_TRUE(list.ok()) << list.status();
  std::vector<std::string> names;
  if (!list.ok()) return names;
  for (const Pass* pass : list->passes) names.emplace_back(pass->name());
  return names;
}

std::string ErrorOf(absl::string_view text) {
  return std::string(ParsePassList(text).status().message());
}

TEST(ParsePassList, EmptyIsTheDefaultList) {
  std::vector<std::string> expected;
  for (const RegisteredPass& entry : RegisteredPasses()) {
    if (entry.by_default) expected.emplace_back(entry.pass->name());
  }
  EXPECT_EQ(Names(""), expected);
  EXPECT_EQ(Names("default"), expected);
}

TEST(ParsePassList, NamesAloneAreTheWholeListInTheRegistrysOrder) {
  EXPECT_THAT(Names("eliminate_dead_nodes, eliminate_identity_ops"),
              ElementsAre("eliminate_identity_ops", "eliminate_dead_nodes"));
  EXPECT_THAT(Names("none"), IsEmpty());
}

TEST(ParsePassList, SignsChangeAList) {
  EXPECT_THAT(Names("-fuse_conv_batchnorm"), Not(::testing::Contains("fuse_conv_batchnorm")));
  EXPECT_EQ(Names("+fuse_conv_batchnorm"), Names(""));
  EXPECT_THAT(Names("none,+eliminate_dead_nodes"), ElementsAre("eliminate_dead_nodes"));
}

TEST(ParsePassList, DsperseFoldsBatchNormOnlyBesideConstantNodes) {
  EXPECT_TRUE(ParsePassList("dsperse")->batchnorm_needs_constant_node);
  EXPECT_FALSE(ParsePassList("")->batchnorm_needs_constant_node);
  EXPECT_THAT(Names("dsperse"), IsSupersetOf({"eliminate_identity_ops", "eliminate_dead_nodes"}));
}

TEST(ParsePassList, Errors) {
  EXPECT_EQ(ErrorOf("eliminate_dead_node"),
            "there is no pass 'eliminate_dead_node'; did you mean 'eliminate_dead_nodes'?");
  EXPECT_EQ(ErrorOf("+zzz"), "there is no pass 'zzz'");
  EXPECT_THAT(ErrorOf("eliminate_dead_nodes,+fuse_conv_batchnorm"), HasSubstr("not both"));
  EXPECT_THAT(ErrorOf("+fuse_conv_batchnorm,eliminate_dead_nodes"), HasSubstr("not both"));
  EXPECT_THAT(ErrorOf("eliminate_dead_nodes,,"), HasSubstr("empty entry"));
}

}  // namespace
}  // namespace dsperse
