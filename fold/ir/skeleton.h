// A model file without its weights.
//
// The skeleton of a file is a serialised ModelProto in which each payload of 1 KiB and more (raw_data;
// packed float_data of a float and double_data of a double tensor, which are the same bytes) is replaced by
// a token (tensor_proto.h). Making it reads everything else once, through a window of at most 1 MiB.
// Lengths of messages that a payload has gone from take as many bytes as before; everything else is as it
// was, byte for byte.
#ifndef DSPERSE_FOLD_IR_SKELETON_H_
#define DSPERSE_FOLD_IR_SKELETON_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "fold/ir/tensor_proto.h"

namespace dsperse {

// Payloads from this size on stay in the file.
inline constexpr uint64_t kMinPayload = 1024;
// Messages inside each other, as in the protobuf library.
inline constexpr int kMaxNesting = 100;

// Reads the skeleton of the `size` bytes in `source`; payloads are added to `payloads`.
// DataLoss: empty or truncated. InvalidArgument: not a protocol buffer, or the token's field number is in
// use. ResourceExhausted: nested too deep, or the skeleton has more than `max_bytes`.
absl::Status ReadSkeleton(const std::shared_ptr<const ByteSource>& source, uint64_t size,
                          uint64_t max_bytes, std::string* skeleton, PayloadTable* payloads);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_IR_SKELETON_H_
