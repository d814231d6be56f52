#include "slicer/file_hash.h"

// The plain functions, deprecated for what they don't let one choose: nothing here is to be chosen, and the others
// bring all of libcrypto, its start-up code and its configuration file into the program.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/types/span.h"
#include "fold/ir/file.h"
#include "fold/ir/signals_held.h"
#include "fold/ir/status_macros.h"

namespace dsperse {

struct Sha256::State {
  SHA256_CTX context;
  bool ok = SHA256_Init(&context) == 1;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;

void Sha256::Update(absl::string_view bytes) {
  state_->ok = state_->ok && SHA256_Update(&state_->context, bytes.data(), bytes.size()) == 1;
}

absl::StatusOr<std::string> Sha256::Finish() {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  if (!state_->ok || SHA256_Final(digest, &state_->context) != 1) {
    return absl::InternalError("SHA-256: the digest could not be computed");
  }
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), sizeof digest));
}

namespace {

absl::StatusOr<HashedFile> Hash(const std::string& path, absl::string_view name,
                                const std::atomic<bool>& given_up) {
  DSPERSE_ASSIGN_OR_RETURN(const std::shared_ptr<const InputFile> file, InputFile::Open(path));
  constexpr size_t kBuffer = size_t{1} << 18;  // stays in a processor's cache until it is hashed
  const std::unique_ptr<char[]> buffer(new char[kBuffer]);
  Sha256 hash;
  for (uint64_t at = 0; at < file->size();) {
    if (given_up.load(std::memory_order_relaxed)) return absl::CancelledError("given up");
    const size_t count = static_cast<size_t>(std::min<uint64_t>(kBuffer, file->size() - at));
    DSPERSE_RETURN_IF_ERROR(file->Read(at, absl::MakeSpan(buffer.get(), count)));
    hash.Update(absl::string_view(buffer.get(), count));
    at += count;
  }
  HashedFile out;
  out.name = std::string(name);
  out.bytes = file->size();
  DSPERSE_ASSIGN_OR_RETURN(out.sha256, hash.Finish());
  return out;
}

}  // namespace

absl::StatusOr<HashedFile> HashFile(const std::string& path, absl::string_view name) {
  static const std::atomic<bool> never{false};
  return Hash(path, name, never);
}

class FileHasher::Queue {
 public:
  Queue() {
    const SignalsHeld held;  // signals are the owner's, who may be halfway through something
    try {
      worker_ = std::thread([this] { Work(/*until_closed=*/true); });
    } catch (const std::system_error&) {
    }
  }
  ~Queue() {
    given_up_ = true;
    Close();
  }

  void Add(std::string path, absl::string_view name) {
    const std::lock_guard<std::mutex> lock(mutex_);
    files_.push_back({std::move(path), std::string(name), std::nullopt});
    changed_.notify_all();
  }

  absl::StatusOr<std::vector<HashedFile>> Finish() {
    Work(/*until_closed=*/false);
    Close();
    std::vector<HashedFile> hashed;
    for (File& file : files_) {
      if (!file.hashed->ok()) return file.hashed->status();
      hashed.push_back(**std::move(file.hashed));
    }
    return hashed;
  }

 private:
  struct File {
    std::string path;
    std::string name;
    std::optional<absl::StatusOr<HashedFile>> hashed;
  };

  // Takes one file after the other; waits for more, if so wanted.
  void Work(bool until_closed) {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      if (until_closed) changed_.wait(lock, [this] { return closed_ || next_ < files_.size(); });
      if (next_ == files_.size() || given_up_) return;
      File& file = files_[next_++];  // a deque: stays where it is
      lock.unlock();
      absl::StatusOr<HashedFile> hashed = Hash(file.path, file.name, given_up_);
      lock.lock();
      file.hashed = std::move(hashed);
    }
  }

  void Close() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      closed_ = true;
      changed_.notify_all();
    }
    if (worker_.joinable()) worker_.join();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<File> files_;
  size_t next_ = 0;
  bool closed_ = false;
  std::atomic<bool> given_up_{false};
  std::thread worker_;  // null: none to be had
};

FileHasher::FileHasher() : queue_(std::make_unique<Queue>()) {}
FileHasher::~FileHasher() = default;

void FileHasher::Add(std::string path, absl::string_view name) {
  queue_->Add(std::move(path), name);
}

absl::StatusOr<std::vector<HashedFile>> FileHasher::Finish() { return queue_->Finish(); }

}  // namespace dsperse
