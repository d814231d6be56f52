// The second exam: ONNX's test cases with their inputs turned into constants, through fold. What is
// folded then equals the expected output, computed the exact way instead of the interpreter's.
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/fold_model.h"
#include "fold/ir/status_macros.h"
#include "fold/ir/tensor_proto.h"
#include "fold/ops/facts.h"
#include "fold/ops/interpreter.h"
#include "gtest/gtest.h"
#include "onnx/onnx_pb.h"
#include "tests/fold/ops/onnx_cases.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

constexpr int kShards = 8;

// The case's model with every input as an initializer.
absl::StatusOr<Graph> WithConstantInputs(const OnnxCase& test, const CaseData& data) {
  std::ifstream file(test.model, std::ios::binary);
  auto model = std::make_unique<onnx::ModelProto>();
  if (!file || !model->ParseFromIstream(&file)) {
    return absl::InvalidArgumentError(absl::StrCat(test.model, ": no model"));
  }
  onnx::GraphProto* graph = model->mutable_graph();
  if (static_cast<size_t>(graph->input_size()) != data.inputs.size()) {
    return absl::UnimplementedError("initializers among the inputs");
  }
  PayloadTable unused;
  for (int i = 0; i < graph->input_size(); ++i) {
    onnx::TensorProto* tensor = graph->add_initializer();
    tensor->set_name(graph->input(i).name());
    DSPERSE_RETURN_IF_ERROR(TensorToProto(data.inputs[static_cast<size_t>(i)],
                                          int64_t{1} << 40, &unused, tensor));
  }
  graph->clear_input();
  return Graph::Import(std::move(model), std::make_shared<PayloadTable>(), test.name);
}

// Right: all outputs are folded and as expected; unsupported: something stays to be computed.
CaseResult FoldCase(const OnnxCase& test) {
  const auto result = [&](Verdict verdict, absl::string_view reason) -> CaseResult {
    return {test.name, verdict, std::string(reason)};
  };
  const absl::StatusOr<Graph> original = LoadCaseModel(test);
  if (!original.ok()) return result(Verdict::kUnsupported, original.status().message());
  const absl::StatusOr<CaseData> data = ReadCaseData(test, *original);
  if (!data.ok()) return result(Verdict::kUnsupported, data.status().message());
  absl::StatusOr<Graph> graph = WithConstantInputs(test, *data);
  if (!graph.ok()) return result(Verdict::kUnsupported, graph.status().message());

  FoldOptions options;
  options.verify_each = true;
  const absl::StatusOr<FoldReport> report = FoldModel(*graph, options);
  if (!report.ok()) return result(Verdict::kWrong, report.status().message());
  const std::string once = testing::ExportAll(*graph);
  const absl::StatusOr<FoldReport> again = FoldModel(*graph, options);
  if (!again.ok()) return result(Verdict::kWrong, again.status().message());
  if (testing::ExportAll(*graph) != once) return result(Verdict::kWrong, "folding twice differs");

  Facts facts(&*graph);
  std::vector<Tensor> folded;
  for (ValueId output : graph->Outputs(graph->main())) {
    const Tensor* constant = facts.ConstantOf(output);
    if (constant == nullptr) break;
    folded.push_back(*constant);
  }
  if (folded.size() == data->outputs.size()) return JudgeOutputs(test, folded, data->outputs);
  const absl::StatusOr<std::vector<Tensor>> outputs = RunGraph(*graph, {});
  if (!outputs.ok()) {
    return result(absl::IsUnimplemented(outputs.status()) ? Verdict::kUnsupported : Verdict::kWrong,
                  outputs.status().message());
  }
  CaseResult judged = JudgeOutputs(test, *outputs, data->outputs);
  if (judged.verdict == Verdict::kRight) judged.verdict = Verdict::kUnsupported;
  return judged;
}

class OnnxFoldTest : public ::testing::TestWithParam<int> {};

TEST_P(OnnxFoldTest, WhatIsFoldedIsAsExpected) {
  std::vector<OnnxCase> mine;
  size_t i = 0;
  for (const char* kind : {"node", "simple", "pytorch-converted", "pytorch-operator"}) {
    for (OnnxCase& test : OnnxCases(kind)) {
      if (i++ % kShards == static_cast<size_t>(GetParam())) mine.push_back(std::move(test));
    }
  }
  if (mine.empty()) GTEST_SKIP() << "no test data at " << DSPERSE_ONNX_TEST_DATA;
  int folded = 0;
  for (const CaseResult& result : RunCases(mine, FoldCase)) {
    EXPECT_LE(result.verdict, Verdict::kUnsupported)
        << result.name << ": " << VerdictName(result.verdict) << " " << result.reason;
    folded += result.verdict == Verdict::kRight;
  }
  // So that it isn't right for having folded nothing.
  EXPECT_GE(folded, 155);
  RecordProperty("folded", folded);
}

INSTANTIATE_TEST_SUITE_P(Shards, OnnxFoldTest, ::testing::Range(0, kShards));

}  // namespace
}  // namespace dsperse
