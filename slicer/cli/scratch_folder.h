// A folder for files that are only looked at.
#ifndef DSPERSE_SLICER_CLI_SCRATCH_FOLDER_H_
#define DSPERSE_SLICER_CLI_SCRATCH_FOLDER_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace dsperse {

// Where the system wants temporary files (TMPDIR). Gone at the end with everything in it. One at a time is
// known to the signal handler.
class ScratchFolder {
 public:
  // Errors are marked as output errors.
  static absl::StatusOr<std::unique_ptr<ScratchFolder>> Create();
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {}
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::string& path() const { return path_; }
  // The path of a file in it.
  std::string File(absl::string_view name) const;

 private:
  std::string path_;
};

// Removes the folder that there is, with everything in it. Async-signal-safe.
void CleanUpScratchFolder();

}  // namespace dsperse

#endif  // DSPERSE_SLICER_CLI_SCRATCH_FOLDER_H_
