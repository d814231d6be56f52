#include "fold/passes/fuse_activations.h"

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
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

std::string WithOpset(int opset, absl::string_view graph) {
  return absl::StrCat("<ir_version: 8, opset_import: [\"\" : ", opset, "]> ", graph);
}

// What a form becomes; "" for `remark`: it is no candidate.
struct Case {
  int opset;
  std::string model;
  std::string remark;
};

void ExpectFused(int opset, const std::string& model, const std::string& op) {
  Graph graph = ParseGraph(WithOpset(opset, model));
  const PassResult result = RunPass(FuseActivations(), graph);
  EXPECT_TRUE(result.changed) << model << "\n" << ::testing::PrintToString(MissTexts(result));
  EXPECT_EQ(Ops(graph), op) << model;
}

void ExpectDeclined(const Case& c) {
  Graph graph = ParseGraph(WithOpset(c.opset, c.model));
  const PassResult result = RunPass(FuseActivations(), graph);
  EXPECT_FALSE(result.changed) << c.model;
  if (c.remark.empty()) {
    EXPECT_THAT(MissTexts(result), IsEmpty()) << c.model;
  } else {
    EXPECT_THAT(MissTexts(result), ElementsAre(HasSubstr(c.remark))) << c.model;
  }
}

// ---- HardSwish ----

constexpr char kHardSwish[] =
    "g (float[N, 8] x) => (float[N, 8] y) { s = HardSigmoid<alpha = 0.16666667, beta = 0.5>(x) y = Mul(x, s) }";

TEST(HardSwish, IsTheInputTimesItsHardSigmoid) {
  ExpectFused(14, kHardSwish, "HardSwish");
  ExpectFused(17, absl::StrReplaceAll(kHardSwish, {{"Mul(x, s)", "Mul(s, x)"}, {", beta = 0.5", ""}}), "HardSwish");
}

TEST(HardSwish, Declines) {
  const std::string model = kHardSwish;
  ExpectDeclined({13, model, ""});
  ExpectDeclined({17, absl::StrReplaceAll(model, {{"alpha = 0.16666667, ", ""}}), "factors 0.2 and 0.5"});
  ExpectDeclined({17, absl::StrReplaceAll(model, {{"beta = 0.5", "beta = 0.25"}}), "and 0.25"});
  ExpectDeclined({17, absl::StrReplaceAll(model, {{"Mul(x, s)", "Mul(s, s)"}}), ""});
  ExpectDeclined({17, "g (float[N, 8] x, float[N, 8] t) => (float[N, 8] y)"
                      " { s = HardSigmoid<alpha = 0.16666667>(x) y = Mul(t, s) }", ""});
  ExpectDeclined({17, absl::StrReplaceAll(model, {{"[N, 8] y)", "[N, 8] y, float[N, 8] s)"}}), "'s' is a graph output"});
  ExpectDeclined({17, absl::StrReplaceAll(model, {{"[N, 8] y)", "[N, 8] y, float[N, 8] r)"}, {"y = ", "r = Relu(s) y = "}}),
                  "'s' has 2 readers"});
}

// ---- Gelu ----

constexpr char kGelu[] =
    "g (float[2, 8] x) => (float[2, 8] y)"
    " <float root = {1.41421356}, float one = {1}, float half = {0.5}>"
    " { u = Div(x, root) e = Erf(u) p = Add(e, one) i = Mul(x, p) y = Mul(i, half) }";

TEST(Gelu, IsFoundInAnyOrderOfItsProduct) {
  const std::string model = kGelu;
  ExpectFused(20, model, "Gelu");
  ExpectFused(20, absl::StrReplaceAll(model, {{"Mul(i, half)", "Mul(half, i)"}, {"Add(e, one)", "Add(one, e)"}}), "Gelu");
  ExpectFused(20, absl::StrReplaceAll(model, {{"Mul(x, p)", "Mul(x, half)"}, {"Mul(i, half)", "Mul(i, p)"}}), "Gelu");
  ExpectFused(20, absl::StrReplaceAll(model, {{"Mul(x, p)", "Mul(half, x)"}, {"Mul(i, half)", "Mul(p, i)"}}), "Gelu");
  ExpectFused(20, absl::StrReplaceAll(model, {{"Mul(x, p)", "Mul(half, p)"}, {"Mul(i, half)", "Mul(x, i)"}}), "Gelu");
  ExpectFused(20, absl::StrReplaceAll(model, {{"1.41421356", "0.70710678"}, {"Div(x, root)", "Mul(x, root)"}}), "Gelu");
  ExpectFused(20, absl::StrReplaceAll(model, {{"1.41421356", "0.70710678"}, {"Div(x, root)", "Mul(root, x)"}}), "Gelu");
  ExpectFused(20, absl::StrReplaceAll(model, {{"float root", "float[1, 1] root"}}), "Gelu");
  ExpectFused(20, absl::StrReplaceAll(model, {{"float", "double"}, {"1.41421356", "1.4142135623730951"}}), "Gelu");
}

TEST(Gelu, Declines) {
  const std::string model = kGelu;
  ExpectDeclined({19, model, ""});
  ExpectDeclined({20, absl::StrReplaceAll(model, {{"{0.5}", "{0.25}"}}), "'half' is not 0.5"});
  ExpectDeclined({20, absl::StrReplaceAll(model, {{"{1}", "{2}"}}), "'one' is not 1"});
  ExpectDeclined({20, absl::StrReplaceAll(model, {{"1.41421356", "1.4143"}}), "'root' is not √2"});
  // The nearest float is not the nearest double.
  ExpectDeclined({20, absl::StrReplaceAll(model, {{"float", "double"}}), "'root' is not √2"});
  ExpectDeclined({20, absl::StrReplaceAll(model, {{"Div(x, root)", "Mul(x, root)"}}), "'root' is not 1/√2"});
  // √2 / x is another function.
  ExpectDeclined({20, absl::StrReplaceAll(model, {{"Div(x, root)", "Div(root, x)"}}), ""});
  ExpectDeclined({20, absl::StrReplaceAll(model, {{"float half", "float[1, 1, 1] half"}, {"(float[2, 8] y)", "(float[1, 2, 8] y)"}}),
                  "'half' is not 0.5"});
  ExpectDeclined({20, absl::StrReplaceAll(model, {{"float one", "float[8] one"}, {"{1}", "{1, 1, 1, 1, 1, 1, 1, 1}"}}), "'one' is not 1"});
  ExpectDeclined({20, absl::StrReplaceAll(model, {{"Mul(x, p)", "Mul(u, p)"}}), ""});
  ExpectDeclined({20, absl::StrReplaceAll(model, {{"float[2, 8] x", "float[2, 8] x, float[2, 8] t"}, {"Mul(x, p)", "Mul(t, p)"}}), ""});
  for (const std::string value : {"u", "e", "p", "i"}) {
    ExpectDeclined({20, absl::StrReplaceAll(model, {{"float[2, 8] y)", "float[2, 8] y, float[2, 8] " + value + ")"}}),
                    "'" + value + "' is a graph output"});
    ExpectDeclined({20, absl::StrReplaceAll(model, {{"float[2, 8] y)", "float[2, 8] y, float[2, 8] r)"},
                                                    {" }", " r = Relu(" + value + ") }"}}),
                    "'" + value + "' has 2 readers"});
  }
}

TEST(Gelu, OfHalfPrecisionDeclines) {
  Graph graph = ParseGraph(WithOpset(20,
      "g (float16[2, 8] x, float16 r) => (float16[2, 8] y)"
      " { u = Div(x, r) e = Erf(u) p = Add(e, r) i = Mul(x, p) y = Mul(i, r) }"));
  EXPECT_THAT(MissTexts(RunPass(FuseActivations(), graph)), ElementsAre("a Gelu of type float16"));
}

// ---- LayerNormalization ----

constexpr char kLayerNorm[] =
    "g (float[2, 3, 4] x) => (float[2, 3, 4] y)"
    " <float two = {2}, float eps = {0.00001}, float[4] w = {1, 2, 3, 4}, float[4] b = {4, 3, 2, 1}>"
    " { m = ReduceMean<axes = [-1]>(x) d = Sub(x, m) q = Pow(d, two) v = ReduceMean<axes = [2]>(q) a = Add(v, eps)"
    "   s = Sqrt(a) n = Div(d, s) k = Mul(n, w) y = Add(k, b) }";

TEST(LayerNormalization, IsFoundInItsForms) {
  const std::string model = kLayerNorm;
  ExpectFused(17, model, "LayerNormalization");
  ExpectFused(17, absl::StrReplaceAll(model, {{"Mul(n, w)", "Mul(w, n)"}, {"Add(k, b)", "Add(b, k)"}, {"Add(v, eps)", "Add(eps, v)"}}),
              "LayerNormalization");
  ExpectFused(17, absl::StrReplaceAll(model, {{"Pow(d, two)", "Mul(d, d)"}}), "LayerNormalization");
  ExpectFused(17, absl::StrReplaceAll(model, {{"n = Div(d, s)", "h = Reciprocal(s) n = Mul(d, h)"}}), "LayerNormalization");
  ExpectFused(17, absl::StrReplaceAll(model, {{"n = Div(d, s)", "h = Reciprocal(s) n = Mul(h, d)"}}), "LayerNormalization");
  // Without a bias, with and without something else behind it.
  ExpectFused(17, absl::StrReplaceAll(model, {{"k = Mul(n, w) y = Add(k, b)", "y = Mul(n, w)"}}), "LayerNormalization");
  ExpectFused(17, absl::StrReplaceAll(model, {{"y = Add(k, b)", "y = Relu(k)"}}), "LayerNormalization Relu");
  ExpectFused(17, absl::StrReplaceAll(model, {{"y = Add(k, b)", "y = Add(k, x)"}}), "LayerNormalization Add");
  // Over the last two axes; axes as an input.
  ExpectFused(17, absl::StrReplaceAll(model, {{"axes = [-1]", "axes = [1, -1]"}, {"axes = [2]", "axes = [-1, -2]"},
                                              {"float[4]", "float[3, 4]"}, {"{1, 2, 3, 4}", "{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}"},
                                              {"{4, 3, 2, 1}", "{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}"}}),
              "LayerNormalization");
  ExpectFused(18, absl::StrReplaceAll(model, {{"<axes = [-1]>(x)", "(x, last)"}, {"<axes = [2]>(q)", "(q, last)"},
                                              {"<float two", "<int64[1] last = {-1}, float two"}}),
              "LayerNormalization");
  ExpectFused(17, absl::StrReplaceAll(model, {{"<axes = [-1]>", ""}, {"<axes = [2]>", ""}, {"float[2, 3, 4]", "float[4]"}}),
              "LayerNormalization");
}

TEST(LayerNormalization, KeepsAxisAndEpsilon) {
  Graph graph = ParseGraph(WithOpset(17, absl::StrReplaceAll(kLayerNorm, {{"0.00001", "0.5"}})));
  EXPECT_TRUE(RunPass(FuseActivations(), graph).changed);
  const NodeView node = graph.node(FindOpNode(graph, "LayerNormalization"));
  EXPECT_EQ(node.Int("axis", 0), -1);
  EXPECT_EQ(node.Float("epsilon", 0), 0.5f);
  EXPECT_EQ(node.num_inputs(), 3);
}

TEST(LayerNormalization, Declines) {
  const std::string model = kLayerNorm;
  ExpectDeclined({16, model, ""});
  ExpectDeclined({17, absl::StrReplaceAll(model, {{"float", "double"}}), "a LayerNormalization of type double"});
  const char* means = "its means are not over the same last axes, which they keep";
  ExpectDeclined({17, absl::StrReplaceAll(model, {{"axes = [2]", "axes = [1, 2]"}}), means});
  ExpectDeclined({17, absl::StrReplaceAll(model, {{"axes = [2]", "axes = [1]"}, {"axes = [-1]", "axes = [1]"}}), means});
  ExpectDeclined({17, absl::StrReplaceAll(model, {{"<axes = [-1]>", "<axes = [-1], keepdims = 0>"}, {"[2, 3, 4]", "[4, 4, 4]"}}), means});
  ExpectDeclined({17, absl::StrReplaceAll(model, {{"<axes = [2]>", "<axes = [2], keepdims = 0>"}, {"[2, 3, 4]", "[4, 4, 4]"}}), means});
  ExpectDeclined({17, absl::StrReplaceAll(model, {{"{2}", "{3}"}}), "'two' is not 2"});
  ExpectDeclined({17, absl::StrReplaceAll(model, {{"Pow(d, two)", "Mul(d, x)"}}), ""});
  ExpectDeclined({17, absl::StrReplaceAll(model, {{"Pow(d, two)", "Pow(x, two)"}}), ""});
  ExpectDeclined({17, absl::StrReplaceAll(model, {{"Sub(x, m)", "Sub(m, x)"}}), ""});
  ExpectDeclined({17, absl::StrReplaceAll(model, {{"Div(d, s)", "Div(s, d)"}}), ""});
  ExpectDeclined({17, absl::StrReplaceAll(model, {{"Div(d, s)", "Div(x, s)"}}), ""});
  ExpectDeclined({17, absl::StrReplaceAll(model, {{"float eps = {0.00001}", "float[4] eps = {1, 1, 1, 1}"}}), "'eps' is not one constant number"});
  ExpectDeclined({17, absl::StrReplaceAll(model, {{"float eps = {0.00001}", "float[1, 1, 1, 1] eps = {1}"}, {"(float[2, 3, 4] y)", "(float[1, 2, 3, 4] y)"}}),
                  "'eps' is not one constant number"});
  ExpectDeclined({17, absl::StrReplaceAll(model, {{"float[4] w = {1, 2, 3, 4}", "float[1] w = {2}"}}), "'w' of shape [1] is not of the shape"});
  ExpectDeclined({17, absl::StrReplaceAll(model, {{"float[4] w", "float[1, 4] w"}}), "'w' of shape [1, 4] is not of the shape"});
  for (const std::string value : {"m", "d", "q", "v", "a", "s", "n"}) {
    ExpectDeclined({17, absl::StrReplaceAll(model, {{" y = Add", " r = Relu(" + value + ") y = Add"},
                                                    {"float[2, 3, 4] y)", "float[2, 3, 4] y, float[2, 3, k] r)"}}),
                    absl::StrCat("'", value, "' has ")});
  }
  ExpectDeclined({17, absl::StrReplaceAll(model, {{"Pow(d, two)", "Mul(d, d)"}, {"float[2, 3, 4] y)", "float[2, 3, 4] y, float[2, 3, 4] d)"}}),
                  "'d' is a graph output"});
}

TEST(LayerNormalization, ABiasOfAnotherShapeStaysAnAdd) {
  ExpectFused(17, absl::StrReplaceAll(kLayerNorm, {{"float[4] b = {4, 3, 2, 1}", "float[1] b = {4}"}}),
              "LayerNormalization Add");
}

TEST(LayerNormalization, WithAScaledResultThatOthersReadKeepsTheAdd) {
  ExpectFused(17, absl::StrReplaceAll(kLayerNorm, {{"float[2, 3, 4] y)", "float[2, 3, 4] y, float[2, 3, 4] k)"}}),
              "LayerNormalization Add");
}

// ---- when they run ----

TEST(FuseActivations, IsNotInTheDefaultList) {
  Graph graph = ParseGraph(WithOpset(17, kHardSwish));
  RunFold(graph);
  EXPECT_EQ(Ops(graph), "HardSigmoid Mul");
  FoldOptions named;
  named.passes = "+fuse_activations";
  RunFold(graph, named);
  EXPECT_EQ(Ops(graph), "HardSwish");
}

TEST(FuseActivations, ATargetThatProvesOnlyTheResultGetsIt) {
  // JSTprove has no HardSigmoid, whatever it costs.
  Graph graph = ParseGraph(WithOpset(17, absl::StrReplaceAll(kHardSwish, {{"N", "2"}})));
  FoldOptions options;
  options.target = Target::Find("jstprove");
  options.pricer = PriceList({{"HardSwish", 100}, {"Mul", 1}});
  FoldOptions exact = options;
  exact.pass_options.exact = true;
  const FoldReport report = RunFold(graph, exact);
  EXPECT_EQ(Ops(graph), "HardSigmoid Mul");
  EXPECT_THAT(report.remarks, ElementsAre(::testing::Field(
                                  &Remark::text, "a HardSwish would be rounded otherwise, which --exact forbids")));
  RunFold(graph, options);
  EXPECT_EQ(Ops(graph), "HardSwish");
}

TEST(FuseActivations, ATargetIsNotGivenWhatItDoesNotProve) {
  Graph graph = ParseGraph(WithOpset(20, kGelu));
  FoldOptions options;
  options.passes = "+fuse_activations";
  options.target = Target::Find("ezkl");
  options.pricer = PriceList({{"Gelu", 1}, {"Mul", 10}, {"Add", 10}, {"Div", 10}, {"Erf", 10}});
  const FoldReport report = RunFold(graph, options);
  EXPECT_EQ(Ops(graph), "Div Erf Add Mul Mul");
  EXPECT_THAT(report.remarks, ElementsAre(::testing::Field(&Remark::text, HasSubstr("ezkl does not prove the Gelu"))));
}

}  // namespace
}  // namespace dsperse
