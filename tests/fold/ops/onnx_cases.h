// ONNX's own test cases: where they lie, and running them in child processes.
#ifndef DSPERSE_TESTS_FOLD_OPS_ONNX_CASES_H_
#define DSPERSE_TESTS_FOLD_OPS_ONNX_CASES_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "fold/ir/graph.h"
#include "fold/ir/tensor.h"

namespace dsperse {

// One case: a model and one set of inputs and expected outputs.
struct OnnxCase {
  std::string name;  // "node/test_abs"
  std::string model;
  std::vector<std::string> inputs;   // files; none for the light models
  std::vector<std::string> outputs;
};

// All cases below `kind` ("node", "light", "simple", "pytorch-converted", "pytorch-operator"), sorted
// by name; none if the test data isn't there.
std::vector<OnnxCase> OnnxCases(absl::string_view kind);

enum class Verdict { kRight, kUnsupported, kWrong, kCrash };
absl::string_view VerdictName(Verdict verdict);

struct CaseResult {
  std::string name;
  Verdict verdict = Verdict::kCrash;
  std::string reason;  // one line
};

// Runs `run` on each case in forked children, so that a crash (or minutes of silence) is a verdict of
// that case alone.
std::vector<CaseResult> RunCases(const std::vector<OnnxCase>& cases,
                                 const std::function<CaseResult(const OnnxCase&)>& run);

// A tensor file (TensorProto).
absl::StatusOr<Tensor> ReadTensorFile(const std::string& path);

absl::StatusOr<Graph> LoadCaseModel(const OnnxCase& test);

// The inputs and expected outputs of a case. The light models have generated inputs, (0 … n − 1) / n.
struct CaseData {
  std::vector<Tensor> inputs;
  std::vector<Tensor> outputs;
};
absl::StatusOr<CaseData> ReadCaseData(const OnnxCase& test, const Graph& graph);

// Runs the case's model by the interpreter.
CaseResult InterpretCase(const OnnxCase& test);
// Compares with the expected outputs as ONNX's own runner does (relative 1e-3, absolute 1e-7).
CaseResult JudgeOutputs(const OnnxCase& test, const std::vector<Tensor>& outputs,
                        const std::vector<Tensor>& expected);

}  // namespace dsperse

#endif  // DSPERSE_TESTS_FOLD_OPS_ONNX_CASES_H_
