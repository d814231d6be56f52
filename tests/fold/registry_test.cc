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

std::vector<std::string> WithTarget(absl::string_view text) {
  std::vector<std::string> names;
  for (const Pass* pass : PassesOf(*ParsePassList(text), true)) names.emplace_back(pass->name());
  return names;
}

TEST(ParsePassList, ATargetBringsPassesToTheDefaultListOnly) {
  std::vector<std::string> all;
  for (const RegisteredPass& entry : RegisteredPasses()) all.emplace_back(entry.pass->name());
  EXPECT_EQ(WithTarget(""), all);
  EXPECT_LT(Names("").size(), all.size());
  EXPECT_THAT(WithTarget("-fuse_matmul_add"), Not(::testing::Contains("fuse_matmul_add")));
  EXPECT_THAT(WithTarget("-fuse_matmul_add"), ::testing::Contains("fuse_activations"));
  EXPECT_EQ(WithTarget("dsperse"), Names("dsperse"));
  EXPECT_EQ(WithTarget("fuse_affine"), Names("fuse_affine"));
  EXPECT_THAT(WithTarget("none"), IsEmpty());
}

TEST(PassListText, IsANormalFormThatReadsBack) {
  for (const char* text : {"", "default", "none", "dsperse", "-fuse_affine", "+fuse_matmul_add", "-fuse_matmul_add",
                           "dsperse,+fuse_affine,-fold_constants", "fuse_affine", "none,+fuse_affine",
                           "eliminate_dead_nodes,fuse_matmul_add"}) {
    const PassList list = *ParsePassList(text);
    const std::string normal = PassListText(list);
    EXPECT_EQ(Names(normal), Names(text)) << normal;
    EXPECT_EQ(WithTarget(normal), WithTarget(text)) << normal;
    EXPECT_EQ(PassListText(*ParsePassList(normal)), normal);
  }
  EXPECT_EQ(PassListText(*ParsePassList("")), "default");
  EXPECT_EQ(PassListText(*ParsePassList("+fuse_affine")), "default");
  EXPECT_EQ(PassListText(*ParsePassList("none,+fuse_affine")), "fuse_affine");
  EXPECT_EQ(PassListText(*ParsePassList("-fuse_matmul_add,-fuse_affine")), "default,-fuse_affine,-fuse_matmul_add");
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
