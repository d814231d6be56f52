// Files: one to read spans from, and one to be written and put in place in one step.
//
// Errors name the file. Reading: NotFound, PermissionDenied, InvalidArgument (a directory, not a regular
// file), DataLoss (it shrank), FailedPrecondition (it changed since it was opened), Unavailable (I/O).
// Writing: ResourceExhausted (no space), PermissionDenied, NotFound (no such folder), InvalidArgument (a
// directory), Unavailable (I/O).
#ifndef DSPERSE_FOLD_IR_FILE_H_
#define DSPERSE_FOLD_IR_FILE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "fold/ir/tensor.h"

namespace dsperse {

// A regular file, read at any offset. Every read checks afterwards that the file is what it was when it
// was opened. Thread-safe.
class InputFile : public ByteSource {
 public:
  // `hold` keeps the descriptor open, so that the content stays readable after the path has been
  // replaced; otherwise the file is opened anew for each read (for models with hundreds of data files).
  static absl::StatusOr<std::shared_ptr<const InputFile>> Open(const std::string& path,
                                                               bool hold = true);
  ~InputFile() override;
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  absl::Status Read(uint64_t offset, absl::Span<char> out) const override;
  absl::string_view name() const override { return path_; }
  uint64_t size() const { return stamp_.size; }

  // While one lives, small reads in ascending order are served from a buffer that is filled ahead: for who
  // is about to read thousands of small payloads. What the file was is then checked at each filling.
  class SmallReads {
   public:
    explicit SmallReads(std::shared_ptr<const InputFile> file);
    ~SmallReads();
    SmallReads(const SmallReads&) = delete;
    SmallReads& operator=(const SmallReads&) = delete;

   private:
    const std::shared_ptr<const InputFile> file_;
    bool owner_ = false;
  };

  // Copies bytes to `out_offset` of the file `out_name`, open as `out`, within the system, or, where that can't
  // be done, says so in `*supported` and copies nothing.
  absl::Status CopyTo(uint64_t offset, uint64_t length, int out, uint64_t out_offset,
                      absl::string_view out_name, bool* supported) const;

 private:
  struct Window {
    std::unique_ptr<char[]> bytes;
    uint64_t begin = 0;  // of the bytes, in the file
    size_t size = 0;
    uint64_t next = 0;  // where the last read ended
  };
  struct Stamp {
    uint64_t size = 0;
    uint64_t device = 0;
    uint64_t inode = 0;
    int64_t seconds = 0;
    int64_t nanoseconds = 0;
  };
  InputFile(std::string path, Stamp stamp, int fd)
      : path_(std::move(path)), stamp_(stamp), fd_(fd) {}
  static absl::StatusOr<int> OpenStamped(const std::string& path, Stamp* stamp);
  absl::Status CheckUnchanged(int fd) const;
  absl::Status ReadDirectly(uint64_t offset, absl::Span<char> out) const;
  absl::Status ReadAhead(uint64_t offset, absl::Span<char> out) const;

  const std::string path_;
  const Stamp stamp_;
  const int fd_;  // −1: opened for each read
  mutable std::mutex window_mutex_;
  mutable std::unique_ptr<Window> window_;  // set: SmallReads
};

// Bytes in memory as a source.
class MemoryFile : public ByteSource {
 public:
  MemoryFile(std::string bytes, absl::string_view name) : bytes_(std::move(bytes)), name_(name) {}
  absl::Status Read(uint64_t offset, absl::Span<char> out) const override;
  absl::string_view name() const override { return name_; }
  uint64_t size() const { return bytes_.size(); }

 private:
  const std::string bytes_;
  const std::string name_;
};

// A file that something was made of. Reads of `source` give what was there when it was opened, whatever has taken the
// path since, or fail as those of InputFile do.
struct SourceFile {
  std::string path;  // opens from here
  std::shared_ptr<const ByteSource> source;
  uint64_t bytes = 0;
};

// Takes bytes in order.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual absl::Status Append(absl::string_view bytes) = 0;
  // Appends the canonical form of `tensor` (any but strings).
  virtual absl::Status AppendTensor(const Tensor& tensor) = 0;
  // Appends `length` bytes of `source`, as they are.
  virtual absl::Status AppendSpan(const std::shared_ptr<const ByteSource>& source, uint64_t offset,
                                  uint64_t length);
};

// Into a string.
class StringSink : public ByteSink {
 public:
  absl::Status Append(absl::string_view bytes) override;
  absl::Status AppendTensor(const Tensor& tensor) override;
  std::string& bytes() { return bytes_; }

 private:
  std::string bytes_;
};

// Sees the bytes of a file in their order, each once, shortly before they are written. An error of its own ends the
// writing.
using ByteTap = std::function<absl::Status(absl::string_view bytes)>;

// Writes a temporary file beside `path`, which takes that name at the end. The destructor removes the
// temporary of a file that was not committed; CleanUpTemporaries (model_file.h) does so from a signal
// handler. A symbolic link is followed: what it points to is replaced. The new file has the permissions
// of the one it replaces. Where `path` is a device or a pipe, the bytes go straight there.
class OutputFile : public ByteSink {
 public:
  // Exactly `size` bytes are to follow. They are reserved on the disk first, so that a full one is
  // noticed before anything is written. With a `tap`, all passes through it, and through the caller's thread.
  static absl::StatusOr<std::unique_ptr<OutputFile>> Create(const std::string& path, uint64_t size,
                                                            ByteTap tap = nullptr);
  ~OutputFile() override;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  absl::Status Append(absl::string_view bytes) override;
  absl::Status AppendTensor(const Tensor& tensor) override;
  absl::Status AppendSpan(const std::shared_ptr<const ByteSource>& source, uint64_t offset,
                          uint64_t length) override;

  // Flushes and closes. With `fsync`, the bytes are on the disk when it returns.
  absl::Status Finish(bool fsync);
  // Gives the finished file its name. With `fsync`, the name is on the disk when it returns.
  absl::Status Commit(bool fsync);

  // Unlinks all temporaries. Async-signal-safe.
  static void CleanUp();

 private:
  struct Temporary;
  class Helper;
  struct Free {
    void operator()(char* p) const;
  };
  using Buffer = std::unique_ptr<char, Free>;
  // `length` bytes for `position`: of a tensor's canonical form, from its byte `offset` on, or of another file.
  struct Piece {
    std::shared_ptr<const Tensor> tensor;
    std::shared_ptr<const InputFile> source;
    uint64_t offset = 0;
    uint64_t length = 0;
    uint64_t position = 0;
  };
  OutputFile();
  static Buffer NewBuffer(size_t capacity);
  absl::Status OpenTemporary(uint64_t size);
  // Writes the first `size` bytes of the buffer.
  absl::Status Flush(size_t size);
  absl::Status Share(const Tensor& tensor);
  // `buffer`: for the piece's bytes. Thread-safe, like WriteAt.
  absl::Status Do(const Piece& piece, char* buffer) const;
  absl::Status WriteAt(uint64_t position, const char* data, size_t size) const;

  std::string path_;                // as given, for messages
  std::string target_;              // symbolic links resolved
  Temporary* temporary_ = nullptr;  // null: writes straight to `target_`
  int fd_ = -1;
  uint64_t reserved_ = 0;
  uint64_t position_ = 0;  // of the buffer's first byte in the file
  size_t used_ = 0;        // waiting in the buffer
  size_t capacity_ = 0;    // of the buffer
  Buffer buffer_;          // empty, and free for other use, while pieces are shared
  ByteTap tap_;            // set: no pieces, no helper
  std::unique_ptr<Helper> helper_;  // null: the caller's thread does all
};

// The folder part of `path`: "." for a bare name.
std::string FolderOf(absl::string_view path);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_IR_FILE_H_
