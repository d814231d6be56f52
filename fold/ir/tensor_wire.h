// Initializers as bytes of a serialised TensorProto, read in place.
#ifndef DSPERSE_FOLD_IR_TENSOR_WIRE_H_
#define DSPERSE_FOLD_IR_TENSOR_WIRE_H_

#include "absl/strings/string_view.h"
#include "fold/ir/graph_rep.h"
#include "fold/ir/tensor.h"
#include "fold/ir/tensor_proto.h"

namespace dsperse {

// The tensor and its name, if the bytes are what every common exporter writes: dims, element type,
// name and raw_data or a token in ascending order, each once, of the right sizes. False for
// everything else, right or wrong: the protobuf library and TensorFromProto say what it is. Small
// payloads go to `pool`.
bool ReadPlainTensor(absl::string_view bytes, const PayloadTable& payloads, PayloadPool* pool,
                     absl::string_view* name, Tensor* tensor);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_IR_TENSOR_WIRE_H_
