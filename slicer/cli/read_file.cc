#include "slicer/cli/read_file.h"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace dsperse {

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  constexpr size_t kMost = size_t{1} << 30;
  constexpr size_t kStep = size_t{1} << 16;
  // A stream opens a directory, and throws when it is read.
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": is a directory"));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return absl::NotFoundError(
        absl::StrCat(path, std::filesystem::exists(path, error) ? ": can't be read" : ": there is no such file"));
  }
  std::string bytes;
  while (file) {
    const size_t before = bytes.size();
    if (before >= kMost) return absl::ResourceExhaustedError(absl::StrCat(path, ": more than 1 GiB"));
    bytes.resize(before + kStep);
    file.read(&bytes[before], static_cast<std::streamsize>(kStep));
    bytes.resize(before + static_cast<size_t>(file.gcount()));
  }
  if (file.bad()) return absl::UnavailableError(absl::StrCat(path, ": can't be read"));
  return bytes;
}

}  // namespace dsperse
