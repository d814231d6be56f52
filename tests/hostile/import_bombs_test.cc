// Models made to take a program down: each is loaded in time linear in its bytes, or refused in one
// line. Quadratic work would show as a test that doesn't end.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/fold_model.h"
#include "fold/ir/model_file.h"
#include "fold/ir/wire.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dsperse {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// ---- models, written in wire format: as messages they would take longer than the test ----

std::string Varint(uint32_t field, uint64_t value) {
  std::string out;
  AppendVarint(MakeTag(field, kVarint), &out);
  AppendVarint(value, &out);
  return out;
}

std::string Bytes(uint32_t field, absl::string_view value) {
  std::string out;
  AppendVarint(MakeTag(field, kBytes), &out);
  AppendVarint(value.size(), &out);
  out.append(value.data(), value.size());
  return out;
}

std::string Node(absl::string_view op, const std::vector<std::string>& inputs,
                 const std::vector<std::string>& outputs, absl::string_view attributes = "") {
  std::string node;
  for (const std::string& name : inputs) node += Bytes(1, name);
  for (const std::string& name : outputs) node += Bytes(2, name);
  node += Bytes(4, op);
  node.append(attributes.data(), attributes.size());
  return Bytes(1, node);
}

// A value of type float[1].
std::string Info(uint32_t field, absl::string_view name) {
  const std::string shape = Bytes(2, Bytes(1, Varint(1, 1)));
  return Bytes(field, Bytes(1, name) + Bytes(2, Bytes(1, Varint(1, 1) + shape)));
}

std::string Input(absl::string_view name) { return Info(11, name); }
std::string Output(absl::string_view name) { return Info(12, name); }

// A float with the dimensions.
std::string Initializer(absl::string_view name, const std::vector<uint64_t>& dims,
                        absl::string_view raw_data) {
  std::string tensor;
  for (const uint64_t dim : dims) tensor += Varint(1, dim);
  tensor += Varint(2, 1) + Bytes(8, name) + Bytes(9, raw_data);
  return Bytes(5, tensor);
}

std::string Model(absl::string_view graph) {
  return absl::StrCat(Varint(1, 8), Bytes(7, graph), Bytes(8, Varint(2, 17)));
}

// An If on `c` with these bodies.
std::string If(absl::string_view output, absl::string_view then_branch,
               absl::string_view else_branch) {
  const auto body = [](absl::string_view name, absl::string_view graph) {
    return Bytes(5, absl::StrCat(Bytes(1, name), Bytes(6, graph), Varint(20, 5)));
  };
  return Node("If", {"c"}, {std::string(output)},
              body("then_branch", then_branch) + body("else_branch", else_branch));
}

// x → v0 → v1 → … → y by `count` nodes; with `shared`, each reads that value too.
std::string Chain(absl::string_view op, int count, const std::string& shared = "") {
  std::string nodes;
  std::string last = "x";
  for (int i = 0; i < count; ++i) {
    std::string next = i + 1 == count ? "y" : absl::StrCat("v", i);
    std::vector<std::string> inputs = {last};
    if (!shared.empty()) inputs.push_back(shared);
    nodes += Node(op, inputs, {next});
    last = std::move(next);
  }
  return nodes;
}

// ---- what is checked ----

LoadedModel LoadValid(const std::string& bytes) {
  absl::StatusOr<LoadedModel> loaded = LoadModelFromBytes(bytes, "bomb.onnx");
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  if (!loaded.ok()) return {};
  return *std::move(loaded);
}

void ExpectRefused(const std::string& bytes, absl::StatusCode code, absl::string_view message,
                   const LoadOptions& options = {}) {
  const absl::Status status = LoadModelFromBytes(bytes, "bomb.onnx", options).status();
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("bomb.onnx"), HasSubstr(std::string(message)), Not(HasSubstr("\n"))));
  EXPECT_LT(status.message().size(), 500u);
}

TEST(ImportBombs, AMillionNodesAndAnInitializerThatAllRead) {
  constexpr int kNodes = 1'000'000;
  const std::string bytes =
      Model(Chain("Add", kNodes, "w") + Initializer("w", {1}, "abcd") + Input("x") + Output("y"));
  LoadedModel loaded = LoadValid(bytes);
  Graph& graph = loaded.graph;
  EXPECT_EQ(graph.NumNodes(), kNodes);
  const ValueId w = graph.FindValue("w");
  EXPECT_EQ(graph.Uses(w).size(), static_cast<size_t>(kNodes));
  EXPECT_FALSE(graph.IsCaptured(w));
  EXPECT_FALSE(graph.IsBlockOutput(w));

  const absl::StatusOr<std::string> saved = SaveModelToBytes(graph);
  ASSERT_TRUE(saved.ok()) << saved.status();
  EXPECT_TRUE(*saved == bytes);

  const ValueId other = graph.AddConstant("w", *graph.ConstantValue(w));
  graph.ReplaceUses(w, other);
  EXPECT_EQ(graph.Uses(other).size(), static_cast<size_t>(kNodes));
  EXPECT_TRUE(graph.Uses(w).empty());
}

TEST(ImportBombs, ANodeWithAMillionInputs) {
  constexpr int kInputs = 1'000'000;
  const std::vector<std::string> inputs(kInputs, "w");
  const std::string bytes =
      Model(Node("Sum", inputs, {"y"}) + Initializer("w", {1}, "abcd") + Output("y"));
  LoadedModel loaded = LoadValid(bytes);
  EXPECT_EQ(loaded.graph.Uses(loaded.graph.FindValue("w")).size(), static_cast<size_t>(kInputs));
  const absl::StatusOr<std::string> saved = SaveModelToBytes(loaded.graph);
  ASSERT_TRUE(saved.ok()) << saved.status();
  EXPECT_TRUE(*saved == bytes);
}

TEST(ImportBombs, NodesInReverseOrder) {
  std::string nodes;
  for (int i = 200'000; i > 0; --i) {
    nodes += Node("Relu", {i == 1 ? "x" : absl::StrCat("v", i - 1)},
                  {i == 200'000 ? "y" : absl::StrCat("v", i)});
  }
  const LoadedModel loaded = LoadValid(Model(nodes + Input("x") + Output("y")));
  EXPECT_THAT(loaded.notes, ElementsAre(HasSubstr("sorted")));
  const NodeView first = loaded.graph.node(loaded.graph.FirstNode(loaded.graph.main()));
  EXPECT_EQ(loaded.graph.Name(first.input(0)), "x");
}

TEST(ImportBombs, NodesInACycle) {
  std::string nodes;
  constexpr int kNodes = 100'000;
  for (int i = 0; i < kNodes; ++i) {
    nodes += Node("Relu", {absl::StrCat("v", i)}, {absl::StrCat("v", (i + 1) % kNodes)});
  }
  ExpectRefused(Model(nodes + Output("v0")), absl::StatusCode::kInvalidArgument, "cycle");
}

TEST(ImportBombs, AChainOfIdentitiesFoldsToOne) {
  LoadedModel loaded = LoadValid(Model(Chain("Identity", 100'000) + Input("x") + Output("y")));
  const absl::StatusOr<FoldReport> report = FoldModel(loaded.graph);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->after.nodes, 1);
}

TEST(ImportBombs, ThousandsOfBodies) {
  constexpr int kIfs = 20'000;
  std::string nodes;
  for (int i = 0; i < kIfs; ++i) {
    const auto body = [&](const char* op, const char* side) {
      const std::string result = absl::StrCat(side, i);
      return Node(op, {"x"}, {result}) + Bytes(2, side) + Output(result);
    };
    nodes += If(absl::StrCat("y", i), body("Relu", "a"), body("Neg", "b"));
  }
  const std::string bytes = Model(nodes + Bytes(2, "g") + Input("c") + Input("x") + Output("y0"));
  const LoadedModel loaded = LoadValid(bytes);
  EXPECT_EQ(loaded.graph.NumNodes(), 3 * kIfs);
  EXPECT_TRUE(loaded.graph.IsCaptured(loaded.graph.FindValue("x")));
  const absl::StatusOr<std::string> saved = SaveModelToBytes(loaded.graph);
  ASSERT_TRUE(saved.ok()) << saved.status();
  EXPECT_TRUE(*saved == bytes);
}

TEST(ImportBombs, AThousandNestedBodies) {
  std::string graph = Node("Relu", {"x"}, {"r"}) + Output("r");
  for (int i = 0; i < 1000; ++i) {
    const std::string result = absl::StrCat("y", i);
    graph = If(result, graph,
               Node("Neg", {"x"}, {absl::StrCat("n", i)}) + Output(absl::StrCat("n", i))) +
            Output(result);
  }
  ExpectRefused(Model(graph + Input("c") + Input("x")), absl::StatusCode::kResourceExhausted,
                "nesting too deep: more than 100 messages");
}

TEST(ImportBombs, NamesOfAMebibyte) {
  const std::string x(1 << 20, 'x');
  const std::string y(1 << 20, 'y');
  const std::string bytes = Model(Node("Relu", {x}, {y}) + Input(x) + Output(y));
  LoadedModel loaded = LoadValid(bytes);
  EXPECT_EQ(loaded.graph.FreshName(y), y + "_1");
  const absl::StatusOr<std::string> saved = SaveModelToBytes(loaded.graph);
  ASSERT_TRUE(saved.ok()) << saved.status();
  EXPECT_TRUE(*saved == bytes);

  ExpectRefused(Model(Node("Relu", {x}, {x}) + Input(x) + Output(x)),
                absl::StatusCode::kInvalidArgument, "two values are named 'xxx");
  ExpectRefused(Model(Node("Relu", {y}, {"z"}) + Output("z")), absl::StatusCode::kInvalidArgument,
                "which nothing produces");
  ExpectRefused(Model(Initializer(x, {2}, "abcd") + Output(x)), absl::StatusCode::kInvalidArgument,
                "needs 8 bytes");
}

TEST(ImportBombs, DimensionsBeyondAllMemory) {
  constexpr uint64_t kHuge = uint64_t{1} << 60;
  const auto model = [](const std::vector<uint64_t>& dims) {
    return Model(Initializer("w", dims, "abcd") + Output("w"));
  };
  ExpectRefused(model({kHuge}), absl::StatusCode::kInvalidArgument,
                "float tensor of shape [1152921504606846976] needs 4611686018427387904 bytes");
  ExpectRefused(model({kHuge, kHuge}), absl::StatusCode::kInvalidArgument, "overflow 64 bits");
  ExpectRefused(model({kHuge, 8}), absl::StatusCode::kInvalidArgument, "overflow 64 bits");
  ExpectRefused(model({~uint64_t{0}}), absl::StatusCode::kInvalidArgument, "negative");
  // A zero makes it empty, whatever the others.
  ExpectRefused(model({kHuge, 0}), absl::StatusCode::kInvalidArgument, "needs 0 bytes");
}

TEST(ImportBombs, FunctionsThatCallThemselvesOrDouble) {
  const auto function = [](absl::string_view name, absl::string_view nodes) {
    const std::string opsets =
        Bytes(9, Bytes(1, "") + Varint(2, 17)) + Bytes(9, Bytes(1, "d") + Varint(2, 1));
    // FunctionProto: name, input, output, node, opset_import, domain.
    std::string body(nodes);
    return Bytes(25, absl::StrCat(Bytes(1, name), Bytes(4, "a"), Bytes(5, "b"), body, opsets,
                                  Bytes(10, "d")));
  };
  // The nodes of a function are field 7, not 1.
  const auto call = [](absl::string_view op, absl::string_view domain, absl::string_view input,
                       absl::string_view output) {
    return absl::StrCat(Bytes(1, input), Bytes(2, output), Bytes(4, op), Bytes(7, domain));
  };
  const auto model = [&](absl::string_view functions) {
    const std::string graph = Bytes(1, call("f0", "d", "x", "y")) + Input("x") + Output("y");
    return absl::StrCat(Varint(1, 8), Bytes(7, graph), Bytes(8, Varint(2, 17)),
                        Bytes(8, Bytes(1, "d") + Varint(2, 1)), functions);
  };
  ExpectRefused(model(function("f0", Bytes(7, call("f1", "d", "a", "b"))) +
                      function("f1", Bytes(7, call("f0", "d", "a", "b")))),
                absl::StatusCode::kInvalidArgument, "calls itself");

  std::string doubling;
  for (int i = 0; i < 60; ++i) {
    const std::string next = i == 59 ? "Relu" : absl::StrCat("f", i + 1);
    const std::string domain = i == 59 ? "" : "d";
    doubling += function(absl::StrCat("f", i), Bytes(7, call(next, domain, "a", "t")) +
                                                   Bytes(7, call(next, domain, "t", "b")));
  }
  ExpectRefused(model(doubling), absl::StatusCode::kResourceExhausted, "nodes");
}

TEST(ImportBombs, TinyNodesNeedMoreMemoryThanAllowed) {
  std::string nodes;
  for (int i = 0; i < 200'000; ++i) nodes += Node("Relu", {"x"}, {""});
  const std::string bytes = Model(nodes + Input("x") + Output("x"));
  LoadOptions options;
  options.max_memory = int64_t{32} << 20;
  ExpectRefused(bytes, absl::StatusCode::kResourceExhausted, "33554432", options);
  EXPECT_TRUE(LoadModelFromBytes(bytes, "bomb.onnx").ok());
}

}  // namespace
}  // namespace dsperse
