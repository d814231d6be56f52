// Model-local functions: calls are replaced by the bodies of what they call.
//
// The ONNX library's inliner does the replacing. It takes much on trust, so this looks first: calls that
// lead back to their function, sizes (18 functions of two calls each make 131,072 nodes), default values of
// attributes, opset versions; and afterwards for what is left.
#ifndef DSPERSE_FOLD_IR_FUNCTIONS_H_
#define DSPERSE_FOLD_IR_FUNCTIONS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace onnx {
class ModelProto;
}  // namespace onnx

namespace dsperse {

struct InlineLimits {
  int64_t max_nodes = 10'000'000;            // of the model afterwards, bodies included
  int64_t max_bytes = int64_t{1} << 30;      // of its nodes, serialised
};

// Inlines all calls and drops the functions. `where` begins messages. The model imports the opsets of its
// functions afterwards. A function whose opset version is not the model's is inlined if each of its
// operators is the same in both versions.
// InvalidArgument: functions that call themselves, two of one name, a call with too many inputs or outputs.
// Unimplemented: a function of another opset. ResourceExhausted: the limits, or nesting too deep.
// Linear in the size of the result.
absl::Status InlineFunctions(absl::string_view where, const InlineLimits& limits,
                             onnx::ModelProto* model);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_IR_FUNCTIONS_H_
