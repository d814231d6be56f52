// Small files that flags name.
#ifndef DSPERSE_SLICER_CLI_READ_FILE_H_
#define DSPERSE_SLICER_CLI_READ_FILE_H_

#include <string>

#include "absl/status/statusor.h"

namespace dsperse {

// All bytes of `path`, which may be a pipe (`@<(…)` of a shell). Errors name it: NotFound; InvalidArgument (a
// directory); ResourceExhausted (more than 1 GiB); Unavailable (it can't be read).
absl::StatusOr<std::string> ReadFile(const std::string& path);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_CLI_READ_FILE_H_
