#include "fold/ir/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <new>

#include "absl/strings/str_cat.h"
#include "fold/ir/model_file.h"
#include "fold/ir/status_macros.h"

namespace dsperse {
namespace {

constexpr size_t kBuffer = size_t{1} << 20;
constexpr size_t kPage = 4096;  // alignment, and room for an element that crosses the buffer's end

absl::Status FromErrno(int error, absl::string_view path, absl::string_view doing) {
  const std::string message = absl::StrCat(path, ": ", doing, ": ", std::strerror(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(message);
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
      return absl::ResourceExhaustedError(message);
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
      return absl::InvalidArgumentError(message);
    default:
      return absl::UnavailableError(message);
  }
}

int OpenRetrying(const char* path, int flags, mode_t mode = 0) {
  int fd;
  do {
    fd = open(path, flags | O_CLOEXEC | O_NOCTTY, mode);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

absl::Status SyncFd(int fd, absl::string_view path) {
  if (fsync(fd) != 0 && errno != EINVAL && errno != EROFS) {
    return FromErrno(errno, path, "fsync");
  }
  return absl::OkStatus();
}

}  // namespace

std::string FolderOf(absl::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == absl::string_view::npos) return ".";
  return std::string(slash == 0 ? "/" : path.substr(0, slash));
}

// ---- InputFile ----

absl::StatusOr<int> InputFile::OpenStamped(const std::string& path, Stamp* stamp) {
  // Without O_NONBLOCK the open of a pipe would wait for a writer.
  const int fd = OpenRetrying(path.c_str(), O_RDONLY | O_NONBLOCK);
  if (fd < 0) return FromErrno(errno, path, "cannot open");
  struct stat st;
  if (fstat(fd, &st) != 0) {
    const int error = errno;
    close(fd);
    return FromErrno(error, path, "fstat");
  }
  if (!S_ISREG(st.st_mode)) {
    close(fd);
    return absl::InvalidArgumentError(
        absl::StrCat(path, S_ISDIR(st.st_mode) ? ": is a directory" : ": is not a regular file"));
  }
  stamp->size = static_cast<uint64_t>(st.st_size);
  stamp->device = st.st_dev;
  stamp->inode = st.st_ino;
  stamp->seconds = st.st_mtim.tv_sec;
  stamp->nanoseconds = st.st_mtim.tv_nsec;
  return fd;
}

absl::StatusOr<std::shared_ptr<const InputFile>> InputFile::Open(const std::string& path,
                                                                 bool hold) {
  Stamp stamp;
  DSPERSE_ASSIGN_OR_RETURN(const int fd, OpenStamped(path, &stamp));
  if (!hold) close(fd);
  return std::shared_ptr<const InputFile>(new InputFile(path, stamp, hold ? fd : -1));
}

InputFile::~InputFile() {
  if (fd_ >= 0) close(fd_);
}

absl::Status InputFile::CheckUnchanged(int fd) const {
  struct stat st;
  if (fstat(fd, &st) != 0) return FromErrno(errno, path_, "fstat");
  if (static_cast<uint64_t>(st.st_size) < stamp_.size) {
    return absl::DataLossError(absl::StrCat(path_, ": shrank from ", stamp_.size, " to ",
                                            st.st_size, " bytes while it was in use"));
  }
  if (static_cast<uint64_t>(st.st_size) != stamp_.size || st.st_dev != stamp_.device ||
      st.st_ino != stamp_.inode || st.st_mtim.tv_sec != stamp_.seconds ||
      st.st_mtim.tv_nsec != stamp_.nanoseconds) {
    return absl::FailedPreconditionError(
        absl::StrCat(path_, ": changed while it was in use"));
  }
  return absl::OkStatus();
}

absl::Status InputFile::Read(uint64_t offset, absl::Span<char> out) const {
  if (offset > stamp_.size || out.size() > stamp_.size - offset) {
    return absl::DataLossError(absl::StrCat(path_, ": has ", stamp_.size, " bytes, ", out.size(),
                                            " are needed at offset ", offset));
  }
  int fd = fd_;
  if (fd < 0) {
    fd = OpenRetrying(path_.c_str(), O_RDONLY | O_NONBLOCK);
    if (fd < 0) return FromErrno(errno, path_, "cannot open");
  }
  absl::Status status;
  for (size_t done = 0; done < out.size();) {
    const ssize_t n = pread(fd, out.data() + done, out.size() - done,
                            static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) status = FromErrno(errno, path_, "read");
    if (n <= 0) break;  // at the end: CheckUnchanged says what happened
    done += static_cast<size_t>(n);
    if (done == out.size()) break;
  }
  if (status.ok()) status = CheckUnchanged(fd);
  if (fd_ < 0) close(fd);
  return status;
}

absl::Status MemoryFile::Read(uint64_t offset, absl::Span<char> out) const {
  if (offset > bytes_.size() || out.size() > bytes_.size() - offset) {
    return absl::DataLossError(absl::StrCat(name_, ": has ", bytes_.size(), " bytes, ", out.size(),
                                            " are needed at offset ", offset));
  }
  if (!out.empty()) std::memcpy(out.data(), bytes_.data() + offset, out.size());
  return absl::OkStatus();
}

// ---- StringSink ----

absl::Status StringSink::Append(absl::string_view bytes) {
  bytes_.append(bytes.data(), bytes.size());
  return absl::OkStatus();
}

absl::Status StringSink::AppendTensor(const Tensor& tensor) {
  const size_t size = bytes_.size();
  bytes_.resize(size + static_cast<size_t>(tensor.num_bytes()));
  return tensor.ReadToWrite(0, absl::MakeSpan(bytes_.data() + size, bytes_.size() - size));
}

// ---- Temporaries ----

// The name of a temporary that a signal handler may have to unlink. Slots are used again, never freed,
// and in a list that only grows at its head, so the handler can walk it at any moment.
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

// ---- OutputFile ----

void OutputFile::Free::operator()(char* p) const { std::free(p); }

absl::StatusOr<std::unique_ptr<OutputFile>> OutputFile::Create(const std::string& path,
                                                               uint64_t size) {
  std::unique_ptr<OutputFile> file(new OutputFile);
  file->path_ = path;
  file->target_ = path;
  file->buffer_.reset(static_cast<char*>(std::aligned_alloc(kPage, kBuffer + kPage)));
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
    const std::string name = absl::StrCat(folder, "/.dsperse-", getpid(), "-",
                                          serial.fetch_add(1), ".tmp");
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
  if (fd_ >= 0) close(fd_);
  if (temporary_ != nullptr) {
    if (temporary_->exists) unlink(temporary_->path);
    temporary_->exists = false;
    temporary_->taken = false;
  }
}

absl::Status OutputFile::Write(const char* data, size_t size) {
  while (size > 0) {
    const ssize_t n = write(fd_, data, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return FromErrno(n < 0 ? errno : EIO, path_, "write");
    data += n;
    size -= static_cast<size_t>(n);
    written_ += static_cast<uint64_t>(n);
  }
  return absl::OkStatus();
}

absl::Status OutputFile::Append(absl::string_view bytes) {
  while (!bytes.empty()) {
    const size_t n = std::min(bytes.size(), kBuffer - used_);
    std::memcpy(buffer_.get() + used_, bytes.data(), n);
    used_ += n;
    bytes.remove_prefix(n);
    if (used_ == kBuffer) {
      DSPERSE_RETURN_IF_ERROR(Write(buffer_.get(), kBuffer));
      used_ = 0;
    }
  }
  return absl::OkStatus();
}

absl::Status OutputFile::AppendTensor(const Tensor& tensor) {
  if (tensor.in_memory()) return Append(tensor.raw());
  const int64_t element = std::max(BitWidth(tensor.dtype()) / 8, 1);
  for (int64_t offset = 0; offset < tensor.num_bytes();) {
    // Whole elements only; the last one may reach beyond the buffer's end, into its slack.
    const int64_t room = static_cast<int64_t>(kBuffer - used_);
    const int64_t n =
        std::min((room + element - 1) / element * element, tensor.num_bytes() - offset);
    DSPERSE_RETURN_IF_ERROR(
        tensor.ReadToWrite(offset, absl::MakeSpan(buffer_.get() + used_, static_cast<size_t>(n))));
    offset += n;
    used_ += static_cast<size_t>(n);
    if (used_ >= kBuffer) {
      DSPERSE_RETURN_IF_ERROR(Write(buffer_.get(), kBuffer));
      used_ -= kBuffer;
      std::memcpy(buffer_.get(), buffer_.get() + kBuffer, used_);
    }
  }
  return absl::OkStatus();
}

absl::Status OutputFile::Finish(bool fsync) {
  DSPERSE_RETURN_IF_ERROR(Write(buffer_.get(), used_));
  used_ = 0;
  if (temporary_ != nullptr && written_ != reserved_) {
    return absl::InternalError(absl::StrCat(path_, ": ", written_, " bytes written where ",
                                            reserved_, " were announced"));
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
