// Digests of bytes and of files: SHA-256 and BLAKE3.
#ifndef DSPERSE_SLICER_FILE_HASH_H_
#define DSPERSE_SLICER_FILE_HASH_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "fold/ir/file.h"
#include "slicer/jobs.h"

namespace dsperse {

// SHA-256 (FIPS 180-4) is what everyone has at hand. BLAKE3, 256 bits of it, is as good a promise at a fourth of the
// price or less (docs/adr/0007-slices-are-hashed-with-blake3.md).
enum class Digest { kSha256, kBlake3 };
// "sha256", "blake3": keys of a receipt.
absl::string_view DigestName(Digest digest);

// The digest of bytes that come piece by piece.
class Hasher {
 public:
  explicit Hasher(Digest digest);
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

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
  std::string hash;  // 64 lower-case hexadecimal digits
};

// Reads `file` once, through a buffer of 64 KiB. With `jobs`, it is one of them: Cancelled when they are given up. Errors
// as of InputFile (fold/ir/file.h).
absl::StatusOr<HashedFile> HashFile(const SourceFile& file, absl::string_view name, Digest digest,
                                    const Jobs* jobs = nullptr);
// The regular file that `path` leads to now.
absl::StatusOr<HashedFile> HashFile(const std::string& path, absl::string_view name, Digest digest);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_FILE_HASH_H_
