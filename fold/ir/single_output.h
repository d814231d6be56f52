// How many outputs operators have, as far as import asks.
#ifndef DSPERSE_FOLD_IR_SINGLE_OUTPUT_H_
#define DSPERSE_FOLD_IR_SINGLE_OUTPUT_H_

#include "absl/strings/string_view.h"

namespace dsperse {

// Has this operator of the default domain one output in every opset up to 24? O(log n), without ONNX's schemas.
bool HasSingleOutput(absl::string_view op_type);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_IR_SINGLE_OUTPUT_H_
