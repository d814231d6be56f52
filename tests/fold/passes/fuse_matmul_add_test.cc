#include "fold/passes/fuse_matmul_add.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fold/passes/price_list.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"

namespace dsperse {
namespace {

using ::dsperse::testing::FindOpNode;
using ::dsperse::testing::MissTexts;
using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::PassResult;
using ::dsperse::testing::PriceList;
using ::dsperse::testing::RunFold;
using ::dsperse::testing::RunPass;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// `addend` is a declaration of c, as an input or an initializer.
std::string Model(absl::string_view inputs, absl::string_view constants, absl::string_view nodes,
                  absl::string_view outputs = "float[2, 3] z") {
  return absl::StrCat("g (", inputs, ") => (", outputs, ") ", constants.empty() ? "" : absl::StrCat("<", constants, ">"),
                      " { ", nodes, " }");
}

class AddendsThatFit : public ::testing::TestWithParam<const char*> {};

TEST_P(AddendsThatFit, BecomeTheC) {
  for (const char* add : {"z = Add(y, c)", "z = Add(c, y)"}) {
    Graph graph = ParseGraph(Model(absl::StrCat("float[2, 4] a, float[4, 3] b, ", GetParam()), "",
                                   absl::StrCat("y = MatMul(a, b) ", add)));
    const PassResult result = RunPass(FuseMatMulAdd(), graph);
    EXPECT_TRUE(result.changed);
    EXPECT_EQ(Ops(graph), "Gemm");
    const NodeView gemm = graph.node(FindOpNode(graph, "Gemm"));
    EXPECT_EQ(graph.Name(gemm.input(2)), "c");
    EXPECT_EQ(result.remarks[0].text, "with 1 node before it fused into Gemm");
  }
}
INSTANTIATE_TEST_SUITE_P(Shapes, AddendsThatFit,
                         ::testing::Values("float[3] c", "float[1] c", "float c", "float[2, 3] c", "float[2, 1] c",
                                           "float[1, 3] c", "float[1, 1] c"));

TEST(FuseMatMulAdd, NamedDimensionsThatAreEqualFit) {
  Graph graph = ParseGraph("g (float[N, 4] a, float[4, M] b, float[N, M] c) => (float[N, M] z)"
                           " { y = MatMul(a, b) z = Add(y, c) }");
  EXPECT_TRUE(RunPass(FuseMatMulAdd(), graph).changed);
}

TEST(FuseMatMulAdd, OfTwoProductsTheOneWithoutAnotherReader) {
  Graph graph = ParseGraph("g (float[2, 2] a, float[2, 2] b) => (float[2, 2] z, float[2, 2] r)"
                           " { y = MatMul(a, b) u = MatMul(b, a) r = Relu(y) z = Add(y, u) }");
  EXPECT_TRUE(RunPass(FuseMatMulAdd(), graph).changed);
  EXPECT_EQ(Ops(graph), "MatMul Relu Gemm");
}

struct Declined {
  const char* model;
  const char* remark;
};
class MatMulAddDeclines : public ::testing::TestWithParam<Declined> {};

TEST_P(MatMulAddDeclines, WithARemark) {
  Graph graph = ParseGraph(GetParam().model);
  const PassResult result = RunPass(FuseMatMulAdd(), graph);
  EXPECT_FALSE(result.changed);
  EXPECT_THAT(MissTexts(result), ElementsAre(HasSubstr(GetParam().remark)));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, MatMulAddDeclines,
    ::testing::Values(
        Declined{"g (float[2, 4] a, float[4, 3] b, float[3] c) => (float[2, 3] z, float[2, 3] r)"
                 " { y = MatMul(a, b) z = Add(y, c) r = Relu(y) }",
                 "'y' has 2 readers"},
        Declined{"g (float[2, 4] a, float[4, 3] b, float[3] c) => (float[2, 3] z, float[2, 3] y)"
                 " { y = MatMul(a, b) z = Add(y, c) }",
                 "'y' is a graph output"},
        Declined{"g (float[2, 4] a, float[4, 3] b) => (float[2, 3] z) { y = MatMul(a, b) z = Add(y, y) }",
                 "'y' has 2 readers"},
        Declined{"g (float[2, 4] a, float[4, 3] b, float[3] c, bool t) => (float[2, 3] z)"
                 " { y = MatMul(a, b)"
                 "   z = If(t) <then_branch = h () => (float[2, 3] u) { u = Add(y, c) },"
                 "              else_branch = e () => (float[2, 3] v) { v = Relu(c) }> }",
                 "'y' is captured by a body"},
        Declined{"g (float[1, 2, 4] a, float[4, 3] b, float[3] c) => (float[1, 2, 3] z)"
                 " { y = MatMul(a, b) z = Add(y, c) }",
                 "'a' of shape [1, 2, 4] is no matrix"},
        Declined{"g (float[4] a, float[4, 3] b, float[3] c) => (float[3] z) { y = MatMul(a, b) z = Add(y, c) }",
                 "'a' of shape [4] is no matrix"},
        Declined{"g (float[2, 4] a, float[4] b, float[2] c) => (float[2] z) { y = MatMul(a, b) z = Add(y, c) }",
                 "'b' of shape [4] is no matrix"},
        Declined{"g (int32[2, 4] a, int32[4, 3] b, int32[3] c) => (int32[2, 3] z) { y = MatMul(a, b) z = Add(y, c) }",
                 "the product's type is int32"},
        Declined{"g (float[1, 4] a, float[4, 3] b, float[2, 3] c) => (float[2, 3] z)"
                 " { y = MatMul(a, b) z = Add(y, c) }",
                 "'c' of shape [2, 3] could change the product's [1, 3]"},
        Declined{"g (float[2, 4] a, float[4, 3] b, float[1, 1, 3] c) => (float[1, 2, 3] z)"
                 " { y = MatMul(a, b) z = Add(y, c) }",
                 "'c' of shape [1, 1, 3] could change"},
        Declined{"g (float[N, 4] a, float[4, 3] b, float[M, 3] c) => (float[K, 3] z)"
                 " { y = MatMul(a, b) z = Add(y, c) }",
                 "'c' of shape [M, 3] could change the product's [N, 3]"}));

TEST(FuseMatMulAdd, AddsOfOtherThingsAreNotWorthARemark) {
  Graph graph = ParseGraph("g (float[2, 3] a) => (float[2, 3] z) { y = Relu(a) z = Add(y, a) }");
  const PassResult result = RunPass(FuseMatMulAdd(), graph);
  EXPECT_FALSE(result.changed);
  EXPECT_THAT(MissTexts(result), IsEmpty());
}

// ---- with a target ----

constexpr char kProduct[] =
    "g (float[2, 4] a) => (float[2, 3] z)"
    " <float[4, 3] b = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3}, float[3] c = {1, 2, 3}>"
    " { y = MatMul(a, b) z = Add(y, c) }";

TEST(FuseMatMulAdd, IsNotInTheDefaultList) {
  Graph graph = ParseGraph(kProduct);
  RunFold(graph);
  EXPECT_EQ(Ops(graph), "MatMul Add");
  FoldOptions named;
  named.passes = "+fuse_matmul_add";
  RunFold(graph, named);
  EXPECT_EQ(Ops(graph), "Gemm");
}

FoldOptions ForTarget(absl::string_view target, std::map<std::string, uint64_t> prices) {
  FoldOptions options;
  options.target = Target::Find(target);
  options.pricer = PriceList(std::move(prices));
  return options;
}

TEST(FuseMatMulAdd, ATargetDecidesByItsPrice) {
  Graph cheaper = ParseGraph(kProduct);
  RunFold(cheaper, ForTarget("ezkl", {{"MatMul", 10}, {"Add", 3}, {"Gemm", 12}}));
  EXPECT_EQ(Ops(cheaper), "Gemm");
  Graph equal = ParseGraph(kProduct);
  RunFold(equal, ForTarget("ezkl", {{"MatMul", 10}, {"Add", 3}, {"Gemm", 13}}));
  EXPECT_EQ(Ops(equal), "Gemm");
  Graph dearer = ParseGraph(kProduct);
  const FoldReport report = RunFold(dearer, ForTarget("ezkl", {{"MatMul", 10}, {"Add", 3}, {"Gemm", 14}}));
  EXPECT_EQ(Ops(dearer), "MatMul Add");
  EXPECT_THAT(report.remarks, ElementsAre(::testing::Field(&Remark::text, "a Gemm is dearer: 13 → 14 units")));
  // Named or not: with a target the target decides.
  FoldOptions named = ForTarget("ezkl", {{"MatMul", 10}, {"Add", 3}, {"Gemm", 14}});
  named.passes = "fuse_matmul_add";
  RunFold(dearer, named);
  EXPECT_EQ(Ops(dearer), "MatMul Add");
  FoldOptions without = ForTarget("ezkl", {{"MatMul", 10}, {"Add", 3}, {"Gemm", 1}});
  without.passes = "-fuse_matmul_add";
  RunFold(dearer, without);
  EXPECT_EQ(Ops(dearer), "MatMul Add");
}

TEST(FuseMatMulAdd, ATargetThatDoesNotProveTheTwoGetsTheGemmAtAnyPrice) {
  // JSTprove takes an added constant for another number, but not the C of a Gemm.
  Graph graph = ParseGraph(kProduct);
  RunFold(graph, ForTarget("jstprove", {{"MatMul", 10}, {"Add", 3}, {"Gemm", 14}}));
  EXPECT_EQ(Ops(graph), "Gemm");
}

TEST(FuseMatMulAdd, ATargetThatDoesNotProveTheGemmIsNotGivenOne) {
  // JSTprove's C is constant.
  Graph graph = ParseGraph("g (float[2, 4] a, float[3] c) => (float[2, 3] z)"
                           " <float[4, 3] b = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3}>"
                           " { y = MatMul(a, b) z = Add(y, c) }");
  const FoldReport report = RunFold(graph, ForTarget("jstprove", {{"MatMul", 10}, {"Add", 3}, {"Gemm", 1}}));
  EXPECT_EQ(Ops(graph), "MatMul Add");
  EXPECT_THAT(report.remarks, ElementsAre(::testing::Field(&Remark::text, "jstprove does not prove the Gemm: C is not constant")));
  RunFold(graph, ForTarget("ezkl", {{"MatMul", 10}, {"Add", 3}, {"Gemm", 1}}));
  EXPECT_EQ(Ops(graph), "Gemm");
}

TEST(FuseMatMulAdd, WithoutPricesOrShapesATargetGetsNone) {
  FoldOptions no_prices = ForTarget("ezkl", {});
  no_prices.pricer = nullptr;
  Graph graph = ParseGraph(kProduct);
  FoldReport report = RunFold(graph, no_prices);
  EXPECT_THAT(report.remarks, ElementsAre(::testing::Field(&Remark::text, "nothing tells what a Gemm costs")));
  report = RunFold(graph, ForTarget("ezkl", {{"MatMul", 1}, {"Add", 1}}));
  EXPECT_THAT(report.remarks, ElementsAre(::testing::Field(&Remark::text, "nothing tells what a Gemm costs")));
  Graph open = ParseGraph("g (float[N, 4] a, float[4, 3] b, float[3] c) => (float[N, 3] z)"
                          " { y = MatMul(a, b) z = Add(y, c) }");
  report = RunFold(open, ForTarget("ezkl", {{"MatMul", 10}, {"Add", 3}, {"Gemm", 1}}));
  EXPECT_THAT(report.remarks, ElementsAre(::testing::Field(
                                  &Remark::text, "the shapes that decide about its price are not known")));
}

}  // namespace
}  // namespace dsperse
