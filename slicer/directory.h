// A slices directory on disk: written under a temporary name and exchanged at the end, so that a
// reader never sees half of one.
#ifndef DSPERSE_SLICER_DIRECTORY_H_
#define DSPERSE_SLICER_DIRECTORY_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "fold/ir/graph.h"
#include "fold/ops/facts.h"
#include "slicer/extract.h"
#include "slicer/metadata.h"
#include "slicer/plan.h"
#include "slicer/receipt.h"

namespace dsperse {

// Unimplemented, with advice, where a model file of so many bytes would need external data, which DSperse
// does not read.
absl::Status CheckModelSize(uint64_t bytes);
// The same for what the graph's weights alone take. Reads none of them.
absl::Status CheckModelSize(const Graph& graph);

// Of receipts of a slices directory, its inputs included: to hash what comes in, model.onnx and every slice takes longer
// than all else with SHA-256.
inline constexpr Digest kSlicesDigest = Digest::kBlake3;

struct WriteOptions {
  bool lazy = false;   // metadata and model.onnx only: DSperse makes the slices itself
  bool force = false;  // compiled circuits of changed slices, and foreign files, may be lost
  bool fsync = false;
  // Further files of the directory: name, content.
  std::vector<std::pair<std::string, std::string>> files;
  // Set: what it returns, with every file of the directory among its outputs, becomes receipt.json. Called when all
  // else is written, before the directory takes its place. An error of it is one of WriteDirectory. Its digest is
  // kSlicesDigest.
  std::function<absl::StatusOr<Receipt>()> receipt;
};

struct WrittenDirectory {
  std::vector<std::string> files;  // relative paths, in the order written
  int64_t bytes = 0;
  std::string account;                     // slices.json, where the caller had one written
  std::optional<Receipt> receipt;          // with WriteOptions::receipt
  std::vector<std::string> kept_circuits;  // slices whose compiled circuit was carried over
  std::vector<std::string> lost;           // with `force`: circuits and files given up
};

// Writes model.onnx, metadata.msgpack, every slice file and `options.files` to `path`.
//
// Where `path` exists it must be empty or a slices directory (a metadata.msgpack that can be read): anything
// else is InvalidArgument, and stays as it is. Circuits compiled there (slice_i/jstprove) are carried
// over for slices whose file has the same bytes. Where others would be lost, or files that are no part
// of a slices directory, FailedPrecondition names them unless `force` is given. After an error the
// directory is the old one and no temporary is left; of two processes that write to one path at once,
// the one that ends last wins, whole. A symbolic link at `path` is followed.
// Unimplemented: a model of more than 2 GiB. ResourceExhausted: a full disk.
absl::StatusOr<WrittenDirectory> WriteDirectory(const Extractor& extractor, const Plan& plan,
                                                const Metadata& metadata, const std::string& path,
                                                const WriteOptions& options = {});

}  // namespace dsperse

#endif  // DSPERSE_SLICER_DIRECTORY_H_
