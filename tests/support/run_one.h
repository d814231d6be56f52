// One node, run by the interpreter: for tests of evaluators.
//   RunOne("y = Slice(x, s, e)", {{"x", x}, {"s", starts}, {"e", ends}})
#ifndef DSPERSE_TESTS_SUPPORT_RUN_ONE_H_
#define DSPERSE_TESTS_SUPPORT_RUN_ONE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "fold/ir/tensor.h"
#include "fold/ops/op.h"

namespace dsperse::testing {

struct NamedInput {
  std::string name;
  Tensor tensor;
};

// `nodes` in ONNX's text syntax; their inputs are in `inputs`, and `outputs` names what to return.
// Errors are the evaluators'.
absl::StatusOr<std::vector<Tensor>> RunNodes(absl::string_view nodes,
                                             const std::vector<std::string>& outputs,
                                             const std::vector<NamedInput>& inputs,
                                             int64_t opset = 21,
                                             EvalMode mode = EvalMode::kExact, int threads = 1);
// The same for one node and all its outputs.
absl::StatusOr<std::vector<Tensor>> RunOne(absl::string_view node,
                                           const std::vector<NamedInput>& inputs,
                                           int64_t opset = 21,
                                           EvalMode mode = EvalMode::kExact, int threads = 1);

// Seeded floats in [−1, 1), the same everywhere.
std::vector<float> RandomFloats(uint32_t seed, int64_t count);
Tensor RandomTensor(uint32_t seed, Dims dims);

}  // namespace dsperse::testing

#endif  // DSPERSE_TESTS_SUPPORT_RUN_ONE_H_
