// SHA-256 of bytes and of files.
#ifndef DSPERSE_SLICER_FILE_HASH_H_
#define DSPERSE_SLICER_FILE_HASH_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "slicer/jobs.h"

namespace dsperse {

// SHA-256 (FIPS 180-4) of bytes that come piece by piece.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(absl::string_view bytes);
  // 64 lower-case hexadecimal digits. To be called once. Internal: the digest's library failed.
  absl::StatusOr<std::string> Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct HashedFile {
  std::string name;  // "" where the name decides nothing
  uint64_t bytes = 0;
  std::string sha256;  // 64 lower-case hexadecimal digits
};

// Reads the regular file `path` once, through a buffer of 64 KiB. With `jobs`, it is one of them: Cancelled when they
// are given up. Errors as of InputFile (fold/ir/file.h).
absl::StatusOr<HashedFile> HashFile(const std::string& path, absl::string_view name,
                                    const Jobs* jobs = nullptr);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_FILE_HASH_H_
