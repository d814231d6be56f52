// OutputFile: the way to the disk.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/file.h"
#include "fold/ir/model_file.h"
#include "fold/ir/posix_file.h"
#include "fold/ir/status_macros.h"

namespace dsperse {
namespace {

constexpr size_t kBuffer = size_t{1}
                           << 18;  // stays in a processor's cache between reading and writing
// Of a file with a tap: several are written at a time, and each byte waits for the tap anyway.
constexpr size_t kTappedBuffer = size_t{1} << 17;
constexpr size_t kPage = 4096;  // alignment, and room for an element that crosses the buffer's end

// A file of this size is written by two threads,
constexpr uint64_t kThreadFrom = uint64_t{8} << 20;
// which share what is as large as this.
constexpr uint64_t kShareFrom = uint64_t{1} << 18;
// Pieces that wait for the other thread before the caller's takes part.
constexpr size_t kPiecesAhead = 32;

// From this size on, unchanged bytes that stay at the same place within a block are left to the system to copy,
// which may share the blocks.
constexpr uint64_t kCopyFrom = uint64_t{1} << 20;
constexpr uint64_t kBlock = 4096;
constexpr uint64_t kCopyPiece = uint64_t{1} << 26;

}  // namespace

// ---- Temporaries ----

// The name of a temporary that a signal handler may have to unlink. Slots are used again, never
// freed, and in a list that only grows at its head, so the handler can walk it at any moment.
struct OutputFile::Temporary {
  std::atomic<bool> taken{true};
  std::atomic<bool> exists{false};
  char path[PATH_MAX] = {};
  Temporary* next = nullptr;

  static std::atomic<Temporary*> head;
  static Temporary* Take();
  static void Unlink();
};

std::atomic<OutputFile::Temporary*> OutputFile::Temporary::head{nullptr};

OutputFile::Temporary* OutputFile::Temporary::Take() {
  for (Temporary* slot = head.load(); slot != nullptr; slot = slot->next) {
    bool free = false;
    if (slot->taken.compare_exchange_strong(free, true)) return slot;
  }
  auto* slot = new Temporary;
  slot->next = head.load();
  while (!head.compare_exchange_weak(slot->next, slot)) {
  }
  return slot;
}

void OutputFile::Temporary::Unlink() {
  for (Temporary* slot = head.load(); slot != nullptr; slot = slot->next) {
    if (slot->exists.load()) unlink(slot->path);
  }
}

void CleanUpTemporaries() { OutputFile::CleanUp(); }

void OutputFile::CleanUp() { Temporary::Unlink(); }

// ---- Helper ----

// Large tensors are cut into pieces that each thread reads, scales and writes by itself, in no particular order:
// their places in the file are known. Handing buffers from a reading to a writing thread would cost a wake-up and a
// move between two processors' caches for each.
class OutputFile::Helper {
 public:
  // Null if the system gives no thread or no memory.
  static std::unique_ptr<Helper> Start(OutputFile* file) {
    Buffer buffer = NewBuffer(kBuffer);
    if (buffer == nullptr) return nullptr;
    std::unique_ptr<Helper> helper(new Helper(file, std::move(buffer)));
    try {
      helper->thread_ = std::thread([h = helper.get()] { h->Run(); });
    } catch (const std::system_error&) {
      return nullptr;
    }
    return helper;
  }
  ~Helper() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      pieces_.clear();
      done_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  // Takes the piece; while many are waiting, the caller does the first ones, in `buffer`. The error of an
  // earlier piece, if there was any.
  absl::Status Submit(Piece piece, char* buffer) {
    std::unique_lock<std::mutex> lock(mutex_);
    DSPERSE_RETURN_IF_ERROR(status_);
    pieces_.push_back(std::move(piece));
    if (idle_) changed_.notify_all();
    while (pieces_.size() > kPiecesAhead) DoFirst(lock, buffer);
    return status_;
  }

  // Returns when all pieces are done, or one has failed.
  absl::Status Finish(char* buffer) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      while (!pieces_.empty()) DoFirst(lock, buffer);
      done_ = true;
    }
    changed_.notify_all();
    thread_.join();
    return status_;
  }

 private:
  Helper(OutputFile* file, Buffer buffer) : file_(file), buffer_(std::move(buffer)) {}

  // After an error the rest is dropped.
  void DoFirst(std::unique_lock<std::mutex>& lock, char* buffer) {
    const Piece piece = std::move(pieces_.front());
    pieces_.pop_front();
    if (!status_.ok()) return;
    lock.unlock();
    absl::Status status = file_->Do(piece, buffer);
    lock.lock();
    if (status_.ok()) status_ = std::move(status);
  }

  void Run() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      idle_ = true;
      changed_.wait(lock, [this] { return done_ || !pieces_.empty(); });
      idle_ = false;
      if (pieces_.empty()) return;
      DoFirst(lock, buffer_.get());
    }
  }

  OutputFile* const file_;
  const Buffer buffer_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Piece> pieces_;
  absl::Status status_;
  bool idle_ = false;
  bool done_ = false;
  std::thread thread_;
};

// ---- OutputFile ----

OutputFile::OutputFile() = default;

void OutputFile::Free::operator()(char* p) const { std::free(p); }

OutputFile::Buffer OutputFile::NewBuffer(size_t capacity) {
  return Buffer(static_cast<char*>(std::aligned_alloc(kPage, capacity + kPage)));
}

absl::StatusOr<std::unique_ptr<OutputFile>> OutputFile::Create(const std::string& path,
                                                               uint64_t size, ByteTap tap) {
  std::unique_ptr<OutputFile> file(new OutputFile);
  file->tap_ = std::move(tap);
  file->path_ = path;
  file->target_ = path;
  file->capacity_ = file->tap_ != nullptr ? kTappedBuffer : kBuffer;
  file->buffer_ = NewBuffer(file->capacity_);
  if (file->buffer_ == nullptr) {
    return absl::ResourceExhaustedError(absl::StrCat(path, ": no memory for a buffer"));
  }
  if (path.empty()) return absl::InvalidArgumentError("empty file name");
  if (char* real = realpath(path.c_str(), nullptr); real != nullptr) {
    file->target_ = real;
    std::free(real);
  }
  struct stat st;
  const bool exists = stat(path.c_str(), &st) == 0;
  if (exists && S_ISDIR(st.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": is a directory"));
  }
  if (exists && !S_ISREG(st.st_mode)) {
    file->fd_ = OpenRetrying(path.c_str(), O_WRONLY);
    if (file->fd_ < 0) return FromErrno(errno, path, "cannot open");
    return file;
  }
  DSPERSE_RETURN_IF_ERROR(file->OpenTemporary(size));
  if (size >= kThreadFrom && file->tap_ == nullptr && std::thread::hardware_concurrency() != 1) {
    file->helper_ = Helper::Start(file.get());
  }
  if (exists) {
    // The mode is a courtesy; a file system without modes is no reason to fail.
    (void)fchmod(file->fd_, st.st_mode & 0777);
  }
  return file;
}

absl::Status OutputFile::OpenTemporary(uint64_t size) {
  static std::atomic<uint64_t> serial{0};
  temporary_ = Temporary::Take();
  reserved_ = size;
  const std::string folder = FolderOf(target_);
  for (int attempt = 0;; ++attempt) {
    const std::string name =
        absl::StrCat(folder, "/.dsperse-", getpid(), "-", serial.fetch_add(1), ".tmp");
    if (name.size() >= sizeof temporary_->path) {
      return absl::InvalidArgumentError(absl::StrCat(path_, ": name too long"));
    }
    std::memcpy(temporary_->path, name.c_str(), name.size() + 1);
    // Registered first: a signal between the two calls must not leave a file.
    temporary_->exists = true;
    fd_ = OpenRetrying(temporary_->path, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (fd_ >= 0) break;
    const int error = errno;
    temporary_->exists = false;
    if (error != EEXIST || attempt == 100) return FromErrno(error, path_, "cannot write");
  }
  if (size > 0 && fallocate(fd_, 0, 0, static_cast<off_t>(size)) != 0 && errno != EOPNOTSUPP &&
      errno != ENOSYS && errno != EINTR) {
    return FromErrno(errno, path_, absl::StrCat("cannot reserve ", size, " bytes"));
  }
  return absl::OkStatus();
}

OutputFile::~OutputFile() {
  helper_.reset();
  if (fd_ >= 0) close(fd_);
  if (temporary_ != nullptr) {
    if (temporary_->exists) unlink(temporary_->path);
    temporary_->exists = false;
    temporary_->taken = false;
  }
}

absl::Status OutputFile::Flush(size_t size) {
  if (tap_ != nullptr) DSPERSE_RETURN_IF_ERROR(tap_(absl::string_view(buffer_.get(), size)));
  DSPERSE_RETURN_IF_ERROR(WriteAt(position_, buffer_.get(), size));
  position_ += size;
  used_ -= size;
  std::memcpy(buffer_.get(), buffer_.get() + size, used_);
  return absl::OkStatus();
}

absl::Status OutputFile::Do(const Piece& piece, char* buffer) const {
  if (piece.tensor != nullptr) {
    DSPERSE_RETURN_IF_ERROR(piece.tensor->ReadToWrite(static_cast<int64_t>(piece.offset),
                                                      absl::MakeSpan(buffer, piece.length)));
    return WriteAt(piece.position, buffer, piece.length);
  }
  bool supported = false;
  DSPERSE_RETURN_IF_ERROR(piece.source->CopyTo(piece.offset, piece.length, fd_, piece.position,
                                               path_, &supported));
  for (uint64_t done = 0; !supported && done < piece.length;) {
    const size_t n = static_cast<size_t>(std::min<uint64_t>(kBuffer, piece.length - done));
    DSPERSE_RETURN_IF_ERROR(piece.source->Read(piece.offset + done, absl::MakeSpan(buffer, n)));
    DSPERSE_RETURN_IF_ERROR(WriteAt(piece.position + done, buffer, n));
    done += n;
  }
  return absl::OkStatus();
}

// A device or a pipe has no positions: there, writes come in order, from one thread.
absl::Status OutputFile::WriteAt(uint64_t position, const char* data, size_t size) const {
  while (size > 0) {
    const ssize_t n = temporary_ != nullptr
                          ? pwrite(fd_, data, size, static_cast<off_t>(position))
                          : write(fd_, data, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return FromErrno(n < 0 ? errno : EIO, path_, "write");
    data += n;
    size -= static_cast<size_t>(n);
    position += static_cast<uint64_t>(n);
  }
  return absl::OkStatus();
}

absl::Status OutputFile::Append(absl::string_view bytes) {
  while (!bytes.empty()) {
    const size_t n = std::min(bytes.size(), capacity_ - used_);
    std::memcpy(buffer_.get() + used_, bytes.data(), n);
    used_ += n;
    bytes.remove_prefix(n);
    if (used_ == capacity_) DSPERSE_RETURN_IF_ERROR(Flush(capacity_));
  }
  return absl::OkStatus();
}

absl::Status OutputFile::AppendTensor(const Tensor& tensor) {
  if (tensor.in_memory()) return Append(tensor.raw());
  if (helper_ != nullptr && static_cast<uint64_t>(tensor.num_bytes()) >= kShareFrom) {
    return Share(tensor);
  }
  const int64_t element = std::max(BitWidth(tensor.dtype()) / 8, 1);
  for (int64_t offset = 0; offset < tensor.num_bytes();) {
    // Whole elements only; the last one may reach beyond the buffer's end, into its slack.
    const int64_t room = static_cast<int64_t>(capacity_ - used_);
    const int64_t n =
        std::min((room + element - 1) / element * element, tensor.num_bytes() - offset);
    DSPERSE_RETURN_IF_ERROR(
        tensor.ReadToWrite(offset, absl::MakeSpan(buffer_.get() + used_, static_cast<size_t>(n))));
    offset += n;
    used_ += static_cast<size_t>(n);
    if (used_ >= capacity_) DSPERSE_RETURN_IF_ERROR(Flush(capacity_));
  }
  return absl::OkStatus();
}

// Pieces of whole elements that end at a multiple of kBuffer in the file, or as soon behind it as an element does.
absl::Status OutputFile::Share(const Tensor& tensor) {
  DSPERSE_RETURN_IF_ERROR(Flush(used_));
  const uint64_t element = static_cast<uint64_t>(std::max(BitWidth(tensor.dtype()) / 8, 1));
  const uint64_t size = static_cast<uint64_t>(tensor.num_bytes());
  const auto shared = std::make_shared<const Tensor>(tensor);
  for (uint64_t offset = 0; offset < size;) {
    const uint64_t room = kBuffer - position_ % kBuffer;
    Piece piece;
    piece.tensor = shared;
    piece.offset = offset;
    piece.length = std::min((room + element - 1) / element * element, size - offset);
    piece.position = position_;
    offset += piece.length;
    position_ += piece.length;
    DSPERSE_RETURN_IF_ERROR(helper_->Submit(std::move(piece), buffer_.get()));
  }
  return absl::OkStatus();
}

absl::Status OutputFile::AppendSpan(const std::shared_ptr<const ByteSource>& source,
                                    uint64_t offset, uint64_t length) {
  std::shared_ptr<const InputFile> file;
  if (length >= kCopyFrom && temporary_ != nullptr && tap_ == nullptr && (position_ + used_) % kBlock == offset % kBlock) {
    file = std::dynamic_pointer_cast<const InputFile>(source);
  }
  if (file == nullptr) return ByteSink::AppendSpan(source, offset, length);
  DSPERSE_RETURN_IF_ERROR(Flush(used_));
  for (uint64_t done = 0; done < length;) {
    Piece piece;
    piece.source = file;
    piece.offset = offset + done;
    piece.length = std::min(kCopyPiece, length - done);
    piece.position = position_;
    done += piece.length;
    position_ += piece.length;
    DSPERSE_RETURN_IF_ERROR(helper_ != nullptr ? helper_->Submit(std::move(piece), buffer_.get())
                                               : Do(piece, buffer_.get()));
  }
  return absl::OkStatus();
}

absl::Status OutputFile::Finish(bool fsync) {
  DSPERSE_RETURN_IF_ERROR(Flush(used_));
  if (helper_ != nullptr) {
    const absl::Status status = helper_->Finish(buffer_.get());
    helper_.reset();
    DSPERSE_RETURN_IF_ERROR(status);
  }
  if (temporary_ != nullptr && position_ != reserved_) {
    return absl::InternalError(
        absl::StrCat(path_, ": ", position_, " bytes written where ", reserved_, " were announced"));
  }
  if (fsync) DSPERSE_RETURN_IF_ERROR(SyncFd(fd_, path_));
  const int result = close(fd_);
  fd_ = -1;
  if (result != 0 && errno != EINTR) return FromErrno(errno, path_, "close");
  return absl::OkStatus();
}

absl::Status OutputFile::Commit(bool fsync) {
  if (temporary_ == nullptr) return absl::OkStatus();
  if (rename(temporary_->path, target_.c_str()) != 0) return FromErrno(errno, path_, "rename");
  temporary_->exists = false;
  if (!fsync) return absl::OkStatus();
  const std::string folder = FolderOf(target_);
  const int fd = OpenRetrying(folder.c_str(), O_RDONLY | O_DIRECTORY);
  if (fd < 0) return FromErrno(errno, folder, "cannot open");
  const absl::Status status = SyncFd(fd, folder);
  close(fd);
  return status;
}

}  // namespace dsperse
