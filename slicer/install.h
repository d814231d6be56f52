// Installing a finished slices directory in the place of an older one, circuits that were compiled there included.
#ifndef DSPERSE_SLICER_INSTALL_H_
#define DSPERSE_SLICER_INSTALL_H_

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "slicer/temporary_directory.h"

namespace dsperse {

// Files of a slices directory, beside model.onnx, slices.json and slice_0, slice_1, ….
inline constexpr char kMetadataFile[] = "metadata.msgpack";
inline constexpr char kReceiptFile[] = "receipt.json";

// Where to write to: a full path, a link at its end followed. InvalidArgument: no path of a directory.
absl::StatusOr<std::filesystem::path> InstallPath(const std::string& path);

// May `target` be replaced, as a slices directory or an empty one? False where nothing is there. InvalidArgument:
// anything else is, or the current directory.
absl::StatusOr<bool> MayReplace(const std::filesystem::path& target);

struct InstallOptions {
  bool force = false;  // circuits and foreign files may be lost
  bool fsync = false;  // on disk when it returns
};

// What a slices directory holds that the new one does not.
struct Leftovers {
  std::vector<std::string> kept;     // "slice_3": its circuit serves the new one too
  std::vector<std::string> lost;     // "slice_3": its circuit does not
  std::vector<std::string> foreign;  // files that are no part of a slices directory
};

// Gives `fresh` the name `target`, in one step, and what was there to `fresh` to be removed. Of two that install at
// once, the second sees what the first left. Circuits of slices whose file has the same bytes are carried over.
// FailedPrecondition: others would be lost, or foreign files, without `force`. Errors besides: those of MayReplace and
// of TemporaryDirectory.
absl::StatusOr<Leftovers> Install(TemporaryDirectory& fresh, const std::filesystem::path& target,
                                  const InstallOptions& options);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_INSTALL_H_
