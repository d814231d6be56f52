// May a data file be written where another one lies?
#ifndef DSPERSE_FOLD_IR_DATA_TARGET_H_
#define DSPERSE_FOLD_IR_DATA_TARGET_H_

#include <string>

#include "absl/status/status.h"
#include "fold/ir/tensor_proto.h"

namespace dsperse {

// A model is about to be written to `model_path`, its large payloads to `data_path` in the same
// folder. InvalidArgument if a file lies there that is the external data of another model: of any
// in the folder, or of the one that `payloads` come from. The data of the model that is replaced
// may be replaced with it. Reads nothing unless `data_path` exists.
absl::Status CheckDataTarget(const std::string& model_path, const std::string& data_path,
                             const PayloadTable& payloads);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_IR_DATA_TARGET_H_
