#include "tests/support/run_one.h"

#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "fold/ops/interpreter.h"
#include "tests/support/parse.h"

namespace dsperse::testing {

absl::StatusOr<std::vector<Tensor>> RunNodes(absl::string_view nodes,
                                             const std::vector<std::string>& outputs,
                                             const std::vector<NamedInput>& inputs, int64_t opset,
                                             EvalMode mode, int threads) {
  std::vector<std::string> declared;
  std::vector<Tensor> tensors;
  for (const NamedInput& input : inputs) {
    declared.push_back(absl::StrCat(DTypeName(input.tensor.dtype()), "[",
                                    absl::StrJoin(input.tensor.dims(), ","), "] ", input.name));
    tensors.push_back(input.tensor);
  }
  // Types of outputs have to be written, but nothing looks at them.
  std::vector<std::string> results;
  for (const std::string& name : outputs) results.push_back(absl::StrCat("float ", name));
  const Graph graph =
      ParseGraph(absl::StrCat("<ir_version: 10, opset_import: [\"\": ", opset, "]> g (",
                              absl::StrJoin(declared, ", "), ") => (", absl::StrJoin(results, ", "),
                              ") { ", nodes, " }"));
  RunOptions options;
  options.mode = mode;
  options.threads = threads;
  return RunGraph(graph, tensors, options);
}

absl::StatusOr<std::vector<Tensor>> RunOne(absl::string_view node,
                                           const std::vector<NamedInput>& inputs, int64_t opset,
                                           EvalMode mode, int threads) {
  std::vector<std::string> outputs;
  for (absl::string_view name :
       absl::StrSplit(node.substr(0, node.find('=')), ',', absl::SkipWhitespace())) {
    outputs.emplace_back(absl::StripAsciiWhitespace(name));
  }
  return RunNodes(node, outputs, inputs, opset, mode, threads);
}

std::vector<float> RandomFloats(uint32_t seed, int64_t count) {
  std::mt19937 random(seed);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& v : values) v = static_cast<float>(static_cast<int32_t>(random())) * 0x1p-31f;
  return values;
}

Tensor RandomTensor(uint32_t seed, Dims dims) {
  const std::vector<float> values = RandomFloats(seed, *NumElements(dims));
  return Tensor::Of<float>(std::move(dims), values);
}

}  // namespace dsperse::testing
