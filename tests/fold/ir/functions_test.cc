#include "fold/ir/functions.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "onnx/onnx_pb.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

using ::testing::HasSubstr;

// Inlines in a parsed model; its main graph's operators, or the error.
struct Inlined {
  absl::Status status;
  std::unique_ptr<onnx::ModelProto> model;
  std::string ops;
};

Inlined Inline(absl::string_view text, InlineLimits limits = {}) {
  Inlined result;
  result.model = testing::ParseModel(text);
  result.status = InlineFunctions("m.onnx", limits, result.model.get());
  for (const onnx::NodeProto& node : result.model->graph().node()) {
    result.ops += (result.ops.empty() ? "" : " ") + node.op_type();
  }
  return result;
}

void ExpectError(const Inlined& inlined, absl::StatusCode code, const std::string& message) {
  EXPECT_EQ(inlined.status.code(), code) << inlined.status;
  EXPECT_THAT(std::string(inlined.status.message()), HasSubstr("m.onnx: "));
  EXPECT_THAT(std::string(inlined.status.message()), HasSubstr(message));
}

constexpr char kHeader[] = R"(<ir_version: 8, opset_import: ["" : 17, "d" : 1]>
)";

TEST(InlineFunctions, ReplacesCallsInsideCalls) {
  const Inlined inlined = Inline(std::string(kHeader) + R"(
    g (float[N] x) => (float[N] y) { t = d.twice(x)  y = d.twice(t) }
    <domain: "d", opset_import: ["" : 17, "d" : 1]>
    once (a) => (b) { b = Relu(a) }
    <domain: "d", opset_import: ["" : 17, "d" : 1]>
    twice (a) => (b) { t = d.once(a)  u = d.once(t)  b = Neg(u) })");
  ASSERT_TRUE(inlined.status.ok()) << inlined.status;
  EXPECT_EQ(inlined.ops, "Relu Relu Neg Relu Relu Neg");
  EXPECT_EQ(inlined.model->functions_size(), 0);
}

TEST(InlineFunctions, ReplacesCallsInBodies) {
  const Inlined inlined = Inline(std::string(kHeader) + R"(
    g (bool c, float[N] x) => (float[N] y) {
      y = If (c) <then_branch = a () => (float[N] p) { p = d.f(x) },
                  else_branch = b () => (float[N] q) { q = Neg(x) }>
    }
    <domain: "d", opset_import: ["" : 17]>
    f (a) => (b) { b = Relu(a) })");
  ASSERT_TRUE(inlined.status.ok()) << inlined.status;
  EXPECT_EQ(inlined.model->graph().node(0).attribute(0).g().node(0).op_type(), "Relu");
}

TEST(InlineFunctions, BindsAttributesAndTheirDefaults) {
  const Inlined inlined = Inline(std::string(kHeader) + R"(
    g (float[N] x) => (float[N] y) { t = d.outer<alpha = 0.5>(x)  y = d.outer(t) }
    <domain: "d", opset_import: ["" : 17, "d" : 1]>
    outer <alpha: float = 0.25> (a) => (b) { b = d.inner<alpha: float = @alpha>(a) }
    <domain: "d", opset_import: ["" : 17]>
    inner <alpha: float = 0.125> (a) => (b) { b = LeakyRelu<alpha: float = @alpha>(a) })");
  ASSERT_TRUE(inlined.status.ok()) << inlined.status;
  ASSERT_EQ(inlined.ops, "LeakyRelu LeakyRelu");
  EXPECT_EQ(inlined.model->graph().node(0).attribute(0).f(), 0.5f);
  EXPECT_EQ(inlined.model->graph().node(1).attribute(0).f(), 0.25f);
}

TEST(InlineFunctions, RefusesAnAbsentAttributeHandedToADefault) {
  ExpectError(Inline(std::string(kHeader) + R"(
    g (float[N] x) => (float[N] y) { y = d.outer(x) }
    <domain: "d", opset_import: ["" : 17, "d" : 1]>
    outer <beta> (a) => (b) { b = d.inner<alpha: float = @beta>(a) }
    <domain: "d", opset_import: ["" : 17]>
    inner <alpha: float = 0.125> (a) => (b) { b = LeakyRelu<alpha: float = @alpha>(a) })"),
              absl::StatusCode::kUnimplemented, "without attribute 'beta'");
}

TEST(InlineFunctions, ImportsTheOpsetsOfFunctions) {
  const Inlined inlined = Inline(R"(<ir_version: 8, opset_import: ["" : 17, "d" : 1]>
    g (float[N] x) => (float[N] y) { y = d.f(x) }
    <domain: "d", opset_import: ["" : 17, "e" : 3]>
    f (a) => (b) { b = e.Other(a) })");
  ASSERT_TRUE(inlined.status.ok()) << inlined.status;
  ASSERT_EQ(inlined.model->opset_import_size(), 3);
  EXPECT_EQ(inlined.model->opset_import(2).domain(), "e");
  EXPECT_EQ(inlined.model->opset_import(2).version(), 3);
}

TEST(InlineFunctions, TakesAnotherOpsetWhereItsOperatorsAreTheSame) {
  const std::string body = R"(
    g (float[N] x) => (float[N] y) { y = d.f(x) }
    <domain: "d", opset_import: ["" : 16]>
    f (a) => (b) { b = )";
  // Relu is what it was in opset 14; ReduceMax changed in 18.
  const Inlined same = Inline(std::string(kHeader) + body + "Relu(a) }");
  ASSERT_TRUE(same.status.ok()) << same.status;
  EXPECT_EQ(same.ops, "Relu");
  ExpectError(Inline(R"(<ir_version: 8, opset_import: ["" : 18, "d" : 1]>)" + body +
                     "ReduceMax(a) }"),
              absl::StatusCode::kUnimplemented,
              "function 'd::f' needs opset 16 of domain '', where the model imports 18");
  ExpectError(Inline(std::string(kHeader) + body + "Imaginary(a) }"),
              absl::StatusCode::kUnimplemented, "needs opset 16");
}

TEST(InlineFunctions, RefusesRecursion) {
  ExpectError(Inline(std::string(kHeader) + R"(
    g (float[N] x) => (float[N] y) { y = d.f(x) }
    <domain: "d", opset_import: ["d" : 1]>
    f (a) => (b) { b = d.f(a) })"),
              absl::StatusCode::kInvalidArgument, "function 'd::f' calls itself: d::f -> d::f");
  ExpectError(Inline(std::string(kHeader) + R"(
    g (float[N] x) => (float[N] y) { y = Relu(x) }
    <domain: "d", opset_import: ["d" : 1]>
    f (a) => (b) { b = d.h(a) }
    <domain: "d", opset_import: ["d" : 1]>
    h (a) => (b) { b = d.f(a) })"),
              absl::StatusCode::kInvalidArgument, "d::f -> d::h -> d::f");
}

// f0 holds one Relu, each next function calls the one before it `calls` times.
std::string Tower(int height, int calls) {
  std::string text = std::string(kHeader) + "g (float[N] x) => (float[N] y) { y = d.f" +
                     std::to_string(height) + "(x) }\n";
  for (int i = 0; i <= height; ++i) {
    text += "<domain: \"d\", opset_import: [\"\" : 17, \"d\" : 1]>\nf" + std::to_string(i) +
            " (v0) => (v" + std::to_string(calls) + ") { ";
    for (int k = 0; k < calls; ++k) {
      text += "v" + std::to_string(k + 1) + " = " +
              (i == 0 ? "Relu" : "d.f" + std::to_string(i - 1)) + "(v" + std::to_string(k) + ") ";
    }
    text += "}\n";
  }
  return text;
}

TEST(InlineFunctions, LimitsTheSizeOfTheResult) {
  InlineLimits limits;
  limits.max_nodes = 1 << 17;
  ExpectError(Inline(Tower(17, 2), limits), absl::StatusCode::kResourceExhausted,
              "has 262144 nodes once its functions are inlined, more than the 131072 allowed");
  ExpectError(Inline(Tower(62, 2), limits), absl::StatusCode::kResourceExhausted,
              "more than the 131072 allowed");
  const Inlined inlined = Inline(Tower(9, 2), limits);
  ASSERT_TRUE(inlined.status.ok()) << inlined.status;
  EXPECT_EQ(inlined.model->graph().node_size(), 1024);
  limits.max_bytes = 1000;
  ExpectError(Inline(Tower(9, 2), limits), absl::StatusCode::kResourceExhausted,
              "more than the 1000 allowed");
}

TEST(InlineFunctions, CountsAttributesThatAreBoundManyTimes) {
  std::string text = std::string(kHeader) +
                     "g (float[N] x) => (float[N] y) { y = d.f<s = \"" + std::string(500, 's') +
                     R"(">(x) }
    <domain: "d", opset_import: ["" : 17]>
    f <s> (a) => (b) { )";
  for (int i = 0; i < 100; ++i) text += "a" + std::to_string(i) + " = d.Op<s: string = @s>(a) ";
  text += "b = Relu(a) }";
  InlineLimits limits;
  limits.max_bytes = 20000;
  ExpectError(Inline(text, limits), absl::StatusCode::kResourceExhausted, "bytes");
  limits.max_bytes = 100000;
  EXPECT_TRUE(Inline(text, limits).status.ok());
}

TEST(InlineFunctions, LimitsTheDepthOfCalls) {
  EXPECT_TRUE(Inline(Tower(60, 1)).status.ok());
  ExpectError(Inline(Tower(70, 1)), absl::StatusCode::kResourceExhausted, "nesting too deep");
}

TEST(InlineFunctions, LimitsGraphsInsideEachOther) {
  std::string text = std::string(kHeader) + "g (bool c, float[N] x) => (float[N] y) { y = d.f40(c, x) }\n";
  for (int i = 0; i <= 40; ++i) {
    const std::string call = i == 0 ? "Relu(x)" : "d.f" + std::to_string(i - 1) + "(c, x)";
    text += "<domain: \"d\", opset_import: [\"\" : 17, \"d\" : 1]>\nf" + std::to_string(i) +
            " (c, x) => (y) { y = If (c) <then_branch = a () => (float[N] p) { p = " + call +
            " }, else_branch = b () => (float[N] q) { q = Neg(x) }> }\n";
  }
  ExpectError(Inline(text), absl::StatusCode::kResourceExhausted, "41 graphs inside each other");
}

TEST(InlineFunctions, RefusesCallsThatDoNotFit) {
  ExpectError(Inline(std::string(kHeader) + R"(
    g (float[N] x) => (float[N] y) { y = d.f(x, x) }
    <domain: "d", opset_import: ["" : 17]>
    f (a) => (b) { b = Relu(a) })"),
              absl::StatusCode::kInvalidArgument,
              "calls function 'd::f' with 2 inputs and 1 outputs, it has 1 and 1");
  ExpectError(Inline(std::string(kHeader) + R"(
    g (float[N] x) => (float[N] y) { y = d.f<body = s () => (float[N] p) { p = Relu(x) }>(x) }
    <domain: "d", opset_import: ["" : 17]>
    f <body> (a) => (b) { b = Relu(a) })"),
              absl::StatusCode::kUnimplemented, "with a graph as attribute 'body'");
}

TEST(InlineFunctions, RefusesTwoOfOneName) {
  ExpectError(Inline(std::string(kHeader) + R"(
    g (float[N] x) => (float[N] y) { y = d.f(x) }
    <domain: "d", opset_import: ["" : 17]>
    f (a) => (b) { b = Relu(a) }
    <domain: "d", opset_import: ["" : 17]>
    f (a) => (b) { b = Neg(a) })"),
              absl::StatusCode::kInvalidArgument, "two functions are named 'd::f'");
}

TEST(InlineFunctions, TokensSurvive) {
  std::unique_ptr<onnx::ModelProto> model = testing::ParseModel(std::string(kHeader) + R"(
    g (float[N] x) => (float[N] y) { t = d.f(x)  y = d.f(t) }
    <domain: "d", opset_import: ["" : 17]>
    f (a) => (b) { c = Constant<value = float[1] {1}>() b = Add(a, c) })");
  onnx::TensorProto* value =
      model->mutable_functions(0)->mutable_node(0)->mutable_attribute(0)->mutable_t();
  value->mutable_unknown_fields()->AddVarint(0x1FFFFF00, 5);
  ASSERT_TRUE(InlineFunctions("m.onnx", {}, model.get()).ok());
  for (const int i : {0, 2}) {
    ASSERT_EQ(model->graph().node(i).op_type(), "Constant");
    const auto& unknown = model->graph().node(i).attribute(0).t().unknown_fields();
    ASSERT_EQ(unknown.field_count(), 1);
    EXPECT_EQ(unknown.field(0).varint(), 5u);
  }
}

TEST(InlineFunctions, LimitsNodesWithoutFunctionsToo) {
  InlineLimits limits;
  limits.max_nodes = 1;
  ExpectError(Inline(std::string(kHeader) + "g (float[N] x) => (float[N] y) { t = Relu(x) y = Relu(t) }",
                     limits),
              absl::StatusCode::kResourceExhausted, "has 2 nodes, more than the 1 allowed");
}

}  // namespace
}  // namespace dsperse
