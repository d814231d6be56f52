#include "slicer/receipt.h"

// The plain functions, deprecated for what they don't let one choose: nothing here is to be chosen, and the others
// bring all of libcrypto, its start-up code and its configuration file into the program.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "fold/ir/file.h"
#include "fold/ir/signals_held.h"
#include "fold/ir/status_macros.h"

namespace dsperse {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kTool[] = "dsperse-slice";

Json ToJson(const HashedFile& file) {
  Json json = Json::object();
  if (!file.name.empty()) json["name"] = file.name;
  json["bytes"] = file.bytes;
  json["sha256"] = file.sha256;
  return json;
}

Json ToJson(const std::vector<HashedFile>& files) {
  Json json = Json::array();
  for (const HashedFile& file : files) json.push_back(ToJson(file));
  return json;
}

// Throws Json::exception where the form is another.
HashedFile FileOf(const Json& json) {
  HashedFile file;
  file.name = json.value("name", "");
  file.bytes = json.at("bytes").get<uint64_t>();
  file.sha256 = json.at("sha256").get<std::string>();
  return file;
}

std::vector<HashedFile> FilesOf(const Json& json) {
  std::vector<HashedFile> files;
  for (const Json& file : json) files.push_back(FileOf(file));
  return files;
}

bool IsHash(absl::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == absl::string_view::npos;
}

bool HashesAreSound(const Receipt& receipt) {
  const auto sound = [](const HashedFile& file) { return IsHash(file.sha256); };
  return sound(receipt.input) &&
         std::all_of(receipt.external_data.begin(), receipt.external_data.end(), sound) &&
         std::all_of(receipt.outputs.begin(), receipt.outputs.end(), sound);
}

}  // namespace

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

void BeginInputs(absl::Span<const std::string> files, FileHasher* hasher) {
  for (size_t i = 0; i < files.size(); ++i) {
    absl::string_view name = files[i];
    const std::string folder = FolderOf(files[0]);
    if (folder != ".") absl::ConsumePrefix(&name, absl::StrCat(folder, "/"));
    hasher->Add(files[i], i == 0 ? "" : name);
  }
}

absl::Status FinishInputs(FileHasher* hasher, Receipt* receipt) {
  DSPERSE_ASSIGN_OR_RETURN(std::vector<HashedFile> hashed, hasher->Finish());
  if (hashed.empty()) return absl::InternalError("no input was hashed");
  receipt->input = std::move(hashed[0]);
  receipt->external_data.assign(std::make_move_iterator(hashed.begin() + 1),
                                std::make_move_iterator(hashed.end()));
  return absl::OkStatus();
}

absl::Status HashInputs(absl::Span<const std::string> files, Receipt* receipt) {
  FileHasher hasher;
  BeginInputs(files, &hasher);
  return FinishInputs(&hasher, receipt);
}

std::string ReceiptText(const Receipt& receipt) {
  Json json;
  json["tool"] = {{"name", kTool},
                  {"version", receipt.version.empty() ? DSPERSE_VERSION : receipt.version}};
  json["command"] = receipt.command;
  json["options"] = receipt.options;
  json["input"] = ToJson(receipt.input);
  json["external_data"] = ToJson(receipt.external_data);
  json["outputs"] = ToJson(receipt.outputs);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::StatusOr<Receipt> ParseReceipt(absl::string_view text, absl::string_view where) {
  const auto wrong = [&](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": not a receipt: ", what));
  };
  Receipt receipt;
  try {
    const Json json = Json::parse(text);
    if (json.at("tool").at("name").get<std::string>() != kTool) return wrong("of another tool");
    receipt.version = json.at("tool").at("version").get<std::string>();
    // Before the rest is looked at: another version may write it another way.
    if (receipt.version != DSPERSE_VERSION) {
      return absl::UnimplementedError(absl::StrCat(where, ": made by ", kTool, " ", receipt.version,
                                                   ", this is ", DSPERSE_VERSION,
                                                   "; only that version can do the work again"));
    }
    receipt.command = json.at("command").get<std::string>();
    receipt.options = json.at("options");
    receipt.input = FileOf(json.at("input"));
    receipt.external_data = FilesOf(json.at("external_data"));
    receipt.outputs = FilesOf(json.at("outputs"));
  } catch (const Json::exception& error) {
    return wrong(error.what());
  }
  if (!receipt.options.is_object()) return wrong("its options are no object");
  if (!HashesAreSound(receipt)) return wrong("a SHA-256 that isn't 64 hexadecimal digits");
  return receipt;
}

std::vector<ReceiptFile> CompareInputs(const Receipt& recorded, const Receipt& repeated) {
  std::vector<ReceiptFile> files;
  files.push_back({"input", "", recorded.input.sha256, repeated.input.sha256});
  const size_t count = std::max(recorded.external_data.size(), repeated.external_data.size());
  for (size_t i = 0; i < count; ++i) {
    ReceiptFile file;
    file.role = "external data";
    if (i < repeated.external_data.size()) {
      file.name = repeated.external_data[i].name;
      file.found = repeated.external_data[i].sha256;
    }
    if (i < recorded.external_data.size()) {
      file.name = recorded.external_data[i].name;
      file.recorded = recorded.external_data[i].sha256;
    }
    files.push_back(std::move(file));
  }
  return files;
}

std::vector<ReceiptFile> CompareOutputs(const Receipt& recorded, const Receipt& repeated) {
  std::map<absl::string_view, absl::string_view> found;
  for (const HashedFile& output : repeated.outputs) found[output.name] = output.sha256;
  std::vector<ReceiptFile> files;
  for (const HashedFile& output : recorded.outputs) {
    const auto it = found.find(output.name);
    files.push_back({"output", output.name, output.sha256, it == found.end() ? "" : std::string(it->second)});
    if (it != found.end()) found.erase(it);
  }
  for (const HashedFile& output : repeated.outputs) {
    if (found.count(output.name) > 0) files.push_back({"output", output.name, "", output.sha256});
  }
  return files;
}

}  // namespace dsperse
