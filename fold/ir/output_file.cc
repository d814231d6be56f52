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
constexpr size_t kPage = 4096;  // alignment, and room for an element that crosses the buffer's end

// From this size on a thread of its own writes what the caller's fills.
constexpr uint64_t kThreadFrom = uint64_t{8} << 20;
constexpr size_t kBuffersInFlight = 4;

// From this size on unchanged bytes go from file to file without passing through a buffer.
constexpr uint64_t kCopyFrom = uint64_t{1} << 20;

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

// ---- Writer ----

// A thread that does the jobs in their order, so that reading and scaling the next buffer goes on
// while one is written. The first error ends it; what comes after is dropped.
class OutputFile::Writer {
 public:
  // Null if the system gives no thread.
  static std::unique_ptr<Writer> Start(OutputFile* file) {
    std::unique_ptr<Writer> writer(new Writer(file));
    try {
      writer->thread_ = std::thread([w = writer.get()] { w->Run(); });
    } catch (const std::system_error&) {
      return nullptr;
    }
    return writer;
  }
  ~Writer() { (void)Finish(); }

  // Waits while too many jobs are waiting. The error of an earlier one, if there was any.
  absl::Status Submit(Job job) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return jobs_.size() < kBuffersInFlight; });
    DSPERSE_RETURN_IF_ERROR(status_);
    jobs_.push_back(std::move(job));
    changed_.notify_all();
    return absl::OkStatus();
  }

  // A buffer that has been written, or null.
  Buffer Spare() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (spares_.empty()) return nullptr;
    Buffer spare = std::move(spares_.back());
    spares_.pop_back();
    return spare;
  }

  // Returns when all jobs are done.
  absl::Status Finish() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      done_ = true;
      changed_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
    return status_;
  }

 private:
  explicit Writer(OutputFile* file) : file_(file) {}

  void Run() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return done_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      if (!status_.ok()) {
        jobs_.pop_front();
        changed_.notify_all();
        continue;
      }
      Job& job = jobs_.front();  // stays in its place, and counted, while it is done
      lock.unlock();
      absl::Status status = file_->Do(job);
      lock.lock();
      status_ = std::move(status);
      if (job.buffer != nullptr) spares_.push_back(std::move(job.buffer));
      jobs_.pop_front();
      changed_.notify_all();
    }
  }

  OutputFile* const file_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  std::vector<Buffer> spares_;
  absl::Status status_;
  bool done_ = false;
  std::thread thread_;
};

// ---- OutputFile ----

OutputFile::OutputFile() = default;

void OutputFile::Free::operator()(char* p) const { std::free(p); }

OutputFile::Buffer OutputFile::NewBuffer() {
  return Buffer(static_cast<char*>(std::aligned_alloc(kPage, kBuffer + kPage)));
}

absl::StatusOr<std::unique_ptr<OutputFile>> OutputFile::Create(const std::string& path,
                                                               uint64_t size) {
  std::unique_ptr<OutputFile> file(new OutputFile);
  file->path_ = path;
  file->target_ = path;
  file->buffer_ = NewBuffer();
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
  if (size >= kThreadFrom) file->writer_ = Writer::Start(file.get());
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
  writer_.reset();
  if (fd_ >= 0) close(fd_);
  if (temporary_ != nullptr) {
    if (temporary_->exists) unlink(temporary_->path);
    temporary_->exists = false;
    temporary_->taken = false;
  }
}

absl::Status OutputFile::PassOn() {
  if (used_ < kBuffer) return absl::OkStatus();
  Buffer next;
  if (writer_ != nullptr) {
    next = writer_->Spare();
    if (next == nullptr) next = NewBuffer();
  }
  used_ -= kBuffer;
  if (next == nullptr) {  // the caller's thread writes, or there is no memory for more buffers
    if (writer_ != nullptr)
      return absl::ResourceExhaustedError(absl::StrCat(path_, ": out of memory"));
    DSPERSE_RETURN_IF_ERROR(Write(buffer_.get(), kBuffer));
    std::memcpy(buffer_.get(), buffer_.get() + kBuffer, used_);
    return absl::OkStatus();
  }
  std::memcpy(next.get(), buffer_.get() + kBuffer, used_);
  std::swap(buffer_, next);
  Job job;
  job.buffer = std::move(next);
  job.size = kBuffer;
  return writer_->Submit(std::move(job));
}

absl::Status OutputFile::Submit(Job job) {
  return writer_ != nullptr ? writer_->Submit(std::move(job)) : Do(job);
}

absl::Status OutputFile::Do(const Job& job) {
  if (job.source == nullptr) return Write(job.buffer.get(), job.size);
  bool supported = false;
  DSPERSE_RETURN_IF_ERROR(job.source->CopyTo(job.offset, job.length, fd_, path_, &supported));
  if (supported) {
    written_ += job.length;
    return absl::OkStatus();
  }
  const Buffer buffer = NewBuffer();
  if (buffer == nullptr)
    return absl::ResourceExhaustedError(absl::StrCat(path_, ": out of memory"));
  for (uint64_t done = 0; done < job.length;) {
    const size_t n = static_cast<size_t>(std::min<uint64_t>(kBuffer, job.length - done));
    DSPERSE_RETURN_IF_ERROR(job.source->Read(job.offset + done, absl::MakeSpan(buffer.get(), n)));
    DSPERSE_RETURN_IF_ERROR(Write(buffer.get(), n));
    done += n;
  }
  return absl::OkStatus();
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
    DSPERSE_RETURN_IF_ERROR(PassOn());
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
    DSPERSE_RETURN_IF_ERROR(PassOn());
  }
  return absl::OkStatus();
}

absl::Status OutputFile::AppendSpan(const std::shared_ptr<const ByteSource>& source,
                                    uint64_t offset, uint64_t length) {
  std::shared_ptr<const InputFile> file;
  if (length >= kCopyFrom) file = std::dynamic_pointer_cast<const InputFile>(source);
  if (file == nullptr) return ByteSink::AppendSpan(source, offset, length);
  if (used_ > 0) {
    Job rest;
    rest.buffer = std::move(buffer_);
    rest.size = used_;
    used_ = 0;
    if (writer_ != nullptr) buffer_ = writer_->Spare();
    if (buffer_ == nullptr) buffer_ = NewBuffer();
    if (buffer_ == nullptr) {
      return absl::ResourceExhaustedError(absl::StrCat(path_, ": out of memory"));
    }
    DSPERSE_RETURN_IF_ERROR(Submit(std::move(rest)));
  }
  Job copy;
  copy.source = std::move(file);
  copy.offset = offset;
  copy.length = length;
  return Submit(std::move(copy));
}

absl::Status OutputFile::Finish(bool fsync) {
  if (writer_ != nullptr) {
    const absl::Status status = writer_->Finish();
    writer_.reset();
    DSPERSE_RETURN_IF_ERROR(status);
  }
  DSPERSE_RETURN_IF_ERROR(Write(buffer_.get(), used_));
  used_ = 0;
  if (temporary_ != nullptr && written_ != reserved_) {
    return absl::InternalError(
        absl::StrCat(path_, ": ", written_, " bytes written where ", reserved_, " were announced"));
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
