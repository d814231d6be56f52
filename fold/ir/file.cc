// Reading files, and sinks in memory. Writing: output_file.cc.

#include "fold/ir/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "fold/ir/posix_file.h"
#include "fold/ir/status_macros.h"

namespace dsperse {
namespace {

constexpr size_t kDirectFrom = size_t{1} << 16;  // a read of this size is worth a call of its own
constexpr size_t kWindow = size_t{1} << 18;

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
    return absl::FailedPreconditionError(absl::StrCat(path_, ": changed while it was in use"));
  }
  return absl::OkStatus();
}

absl::Status InputFile::Read(uint64_t offset, absl::Span<char> out) const {
  if (offset > stamp_.size || out.size() > stamp_.size - offset) {
    return absl::DataLossError(absl::StrCat(path_, ": has ", stamp_.size, " bytes, ", out.size(),
                                            " are needed at offset ", offset));
  }
  if (out.size() < kDirectFrom) {
    // Another thread at the window: this one reads for itself.
    const std::unique_lock<std::mutex> lock(window_mutex_, std::try_to_lock);
    if (lock.owns_lock() && window_ != nullptr) return ReadAhead(offset, out);
  }
  return ReadDirectly(offset, out);
}

absl::Status InputFile::ReadAhead(uint64_t offset, absl::Span<char> out) const {
  Window& w = *window_;
  if (offset < w.begin || offset + out.size() > w.begin + w.size) {
    const bool ascending = offset >= w.next && offset - w.next < kDirectFrom;
    w.next = offset + out.size();
    if (!ascending) return ReadDirectly(offset, out);
    if (w.bytes == nullptr) w.bytes.reset(new char[kWindow]);
    const size_t size = static_cast<size_t>(std::min<uint64_t>(kWindow, stamp_.size - offset));
    w.size = 0;
    DSPERSE_RETURN_IF_ERROR(ReadDirectly(offset, absl::MakeSpan(w.bytes.get(), size)));
    w.begin = offset;
    w.size = size;
  }
  w.next = offset + out.size();
  std::memcpy(out.data(), w.bytes.get() + (offset - w.begin), out.size());
  return absl::OkStatus();
}

InputFile::SmallReads::SmallReads(std::shared_ptr<const InputFile> file) : file_(std::move(file)) {
  const std::lock_guard<std::mutex> lock(file_->window_mutex_);
  if (file_->fd_ >= 0 && file_->window_ == nullptr) {
    file_->window_ = std::make_unique<Window>();
    owner_ = true;
  }
}

InputFile::SmallReads::~SmallReads() {
  if (!owner_) return;
  const std::lock_guard<std::mutex> lock(file_->window_mutex_);
  file_->window_.reset();
}

absl::Status InputFile::CopyTo(uint64_t offset, uint64_t length, int out, uint64_t out_offset,
                               absl::string_view out_name, bool* supported) const {
  *supported = fd_ >= 0;
  if (!*supported || length == 0) return absl::OkStatus();
  if (offset > stamp_.size || length > stamp_.size - offset) {
    return absl::DataLossError(absl::StrCat(path_, ": has ", stamp_.size, " bytes, ", length,
                                            " are needed at offset ", offset));
  }
  loff_t from = static_cast<loff_t>(offset);
  loff_t to = static_cast<loff_t>(out_offset);
  for (uint64_t done = 0; done < length;) {
    const ssize_t n = copy_file_range(fd_, &from, out, &to, length - done, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && done == 0 &&
        (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP ||
         errno == EBADF || errno == EPERM)) {
      *supported = false;  // of such file systems and targets
      return absl::OkStatus();
    }
    if (n < 0) return FromErrno(errno, out_name, "write");
    if (n == 0) break;  // at the end: CheckUnchanged says what happened
    done += static_cast<uint64_t>(n);
  }
  return CheckUnchanged(fd_);
}

absl::Status InputFile::ReadDirectly(uint64_t offset, absl::Span<char> out) const {
  int fd = fd_;
  if (fd < 0) {
    fd = OpenRetrying(path_.c_str(), O_RDONLY | O_NONBLOCK);
    if (fd < 0) return FromErrno(errno, path_, "cannot open");
  }
  absl::Status status;
  for (size_t done = 0; done < out.size();) {
    const ssize_t n =
        pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
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

// ---- Sinks ----

absl::Status ByteSink::AppendSpan(const std::shared_ptr<const ByteSource>& source, uint64_t offset,
                                  uint64_t length) {
  DSPERSE_ASSIGN_OR_RETURN(
      const Tensor span,
      Tensor::FromSpan(DType::kUint8, {static_cast<int64_t>(length)}, source, offset));
  return AppendTensor(span);
}

absl::Status StringSink::Append(absl::string_view bytes) {
  bytes_.append(bytes.data(), bytes.size());
  return absl::OkStatus();
}

absl::Status StringSink::AppendTensor(const Tensor& tensor) {
  const size_t size = bytes_.size();
  bytes_.resize(size + static_cast<size_t>(tensor.num_bytes()));
  return tensor.ReadToWrite(0, absl::MakeSpan(bytes_.data() + size, bytes_.size() - size));
}

}  // namespace dsperse
