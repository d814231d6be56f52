// ONNX files in and out, without ever holding the weights.
//
// Loading walks the wire format through one window, copies everything but payloads of 1 KiB and more
// into a skeleton that protobuf parses, and remembers where each payload lies. Saving serialises the
// skeleton and streams payloads through one aligned buffer, applying fused factors on the way, into a
// temporary file in the target's folder that is renamed at the end. Peak memory: the skeleton's protos
// plus a few MB; time: about that of copying the file.
#ifndef DSPERSE_FOLD_IR_MODEL_FILE_H_
#define DSPERSE_FOLD_IR_MODEL_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "fold/ir/file.h"
#include "fold/ir/graph.h"

namespace dsperse {

struct LoadOptions {
  // Limit of memory that loading may take, in bytes; 0: four times the file plus 1 GiB.
  int64_t max_memory = 0;
  // Nodes after inlining model-local functions (a model can grow exponentially by them).
  int64_t max_nodes = 10'000'000;
};

struct LoadedModel {
  Graph graph;
  std::vector<SourceFile> files;   // the model, then its external data in the order of their first use
  int64_t file_bytes = 0;          // of the model and its external data
  std::vector<std::string> notes;  // "nodes were out of order and have been sorted", …
};

// Errors name the file, the tensor or node and the numbers:
//   NotFound: no such file. InvalidArgument: a directory, not a protobuf, no graph, payload ≠ dims × size,
//   dims negative or overflowing, duplicate names, a read of what nobody produces, a cycle, unknown
//   element type, no default opset, external data outside the model's folder, recursive functions.
//   DataLoss: truncated, empty, external data short. Unimplemented: opset or IR newer than known,
//   functions that could not be inlined. ResourceExhausted: nesting too deep, max_memory, max_nodes.
absl::StatusOr<LoadedModel> LoadModel(const std::string& path, const LoadOptions& options = {});
// The same from bytes in memory (kept alive by the graph's tensors). External data is refused.
absl::StatusOr<LoadedModel> LoadModelFromBytes(std::string bytes, absl::string_view name,
                                               const LoadOptions& options = {});

struct SaveOptions {
  // Payloads of 1 KiB and more go to `<name>.data` beside the model, 64-byte aligned. Automatic when
  // the model file would exceed 2 GiB (unless `forbid_external`: then ResourceExhausted).
  bool external_data = false;
  bool forbid_external = false;
  bool fsync = false;  // durable across power loss before it returns
};

struct SavedModel {
  std::vector<std::string> files;
  int64_t file_bytes = 0;
};

// Writes `graph` to `path`; a file there is replaced in one step, also if it is the one the graph was
// loaded from. After an error, or after CleanUpTemporaries() from a signal handler, no temporary is left.
absl::StatusOr<SavedModel> SaveModel(const Graph& graph, const std::string& path,
                                     const SaveOptions& options = {});
// Into memory (tests, hashes of small models). Payloads are read.
absl::StatusOr<std::string> SaveModelToBytes(const Graph& graph);

// Unlinks the temporaries being written. Async-signal-safe.
void CleanUpTemporaries();

}  // namespace dsperse

#endif  // DSPERSE_FOLD_IR_MODEL_FILE_H_
