// TensorProto ↔ Tensor, and the tokens that stand for large payloads inside protos.
//
// The loader (model_file.h) leaves payloads of 1 KiB and more in the file. In the protobuf skeleton
// such a tensor holds, in place of raw_data, one unknown varint field `kPayloadField` whose value is an
// index into the PayloadTable. Unknown fields survive copies, so tokens travel with NodeProtos through
// the inliner and into bodies and Constant attributes. The saver puts the payload back.
#ifndef DSPERSE_FOLD_IR_TENSOR_PROTO_H_
#define DSPERSE_FOLD_IR_TENSOR_PROTO_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "fold/ir/tensor.h"

namespace onnx {
class SparseTensorProto;
class TensorProto;
}  // namespace onnx

namespace dsperse {

// Field number of the token; ONNX uses none this high, and a file that does is refused by the loader.
inline constexpr int kPayloadField = 0x1FFFFF00;

// What a token stands for. While loading: a span whose type and dims the proto around it gives. While
// saving: any tensor.
struct Payload {
  std::shared_ptr<const ByteSource> source;  // set: a span of `length` bytes at `offset`
  uint64_t offset = 0;
  uint64_t length = 0;
  std::shared_ptr<const Tensor> tensor;  // set: the tensor's canonical bytes
};

class PayloadTable {
 public:
  int64_t Add(Payload payload) {
    payloads_.push_back(std::move(payload));
    return static_cast<int64_t>(payloads_.size()) - 1;
  }
  int64_t size() const { return static_cast<int64_t>(payloads_.size()); }
  const Payload& at(int64_t i) const { return payloads_[static_cast<size_t>(i)]; }
  // Opens the file that an external_data location names, relative to the model's folder; set by the
  // loader. Unset: external data is an error.
  using ExternalOpener =
      std::function<absl::StatusOr<std::shared_ptr<const ByteSource>>(absl::string_view location, uint64_t* file_size)>;
  ExternalOpener open_external;
  // The data files beside the model that payloads lie in.
  std::vector<std::string> external_files;

 private:
  std::vector<Payload> payloads_;
};

// The token in `proto`, or −1.
int64_t PayloadToken(const onnx::TensorProto& proto);
void SetPayloadToken(int64_t token, onnx::TensorProto* proto);

// Decodes any of ONNX's encodings (raw_data, float_data, int32_data with float16 bits, int64_data,
// double_data, uint64_data, string_data, external data, token). Checks: known type, dims not negative
// and without overflow, payload bytes = dims × size. `where` begins messages ("model.onnx: initializer 'w'").
// With an `owner` that keeps `proto` alive and unchanged, the tensor shares the bytes of raw_data with it.
absl::StatusOr<Tensor> TensorFromProto(const onnx::TensorProto& proto, const PayloadTable& payloads,
                                       absl::string_view where,
                                       std::shared_ptr<const void> owner = nullptr);

// The dense tensor of a sparse one, if it is at most `max_bytes`; Unimplemented beyond.
absl::StatusOr<Tensor> TensorFromSparse(const onnx::SparseTensorProto& proto,
                                        const PayloadTable& payloads, absl::string_view where,
                                        int64_t max_bytes = int64_t{1} << 20);

// Writes type, dims and payload into `proto` (name and doc_string are left alone; other payload fields
// are cleared): raw_data below `inline_limit` bytes, else a token added to `payloads`. Strings: string_data.
absl::Status TensorToProto(const Tensor& tensor, int64_t inline_limit, PayloadTable* payloads,
                           onnx::TensorProto* proto);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_IR_TENSOR_PROTO_H_
