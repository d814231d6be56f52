// Facts against what really happens: every value that ONNX's test cases compute, and every shape that
// ONNX's own inference tells.
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "fold/ir/tensor_proto.h"
#include "fold/ops/compare.h"
#include "fold/ops/facts.h"
#include "fold/ops/interpreter.h"
#include "gtest/gtest.h"
#include "onnx/onnx_pb.h"
#include "onnx/shape_inference/implementation.h"
#include "tests/fold/ops/onnx_cases.h"
#include "tests/support/sanitized.h"

namespace dsperse {
namespace {

constexpr int kShards = 8;

std::vector<OnnxCase> Shard(int shard) {
  std::vector<OnnxCase> mine;
  size_t i = 0;
  for (const char* kind : {"node", "light", "simple", "pytorch-converted", "pytorch-operator",
                           DSPERSE_SHARED_DIR "/corpus/zk"}) {
    for (OnnxCase& test : OnnxCases(kind)) {
      if (i++ % kShards == static_cast<size_t>(shard)) mine.push_back(std::move(test));
    }
  }
  return mine;
}

// What is wrong about `fact` if the value turned out to be `tensor`, or "".
std::string Contradiction(const Fact& fact, const Tensor& tensor) {
  if (fact.dtype != DType::kUndefined && fact.dtype != tensor.dtype()) {
    return absl::StrCat("type ", DTypeName(fact.dtype), " against ", DTypeName(tensor.dtype()));
  }
  if (fact.shape.has_rank()) {
    bool fits = fact.shape.rank() == tensor.rank();
    for (int i = 0; fits && i < tensor.rank(); ++i) {
      fits = !fact.shape.dim(i).known() || fact.shape.dim(i).size() == tensor.dims()[i];
    }
    if (!fits) {
      return absl::StrCat("shape ", fact.shape.ToString(), " against ", DimsToString(tensor.dims()));
    }
  }
  if (fact.value) {
    const absl::StatusOr<Difference> difference = CompareElements(*fact.value, tensor, 1e-5, 1e-7);
    if (!difference.ok() || !difference->agree) return "value";
  }
  if (fact.elements) {
    const absl::StatusOr<std::vector<int64_t>> ints = ToInts(tensor);
    if (!ints.ok() || ints->size() != fact.elements->size()) return "number of elements";
    for (size_t i = 0; i < ints->size(); ++i) {
      if ((*fact.elements)[i].known() && (*fact.elements)[i].size() != (*ints)[i]) {
        return absl::StrCat("element ", i);
      }
    }
  }
  return "";
}

// Runs the case and holds every value against its fact. `open_batch`: the inputs' first dimensions are
// left open.
CaseResult CheckCase(const OnnxCase& test, bool open_batch) {
  absl::StatusOr<Graph> graph = LoadCaseModel(test);
  if (!graph.ok()) return {test.name, Verdict::kUnsupported, ""};
  const absl::StatusOr<CaseData> data = ReadCaseData(test, *graph);
  if (!data.ok()) return {test.name, Verdict::kUnsupported, ""};
  if (open_batch) {
    for (ValueId input : RequiredInputs(*graph)) {
      const Shape shape = graph->DeclaredShape(input);
      if (!shape.has_rank() || shape.rank() == 0) continue;
      absl::InlinedVector<Dim, 4> dims(shape.dims().begin(), shape.dims().end());
      dims[0] = Dim("batch_of_" + std::string(graph->Name(input)));
      if (!graph->SetInputShape(input, Shape(dims)).ok()) return {test.name, Verdict::kWrong, "set"};
    }
  }
  Facts facts(&*graph);
  std::string wrong;
  // The cases are valid models: nothing in them contradicts itself. (Range over vectors of one element
  // is what the library's own expansion of AffineGrid holds.)
  const absl::Status inferred = facts.InferAll();
  if (!inferred.ok() && !open_batch && !absl::StrContains(test.name, "affine_grid")) {
    wrong = std::string(inferred.message());
  }
  RunOptions options;
  options.tap = [&](ValueId value, const Tensor& tensor) {
    const std::string what = Contradiction(facts.Of(value), tensor);
    if (!what.empty() && wrong.empty()) wrong = absl::StrCat("'", graph->Name(value), "': ", what);
    return absl::OkStatus();
  };
  RunGraph(*graph, data->inputs, options).IgnoreError();
  return {test.name, wrong.empty() ? Verdict::kRight : Verdict::kWrong, wrong};
}

class FactsCasesTest : public ::testing::TestWithParam<int> {};

TEST_P(FactsCasesTest, HoldInEveryRun) {
  const auto check = [](const OnnxCase& test) -> CaseResult {
    // Sanitizers take minutes for a whole network, and see the same arithmetic in onnx_node_test.
    if (testing::kSanitized && absl::StartsWith(test.name, "light/")) return {test.name, Verdict::kUnsupported, ""};
    return CheckCase(test, false);
  };
  for (const CaseResult& result : RunCases(Shard(GetParam()), check)) {
    EXPECT_LE(result.verdict, Verdict::kUnsupported)
        << result.name << ": " << VerdictName(result.verdict) << " " << result.reason;
  }
}

TEST_P(FactsCasesTest, HoldWithAnUnknownFirstDimension) {
  const auto check = [](const OnnxCase& test) -> CaseResult {
    // Whole networks take their time, and have run in the other test.
    if (absl::StartsWith(test.name, "light/")) return {test.name, Verdict::kUnsupported, ""};
    return CheckCase(test, true);
  };
  for (const CaseResult& result : RunCases(Shard(GetParam()), check)) {
    EXPECT_LE(result.verdict, Verdict::kUnsupported)
        << result.name << ": " << VerdictName(result.verdict) << " " << result.reason;
  }
}

// Every shape of the main graph that ONNX's inference (with its data propagation) knows, we know.
CaseResult CompareWithLibrary(const OnnxCase& test) {
  const absl::StatusOr<Graph> graph = LoadCaseModel(test);
  if (!graph.ok()) return {test.name, Verdict::kUnsupported, ""};
  PayloadTable payloads;
  absl::StatusOr<std::unique_ptr<onnx::ModelProto>> model =
      graph->Export(&payloads, std::numeric_limits<int64_t>::max());
  if (!model.ok()) return {test.name, Verdict::kWrong, std::string(model.status().message())};
  try {
    onnx::shape_inference::InferShapes(**model, onnx::OpSchemaRegistry::Instance(),
                                       onnx::ShapeInferenceOptions(false, 0, true));
  } catch (const std::exception&) {
    return {test.name, Verdict::kUnsupported, ""};
  }
  Facts facts(&*graph);
  for (const onnx::ValueInfoProto& info : (*model)->graph().value_info()) {
    if (!info.type().has_tensor_type()) continue;
    const onnx::TypeProto::Tensor& type = info.type().tensor_type();
    const ValueId value = graph->FindValue(info.name());
    if (!value.valid()) continue;
    const Fact& fact = facts.Of(value);
    const std::string where = absl::StrCat("'", info.name(), "': ");
    // Sequences are beyond Facts, and AffineGrid's expansion contradicts itself.
    if (absl::StrContains(test.name, "sequence") || absl::StrContains(test.name, "affine_grid")) {
      continue;
    }
    if (static_cast<int>(fact.dtype) != type.elem_type()) {
      return {test.name, Verdict::kWrong, absl::StrCat(where, "type ", DTypeName(fact.dtype))};
    }
    if (!type.has_shape()) continue;
    bool as_good = fact.shape.has_rank() && fact.shape.rank() == type.shape().dim_size();
    for (int i = 0; as_good && i < fact.shape.rank(); ++i) {
      as_good = !type.shape().dim(i).has_dim_value() ||
                (fact.shape.dim(i).known() && fact.shape.dim(i).size() == type.shape().dim(i).dim_value());
    }
    if (!as_good) {
      return {test.name, Verdict::kWrong,
              absl::StrCat(where, fact.shape.ToString(), " against ", type.shape().ShortDebugString())};
    }
  }
  return {test.name, Verdict::kRight, ""};
}

TEST_P(FactsCasesTest, TellNoLessThanTheLibrary) {
  for (const CaseResult& result : RunCases(Shard(GetParam()), CompareWithLibrary)) {
    EXPECT_LE(result.verdict, Verdict::kUnsupported)
        << result.name << ": " << VerdictName(result.verdict) << " " << result.reason;
  }
}

INSTANTIATE_TEST_SUITE_P(Shards, FactsCasesTest, ::testing::Range(0, kShards));

}  // namespace
}  // namespace dsperse
