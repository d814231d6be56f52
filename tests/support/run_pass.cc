#include "tests/support/run_pass.h"

#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "fold/ops/compare.h"
#include "fold/ops/interpreter.h"
#include "fold/passes/constants.h"
#include "onnx/onnx_pb.h"
#include "tests/support/parse.h"

namespace dsperse::testing {
namespace {

// The graph's results on seeded inputs; nothing where the interpreter lacks an operator.
std::optional<std::vector<Tensor>> Interpret(const Graph& graph, const std::vector<Tensor>& inputs) {
  RunOptions options;
  options.threads = 1;
  absl::StatusOr<std::vector<Tensor>> outputs = RunGraph(graph, inputs, options);
  if (!outputs.ok()) {
    EXPECT_TRUE(absl::IsUnimplemented(outputs.status())) << outputs.status();
    return std::nullopt;
  }
  return *std::move(outputs);
}

void ExpectSame(const std::vector<Tensor>& before, const std::vector<Tensor>& after,
                double tolerance) {
  ASSERT_EQ(before.size(), after.size());
  for (size_t i = 0; i < before.size(); ++i) {
    const absl::StatusOr<Difference> difference =
        CompareTensors(before[i], after[i], tolerance);
    ASSERT_TRUE(difference.ok()) << difference.status();
    EXPECT_TRUE(difference->agree) << "output " << i << ": " << difference->reason;
  }
}

std::string ExportAgain(const Graph& graph) {
  onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromString(ExportAll(graph)));
  absl::StatusOr<Graph> again =
      Graph::Import(std::make_unique<onnx::ModelProto>(std::move(model)), nullptr, "again");
  EXPECT_TRUE(again.ok()) << again.status();
  return again.ok() ? ExportAll(*again) : "";
}

// Runs `step` on the graph twice and checks what any rewrite owes. `step` returns whether it says that
// it changed the graph.
bool Check(Graph& graph, const HarnessOptions& harness, const std::function<bool(bool first)>& step) {
  const std::string bytes = ExportAll(graph);
  const std::vector<Tensor> inputs = SeededInputs(graph, 1, harness.symbolic_dim);
  std::optional<std::vector<Tensor>> results;
  if (harness.compare) results = Interpret(graph, inputs);

  const bool changed = step(true);
  const absl::Status verified = graph.Verify();
  EXPECT_TRUE(verified.ok()) << verified;
  const std::string folded = ExportAll(graph);
  EXPECT_EQ(changed, folded != bytes) << "changed flag and graph disagree\n" << PrintGraph(graph);

  EXPECT_FALSE(step(false)) << "a second run changes the graph\n" << PrintGraph(graph);
  EXPECT_TRUE(ExportAll(graph) == folded) << "a second run changes bytes\n" << PrintGraph(graph);
  EXPECT_TRUE(ExportAgain(graph) == folded) << "export and import give another graph";

  if (results) {
    const std::optional<std::vector<Tensor>> after = Interpret(graph, inputs);
    EXPECT_TRUE(after.has_value()) << "the interpreter can't run the result\n" << PrintGraph(graph);
    if (after) ExpectSame(*results, *after, harness.tolerance);
  }
  return changed;
}

}  // namespace

PassResult RunPass(const Pass& pass, Graph& graph, const PassOptions& options,
                   const HarnessOptions& harness) {
  PassResult result;
  result.changed = Check(graph, harness, [&](bool first) {
    PassContext context(&graph, options);
    context.set_pass(pass.name());
    const absl::StatusOr<bool> changed = pass.Run(graph, context);
    EXPECT_TRUE(changed.ok()) << changed.status();
    if (first) result.remarks = std::move(context.remarks());
    return changed.ok() && *changed;
  });
  return result;
}

FoldReport RunFold(Graph& graph, const FoldOptions& options, const HarnessOptions& harness) {
  FoldReport report;
  FoldOptions checked = options;
  checked.verify_each = true;
  Check(graph, harness, [&](bool first) {
    absl::StatusOr<FoldReport> folded = FoldModel(graph, checked);
    EXPECT_TRUE(folded.ok()) << folded.status();
    if (!folded.ok()) return false;
    const bool changed = folded->changed;
    if (first) report = *std::move(folded);
    return changed;
  });
  return report;
}

std::vector<Tensor> SeededInputs(const Graph& graph, uint64_t seed, int64_t symbolic_dim) {
  std::mt19937_64 random(seed);
  std::vector<Tensor> inputs;
  for (ValueId input : RequiredInputs(graph)) {
    Dims dims;
    const Shape shape = graph.DeclaredShape(input);
    if (shape.has_rank()) {
      for (const Dim& d : shape.dims()) dims.push_back(d.known() ? d.size() : symbolic_dim);
    }
    const DType type = graph.DeclaredType(input);
    absl::StatusOr<Tensor> tensor = DispatchDType(
        type,
        [&](auto tag) -> absl::StatusOr<Tensor> {
          using T = typename decltype(tag)::type;
          T* out = nullptr;
          absl::StatusOr<Tensor> made = Tensor::Make<T>(dims, &out);
          if (!made.ok()) return made;
          for (int64_t i = 0; i < made->num_elements(); ++i) {
            const uint64_t bits = random() >> 12;
            if constexpr (std::is_integral_v<T>) {
              out[i] = static_cast<T>(bits % (std::is_same_v<T, bool> ? 2 : 3));
            } else {
              out[i] = static_cast<T>(static_cast<double>(bits % 4001) / 1000.0 - 2.0);
            }
          }
          return made;
        },
        []() -> absl::StatusOr<Tensor> { return absl::UnimplementedError("input type"); });
    EXPECT_TRUE(tensor.ok()) << graph.Name(input) << ": " << tensor.status();
    inputs.push_back(tensor.ok() ? *std::move(tensor) : Tensor());
  }
  return inputs;
}

std::vector<std::string> MissTexts(const PassResult& result) {
  std::vector<std::string> texts;
  for (const Remark& remark : result.remarks) {
    if (remark.kind == Remark::Kind::kMissed) texts.push_back(remark.text);
  }
  return texts;
}

namespace {

std::vector<double> Elements(const Graph& graph, ValueId value) {
  const std::optional<Tensor> tensor = value.valid() ? ConstantOf(graph, value) : std::nullopt;
  if (!tensor) {
    ADD_FAILURE() << "no constant there\n" << PrintGraph(graph);
    return {};
  }
  const absl::StatusOr<std::vector<double>> elements = ToDoubles(*tensor);
  EXPECT_TRUE(elements.ok()) << elements.status();
  return elements.ok() ? *elements : std::vector<double>();
}

}  // namespace

std::vector<double> ConstantNamed(const Graph& graph, absl::string_view name) {
  return Elements(graph, graph.FindValue(name));
}

std::vector<double> ConstantInput(const Graph& graph, NodeId node, int index) {
  return Elements(graph, graph.node(node).input(index));
}

}  // namespace dsperse::testing
