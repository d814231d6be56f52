// One node on given inputs, for tests of evaluators.
#ifndef DSPERSE_TESTS_FOLD_OPS_EVAL_NODE_H_
#define DSPERSE_TESTS_FOLD_OPS_EVAL_NODE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "fold/ops/op.h"

namespace dsperse::testing {

// Evaluates `call` (in ONNX's text syntax: "y = Add (a, b)"), whose inputs are named a, b, c, … in
// the order of `inputs`, in a model of that opset.
absl::StatusOr<std::vector<Tensor>> EvalNode(int opset, absl::string_view call,
                                             const std::vector<Tensor>& inputs,
                                             const EvalContext& context = {});

// The first output of the same; an error fails the test and gives an undefined tensor.
Tensor Eval(int opset, absl::string_view call, const std::vector<Tensor>& inputs,
            EvalMode mode = EvalMode::kExact);

// The status of the same.
absl::Status EvalStatus(int opset, absl::string_view call, const std::vector<Tensor>& inputs,
                        EvalMode mode = EvalMode::kExact);

// Elements of an in-memory or uniform tensor.
template <typename T>
std::vector<T> Values(const Tensor& tensor) {
  const absl::StatusOr<Tensor> loaded = tensor.Load();
  if (!loaded.ok() || loaded->dtype() != kDTypeOf<T>) return {};
  return std::vector<T>(loaded->data<T>().begin(), loaded->data<T>().end());
}

}  // namespace dsperse::testing

#endif  // DSPERSE_TESTS_FOLD_OPS_EVAL_NODE_H_
