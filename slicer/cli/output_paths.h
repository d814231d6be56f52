// Where outputs may go: no file that a command reads, and no two of them to one.
#ifndef DSPERSE_SLICER_CLI_OUTPUT_PATHS_H_
#define DSPERSE_SLICER_CLI_OUTPUT_PATHS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "fold/ir/file.h"

namespace dsperse {

// One file, by whatever names: links are followed, and a path that names no file yet is compared by its text.
bool SameFile(const std::string& a, const std::string& b);

struct OutputPath {
  std::string flag;   // "--report": begins the message
  std::string path;   // there or not; "": nothing is written
  bool replaces_folder = false;  // `slice -o`
  bool may_be_model = false;     // `fold -o`: the model is replaced when all of it has been read
};

// Usage errors where an output is the file of an earlier one: "--receipt r.json: is where --report goes too".
absl::Status CheckOutputsDiffer(absl::Span<const OutputPath> outputs);

// A usage error where an output is the model in `path`, or replaces a folder that holds it.
absl::Status CheckOutputsSpareModel(absl::Span<const OutputPath> outputs, const std::string& path);

// The same for all that was read, LoadedModel::files: the model and its external data.
absl::Status CheckOutputsSpare(absl::Span<const OutputPath> outputs, absl::Span<const SourceFile> files);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_CLI_OUTPUT_PATHS_H_
