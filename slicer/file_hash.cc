#include "slicer/file_hash.h"

// The plain functions, deprecated for what they don't let one choose: nothing here is to be chosen, and the others
// bring all of libcrypto, its start-up code and its configuration file into the program.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/types/span.h"
#include "fold/ir/file.h"
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

absl::StatusOr<HashedFile> HashFile(const std::string& path, absl::string_view name,
                                    const Jobs* jobs) {
  DSPERSE_ASSIGN_OR_RETURN(const std::shared_ptr<const InputFile> file, InputFile::Open(path));
  constexpr size_t kBuffer = size_t{1} << 16;  // stays in a processor's cache until it is hashed
  const std::unique_ptr<char[]> buffer(new char[kBuffer]);
  Sha256 hash;
  for (uint64_t at = 0; at < file->size();) {
    if (jobs != nullptr) DSPERSE_RETURN_IF_ERROR(jobs->GoOn());
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

}  // namespace dsperse
