// A Conv of many products as Gemm: the same results, and where it stays.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "fold/fold_model.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fold/lowering/lowering_options.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"

namespace dsperse {
namespace {

using ::dsperse::testing::LoweringForJstprove;
using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::RunFold;
using ::testing::Contains;
using ::testing::HasSubstr;

// An initializer whose elements tell places apart.
std::string Varied(const std::string& name, const std::vector<int64_t>& dims) {
  int64_t count = 1;
  for (int64_t size : dims) count *= size;
  std::vector<std::string> elements;
  for (int64_t i = 0; i < count; ++i) elements.push_back(absl::StrCat((i * 37 % 19 - 9) / 32.0 + 1.0 / 64));
  return absl::StrCat("float[", absl::StrJoin(dims, ","), "] ", name, " = {", absl::StrJoin(elements, ","), "}");
}

// A Conv of 16 channels to 8, by a kernel of 3 × 3: 144 products an element.
struct Model {
  std::string input = "1, 16, 6, 6", output = "1, 8, 6, 6";
  std::vector<int64_t> kernel = {8, 16, 3, 3};
  std::string attributes = "kernel_shape = [3, 3], strides = [1, 1], dilations = [1, 1], pads = [1, 1, 1, 1]";
  std::string operands = "x, w, b";
  std::string header = "";
  std::string rest = "";  // nodes
  std::string inputs = "";

  std::string text() const {
    return absl::StrCat(header, "g (float[", input, "] x", inputs, ") => (float[", output, "] y) <", Varied("w", kernel), ", ",
                        Varied("b", {kernel[0]}), "> { ", rest, "y = Conv<", attributes, ">(", operands, ") }");
  }
};

constexpr char kOpset9[] = R"(<ir_version: 4, opset_import: ["" : 9]> )";

struct Case {
  const char* name;
  Model model;
  const char* ops;
};

class ConvProducts : public ::testing::TestWithParam<Case> {};

TEST_P(ConvProducts, AreWrittenOrLeft) {
  Graph graph = ParseGraph(GetParam().model.text());
  RunFold(graph, LoweringForJstprove());
  EXPECT_EQ(Ops(graph), GetParam().ops);
}

std::string CaseName(const ::testing::TestParamInfo<Case>& tested) { return tested.param.name; }

constexpr char kWritten[] = "Reshape Pad Gather Reshape Gemm Transpose Reshape";
constexpr char kStrided[] = "kernel_shape = [3, 3], strides = [2, 1], dilations = [1, 1], pads = [0, 1, 2, 0]";
constexpr char kPoint[] = "kernel_shape = [1, 1], strides = [1, 1], dilations = [1, 1], pads = [0, 0, 0, 0]";
constexpr char kPointStrided[] = "kernel_shape = [1, 1], strides = [2, 2], dilations = [1, 1]";

INSTANTIATE_TEST_SUITE_P(
    Written, ConvProducts,
    ::testing::Values(Case{"Padded", {}, kWritten}, Case{"InOpset9", {.header = kOpset9}, kWritten},
                      Case{"WithoutABias", {.operands = "x, w"}, kWritten},
                      Case{"WithStridesAndUnevenPads",
                           {.input = "1, 16, 9, 7", .output = "1, 8, 5, 6", .attributes = kStrided}, kWritten},
                      Case{"NotPadded",
                           {.input = "1, 16, 7, 6", .output = "1, 8, 5, 4",
                            .attributes = "kernel_shape = [3, 3], strides = [1, 1], dilations = [1, 1]"},
                           "Reshape Gather Reshape Gemm Transpose Reshape"},
                      Case{"OfPoints",
                           {.input = "1, 128, 4, 4", .output = "1, 8, 4, 4", .kernel = {8, 128, 1, 1}, .attributes = kPoint},
                           "Reshape Gemm Transpose Reshape"},
                      Case{"OfPointsApart",
                           {.input = "1, 128, 7, 7", .output = "1, 8, 4, 4", .kernel = {8, 128, 1, 1},
                            .attributes = kPointStrided},
                           "Reshape Gather Reshape Gemm Transpose Reshape"}),
    CaseName);

INSTANTIATE_TEST_SUITE_P(
    Left, ConvProducts,
    ::testing::Values(
        // 72 products an element, 9 of which each of 8 rows is checked by.
        Case{"OfFewProducts", {.input = "1, 8, 6, 6", .kernel = {8, 8, 3, 3}}, "Conv"},
        // One row or one column is checked by as many products as it has.
        Case{"OfOnePosition", {.input = "1, 16, 1, 1", .output = "1, 8, 1, 1"}, "Conv"},
        Case{"OfOneKernel", {.output = "1, 1, 6, 6", .kernel = {1, 16, 3, 3}}, "Conv"},
        Case{"OfTwoImages", {.input = "2, 16, 6, 6", .output = "2, 8, 6, 6"}, "Conv"},
        Case{"OfAnyImage", {.input = "1, 16, H, W", .output = "1, 8, H, W"}, "Conv"},
        Case{"OfTooManyPatches",
             {.input = "1, 16, 512, 64", .output = "1, 8, 512, 64"}, "Conv"},
        Case{"WithAComputedBias", {.operands = "x, w, v", .inputs = ", float[8] v"}, "Conv"},
        Case{"WhereImagesAreResized",
             {.input = "1, 16, 3, 3",
              .operands = "r, w, b",
              .rest = "s = Constant<value = float[4] {1, 1, 2, 2}>() r = Resize(x, , s) "},
             "Constant Resize Conv"}),
    CaseName);

TEST(ConvProductsTest, GroupsAndDilationsAreWrittenOutFirst) {
  Graph graph = ParseGraph(Model{.input = "1, 32, 6, 6", .output = "1, 16, 6, 6", .kernel = {16, 16, 3, 3},
                                 .attributes = "group = 2, pads = [1, 1, 1, 1]"}
                               .text());
  RunFold(graph, LoweringForJstprove());
  EXPECT_EQ(Ops(graph), absl::StrCat("Split ", kWritten, " ", kWritten, " Concat"));
}

TEST(ConvProductsTest, BatchNormalizationsBehindAreFusedFirst) {
  FoldOptions options = LoweringForJstprove();
  options.passes = "";
  std::string text = Model().text();
  text.replace(text.find("y = Conv"), 1, "c");
  text.replace(text.rfind('}'), 1, "y = BatchNormalization(c, b, b, b, e) }");
  text.replace(text.find("> {"), 1, ", float[8] e = {1, 2, 3, 4, 5, 6, 7, 8}>");
  Graph graph = ParseGraph(text);
  RunFold(graph, options, {.tolerance = 1e-4});
  EXPECT_EQ(Ops(graph), kWritten);
}

TEST(ConvProductsTest, OnlyTargetsThatCheckProductsWantIt) {
  FoldOptions options = LoweringForJstprove();
  options.target = Target::Find("ezkl");
  Graph graph = ParseGraph(Model().text());
  RunFold(graph, options);
  EXPECT_EQ(Ops(graph), "Conv");
}

TEST(ConvProductsTest, SumsTheSameProducts) {
  Graph graph = ParseGraph(Model().text());
  const FoldReport report = RunFold(graph, LoweringForJstprove(/*exact=*/true));
  EXPECT_EQ(Ops(graph), kWritten);
  std::vector<std::string> texts;
  for (const Remark& remark : report.remarks) texts.push_back(remark.text);
  EXPECT_THAT(texts, Contains(HasSubstr("written as Gemm: 41472 products checked by 6624 (same sum)")));
}

}  // namespace
}  // namespace dsperse
