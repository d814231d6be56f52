// SHA-256 of bytes and of files, on a thread beside the work where that is to be had.
#ifndef DSPERSE_SLICER_FILE_HASH_H_
#define DSPERSE_SLICER_FILE_HASH_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

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

// Reads the regular file `path` once, through a buffer of 256 KiB. Errors as of InputFile (fold/ir/file.h).
absl::StatusOr<HashedFile> HashFile(const std::string& path, absl::string_view name);

// Hashes files on a thread of its own while their owner does other things. Where the system gives no
// thread, Finish does all the work.
//
//   FileHasher hasher;
//   hasher.Add("dir/a", "a");          // to be read from now on: nobody writes to it any more
//   …
//   DSPERSE_ASSIGN_OR_RETURN(std::vector<HashedFile> hashed, hasher.Finish());
class FileHasher {
 public:
  FileHasher();
  // Gives up what isn't hashed yet.
  ~FileHasher();
  FileHasher(const FileHasher&) = delete;
  FileHasher& operator=(const FileHasher&) = delete;

  void Add(std::string path, absl::string_view name);
  // Of all files, in the order they were added; the caller's thread helps. The error of the first file that
  // has one. To be called once.
  absl::StatusOr<std::vector<HashedFile>> Finish();

 private:
  class Queue;
  std::unique_ptr<Queue> queue_;
};

}  // namespace dsperse

#endif  // DSPERSE_SLICER_FILE_HASH_H_
