#include "slicer/file_hash.h"

// The plain functions, deprecated for what they don't let one choose: nothing here is to be chosen, and the others
// bring all of libcrypto, its start-up code and its configuration file into the program.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <blake3.h>
#include <openssl/sha.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/types/span.h"
#include "fold/ir/status_macros.h"

namespace dsperse {

namespace {

// BLAKE3 looks at the processor when it first compresses a block, and notes what it found without a lock: so that this
// happens on one thread.
void LookAtProcessor() {
  static const bool looked = [] {
    blake3_hasher hasher;
    uint8_t digest[BLAKE3_OUT_LEN];
    blake3_hasher_init(&hasher);
    blake3_hasher_finalize(&hasher, digest, sizeof digest);
    return true;
  }();
  (void)looked;
}

}  // namespace

struct Hasher::State {
  explicit State(Digest wanted) : digest(wanted) {
    if (digest == Digest::kBlake3) {
      LookAtProcessor();
      blake3_hasher_init(&blake3);
    } else {
      ok = SHA256_Init(&sha256) == 1;
    }
  }

  const Digest digest;
  bool ok = true;
  union {
    SHA256_CTX sha256;
    blake3_hasher blake3;
  };
};

absl::string_view DigestName(Digest digest) { return digest == Digest::kBlake3 ? "blake3" : "sha256"; }

Hasher::Hasher(Digest digest) : state_(std::make_unique<State>(digest)) {}
Hasher::~Hasher() = default;

void Hasher::Update(absl::string_view bytes) {
  if (state_->digest == Digest::kBlake3) {
    blake3_hasher_update(&state_->blake3, bytes.data(), bytes.size());
  } else {
    state_->ok = state_->ok && SHA256_Update(&state_->sha256, bytes.data(), bytes.size()) == 1;
  }
}

absl::StatusOr<std::string> Hasher::Finish() {
  static_assert(SHA256_DIGEST_LENGTH == BLAKE3_OUT_LEN);
  unsigned char digest[BLAKE3_OUT_LEN];
  if (state_->digest == Digest::kBlake3) {
    blake3_hasher_finalize(&state_->blake3, digest, sizeof digest);
  } else if (!state_->ok || SHA256_Final(digest, &state_->sha256) != 1) {
    return absl::InternalError("SHA-256: the digest could not be computed");
  }
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), sizeof digest));
}

absl::StatusOr<HashedFile> HashFile(const SourceFile& file, absl::string_view name, Digest digest,
                                    const Jobs* jobs) {
  constexpr size_t kBuffer = size_t{1} << 16;  // stays in a processor's cache until it is hashed
  const std::unique_ptr<char[]> buffer(new char[kBuffer]);
  Hasher hash(digest);
  for (uint64_t at = 0; at < file.bytes;) {
    if (jobs != nullptr) DSPERSE_RETURN_IF_ERROR(jobs->GoOn());
    const size_t count = static_cast<size_t>(std::min<uint64_t>(kBuffer, file.bytes - at));
    DSPERSE_RETURN_IF_ERROR(file.source->Read(at, absl::MakeSpan(buffer.get(), count)));
    hash.Update(absl::string_view(buffer.get(), count));
    at += count;
  }
  HashedFile out;
  out.name = std::string(name);
  out.bytes = file.bytes;
  DSPERSE_ASSIGN_OR_RETURN(out.hash, hash.Finish());
  return out;
}

absl::StatusOr<HashedFile> HashFile(const std::string& path, absl::string_view name, Digest digest) {
  DSPERSE_ASSIGN_OR_RETURN(const std::shared_ptr<const InputFile> file, InputFile::Open(path));
  return HashFile({path, file, file->size()}, name, digest);
}

}  // namespace dsperse
