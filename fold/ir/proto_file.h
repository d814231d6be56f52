// Model files as protos: the half of model_file.h that knows no Graph.
#ifndef DSPERSE_FOLD_IR_PROTO_FILE_H_
#define DSPERSE_FOLD_IR_PROTO_FILE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "fold/ir/file.h"
#include "fold/ir/model_file.h"
#include "fold/ir/tensor_proto.h"

namespace dsperse {

// A model whose large payloads are tokens into `payloads`.
struct SkeletonModel {
  std::shared_ptr<onnx::ModelProto> model;  // of an arena of its own
  std::shared_ptr<PayloadTable> payloads;
};

// The memory that loading a file of `size` bytes may take: `wanted`, or the default where that is 0.
int64_t MemoryLimit(uint64_t size, int64_t wanted);

// Parses a skeleton whose payloads are in `payloads`. Model-local functions are left. `name` begins messages.
// Errors: those of LoadModel that concern the file as such.
absl::StatusOr<SkeletonModel> ParseSkeleton(absl::string_view skeleton,
                                            std::shared_ptr<PayloadTable> payloads,
                                            absl::string_view name, int64_t max_memory);
// The same of the `size` bytes in `source`.
absl::StatusOr<SkeletonModel> ReadModelProto(const std::shared_ptr<const ByteSource>& source,
                                             uint64_t size, int64_t max_memory);

// Writes a serialised ModelProto, tokens replaced by their payloads, to `path` as SaveModel does. `tap` sees the
// model's file, not its external data. Thread-safe for different paths.
absl::StatusOr<SavedModel> WriteSkeleton(absl::string_view skeleton, const PayloadTable& payloads,
                                         const std::string& path, const SaveOptions& options = {},
                                         ByteTap tap = nullptr);
// The same into memory.
absl::StatusOr<std::string> WriteSkeletonToBytes(absl::string_view skeleton,
                                                 const PayloadTable& payloads);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_IR_PROTO_FILE_H_
