#include "tests/fold/ops/onnx_cases.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "fold/ir/model_file.h"
#include "fold/ir/status_macros.h"
#include "fold/ir/tensor_proto.h"
#include "fold/ops/compare.h"
#include "fold/ops/interpreter.h"
#include "onnx/onnx_pb.h"
#include "tests/support/sanitized.h"

// Clang's, in a coverage build: a child that ends by _exit leaves no profile of itself otherwise.
extern "C" int __llvm_profile_write_file() __attribute__((weak));  // NOLINT(bugprone-reserved-identifier)

namespace dsperse {
namespace {

// Sanitizers make whole networks ten times as slow.
constexpr unsigned kMinutesPerCase = testing::kSanitized ? 10 : 1;

std::string OneLine(absl::string_view text) {
  std::string line = absl::StrReplaceAll(text, {{"\n", " "}, {"\t", " "}});
  if (line.size() > 200) line.resize(200);
  return line;
}

// Files "<prefix>0.pb", "<prefix>1.pb", … as far as they exist.
std::vector<std::string> Numbered(const std::string& prefix) {
  std::vector<std::string> files;
  for (int i = 0;; ++i) {
    std::string file = absl::StrCat(prefix, i, ".pb");
    if (!std::filesystem::exists(file)) return files;
    files.push_back(std::move(file));
  }
}

// Runs cases [first, …) in one child and appends what it reports. Returns how many it finished.
size_t RunChild(const std::vector<OnnxCase>& cases, size_t first,
                const std::function<CaseResult(const OnnxCase&)>& run,
                std::vector<CaseResult>* results, std::string* death) {
  int ends[2];
  if (pipe(ends) != 0) return 0;
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    for (size_t i = first; i < cases.size(); ++i) {
      alarm(60 * kMinutesPerCase);
      const CaseResult result = run(cases[i]);
      const std::string line =
          absl::StrCat(static_cast<int>(result.verdict), "\t", OneLine(result.reason), "\n");
      size_t written = 0;
      while (written < line.size()) {
        const ssize_t n = write(ends[1], line.data() + written, line.size() - written);
        if (n <= 0) _exit(1);
        written += static_cast<size_t>(n);
      }
    }
    if (__llvm_profile_write_file != nullptr) __llvm_profile_write_file();
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t n = read(ends[0], buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    text.append(buffer, static_cast<size_t>(n));
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFSIGNALED(status)) {
    *death = absl::StrCat("exit ", WEXITSTATUS(status));
  } else if (WTERMSIG(status) == SIGALRM) {
    *death = absl::StrCat("no end within ", kMinutesPerCase, " min");
  } else {
    *death = strsignal(WTERMSIG(status));
  }
  size_t finished = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits('\t', 1));
    int verdict = 0;
    if (!absl::SimpleAtoi(parts.first, &verdict)) break;
    results->push_back({cases[first + finished].name, static_cast<Verdict>(verdict),
                        std::string(parts.second)});
    ++finished;
  }
  return finished;
}

// What ONNX's runner feeds the light models.
absl::StatusOr<Tensor> GeneratedInput(const Graph& graph, ValueId input) {
  const Shape shape = graph.DeclaredShape(input);
  Dims dims;
  for (const Dim& dim : shape.dims()) dims.push_back(dim.known() ? dim.size() : 1);
  float* data = nullptr;
  DSPERSE_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Make<float>(dims, &data));
  const int64_t count = tensor.num_elements();
  for (int64_t i = 0; i < count; ++i) {
    data[i] = static_cast<float>(static_cast<double>(i) / static_cast<double>(count));
  }
  return tensor;
}

}  // namespace

absl::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kRight: return "right";
    case Verdict::kUnsupported: return "unsupported";
    case Verdict::kWrong: return "wrong";
    case Verdict::kCrash: return "crash";
  }
  return "";
}

std::vector<OnnxCase> OnnxCases(absl::string_view kind) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(DSPERSE_ONNX_TEST_DATA) / std::string(kind);
  std::vector<OnnxCase> cases;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    OnnxCase test;
    test.name = absl::StrCat(kind, "/", entry.path().stem().string());
    if (entry.is_directory()) {
      test.model = (entry.path() / "model.onnx").string();
      if (!fs::exists(test.model)) continue;
      const std::string data = (entry.path() / "test_data_set_0").string();
      test.inputs = Numbered(data + "/input_");
      test.outputs = Numbered(data + "/output_");
    } else if (entry.path().extension() == ".onnx") {
      test.model = entry.path().string();
      test.outputs = Numbered((folder / entry.path().stem()).string() + "_output_");
    } else {
      continue;
    }
    cases.push_back(std::move(test));
  }
  std::sort(cases.begin(), cases.end(),
            [](const OnnxCase& a, const OnnxCase& b) { return a.name < b.name; });
  return cases;
}

std::vector<CaseResult> RunCases(const std::vector<OnnxCase>& cases,
                                 const std::function<CaseResult(const OnnxCase&)>& run) {
  std::vector<CaseResult> results;
  while (results.size() < cases.size()) {
    std::string death;
    RunChild(cases, results.size(), run, &results, &death);
    if (results.size() < cases.size()) {
      results.push_back({cases[results.size()].name, Verdict::kCrash, death});
    }
  }
  return results;
}

absl::StatusOr<Tensor> ReadTensorFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  onnx::TensorProto proto;
  if (!file || !proto.ParseFromString(bytes.str())) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": no tensor"));
  }
  return TensorFromProto(proto, PayloadTable(), path);
}

absl::StatusOr<Graph> LoadCaseModel(const OnnxCase& test) {
  DSPERSE_ASSIGN_OR_RETURN(LoadedModel model, LoadModel(test.model));
  return std::move(model.graph);
}

absl::StatusOr<CaseData> ReadCaseData(const OnnxCase& test, const Graph& graph) {
  CaseData data;
  const std::vector<ValueId> inputs = RequiredInputs(graph);
  const absl::Span<const ValueId> all_inputs = graph.Inputs(graph.main());
  const absl::Span<const ValueId> outputs = graph.Outputs(graph.main());
  for (ValueId input : inputs) {
    if (graph.DeclaredType(input) == DType::kUndefined) {
      return absl::UnimplementedError(
          absl::StrCat("input '", graph.Name(input), "' is a sequence or an optional"));
    }
  }
  for (ValueId output : outputs) {
    if (graph.DeclaredType(output) == DType::kUndefined) {
      return absl::UnimplementedError(
          absl::StrCat("output '", graph.Name(output), "' is a sequence or an optional"));
    }
  }
  if (test.inputs.empty()) {
    for (ValueId input : inputs) {
      DSPERSE_ASSIGN_OR_RETURN(Tensor tensor, GeneratedInput(graph, input));
      data.inputs.push_back(std::move(tensor));
    }
  }
  // The files count all inputs, those with an initializer too.
  for (size_t i = 0; i < test.inputs.size(); ++i) {
    if (i < all_inputs.size() && test.inputs.size() == all_inputs.size() &&
        graph.IsInitializer(all_inputs[i])) {
      continue;
    }
    DSPERSE_ASSIGN_OR_RETURN(Tensor tensor, ReadTensorFile(test.inputs[i]));
    data.inputs.push_back(std::move(tensor));
  }
  for (const std::string& file : test.outputs) {
    DSPERSE_ASSIGN_OR_RETURN(Tensor tensor, ReadTensorFile(file));
    data.outputs.push_back(std::move(tensor));
  }
  return data;
}

CaseResult JudgeOutputs(const OnnxCase& test, const std::vector<Tensor>& outputs,
                        const std::vector<Tensor>& expected) {
  if (outputs.size() != expected.size()) {
    return {test.name, Verdict::kWrong,
            absl::StrCat(outputs.size(), " outputs, expected ", expected.size())};
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    const absl::StatusOr<Difference> difference =
        CompareElements(outputs[i], expected[i], 1e-3, 1e-7);
    if (!difference.ok()) return {test.name, Verdict::kWrong, difference.status().ToString()};
    if (!difference->agree) {
      return {test.name, Verdict::kWrong, absl::StrCat("output ", i, ": ", difference->reason)};
    }
  }
  return {test.name, Verdict::kRight, ""};
}

CaseResult InterpretCase(const OnnxCase& test) {
  const auto failed = [&](const absl::Status& status) -> CaseResult {
    const Verdict verdict =
        absl::IsUnimplemented(status) ? Verdict::kUnsupported : Verdict::kWrong;
    return {test.name, verdict, std::string(status.message())};
  };
  const absl::StatusOr<Graph> graph = LoadCaseModel(test);
  if (!graph.ok()) return failed(graph.status());
  const absl::StatusOr<CaseData> data = ReadCaseData(test, *graph);
  if (!data.ok()) return failed(data.status());
  const absl::StatusOr<std::vector<Tensor>> outputs = RunGraph(*graph, data->inputs);
  if (!outputs.ok()) return failed(outputs.status());
  return JudgeOutputs(test, *outputs, data->outputs);
}

}  // namespace dsperse
