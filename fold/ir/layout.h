// How a skeleton (skeleton.h) and its payloads lie in a file: the way back.
#ifndef DSPERSE_FOLD_IR_LAYOUT_H_
#define DSPERSE_FOLD_IR_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "fold/ir/file.h"
#include "fold/ir/tensor_proto.h"

namespace dsperse {

// Are there more than `count` tokens in the tensors of a serialised ModelProto?
bool HasMoreTokens(absl::string_view skeleton, int64_t count);

// Bytes of the model as one file, every token replaced by its payload. Internal: a token that the table doesn't have.
// Linear in the size of the skeleton.
absl::StatusOr<uint64_t> InlineBytes(absl::string_view skeleton, const PayloadTable& payloads);

// Every token is replaced by its payload: as raw_data at that field's place, or as a reference to a data
// file in which the payloads follow each other at multiples of 64 bytes. All sizes are known before a byte
// is written. Keeps references to what it was made from. Linear in the size of the skeleton.
class FileLayout {
 public:
  // Internal: a token that the table doesn't have.
  static absl::StatusOr<FileLayout> Inline(absl::string_view skeleton,
                                           const PayloadTable& payloads);
  // `location` names the data file, relative to the model's folder.
  static absl::StatusOr<FileLayout> External(absl::string_view skeleton,
                                             const PayloadTable& payloads,
                                             absl::string_view location);

  uint64_t model_bytes() const { return model_bytes_; }
  uint64_t data_bytes() const { return data_bytes_; }  // 0 unless external

  absl::Status WriteModel(ByteSink* sink) const;
  absl::Status WriteData(ByteSink* sink) const;

 private:
  friend class LayoutBuilder;
  // Skeleton bytes [from, to) give way to `bytes` and then a payload (−1: none).
  struct Splice {
    size_t from = 0;
    size_t to = 0;
    std::string bytes;
    int64_t payload = -1;
  };
  FileLayout(absl::string_view skeleton, const PayloadTable& payloads)
      : skeleton_(skeleton), payloads_(&payloads) {}

  absl::string_view skeleton_;
  const PayloadTable* payloads_;
  std::vector<Splice> splices_;          // in order
  std::vector<int64_t> data_payloads_;   // in the order of the data file
  uint64_t model_bytes_ = 0;
  uint64_t data_bytes_ = 0;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_IR_LAYOUT_H_
