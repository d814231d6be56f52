// External data: tensors whose payload lies in a file of its own beside the model.
#ifndef DSPERSE_FOLD_IR_EXTERNAL_DATA_H_
#define DSPERSE_FOLD_IR_EXTERNAL_DATA_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "fold/ir/file.h"
#include "fold/ir/tensor_proto.h"

namespace onnx {
class ModelProto;
}  // namespace onnx

namespace dsperse {

// Opens the data files of one model, each once. A location is a path relative to the model's folder and
// must stay inside it, symbolic links resolved.
class ExternalFiles {
 public:
  explicit ExternalFiles(absl::string_view model_path);

  // InvalidArgument: absolute, or leads out of the folder. NotFound: missing. The size is that of the file.
  absl::StatusOr<std::shared_ptr<const InputFile>> Open(absl::string_view location);

  // In the order of their first use.
  const std::vector<SourceFile>& opened() const { return opened_; }

 private:
  const std::string folder_;
  absl::flat_hash_map<std::string, std::shared_ptr<const InputFile>> files_;
  std::vector<SourceFile> opened_;
};

// Turns every tensor of external data in `model`, wherever it is, into a token or owned bytes.
// Errors: those of TensorFromProto. Linear in the number of nodes and tensors.
absl::Status ResolveExternalData(absl::string_view where, onnx::ModelProto* model,
                                 PayloadTable* payloads);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_IR_EXTERNAL_DATA_H_
