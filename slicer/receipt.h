// Receipts: what was made of which files, so that anyone can check that a proven model came from the
// published one. `dsperse-slice verify-receipt` does the work again and compares.
//
//   Receipt receipt;
//   receipt.command = "fold";
//   receipt.options = {{"freeze_inputs", false}};       // all that decides about the outputs' bytes
//   DSPERSE_ASSIGN_OR_RETURN(LoadedModel model, LoadModel(path));
//   DSPERSE_RETURN_IF_ERROR(HashInputs(model.files, &receipt));          // before anything is written
//   …
//   DSPERSE_ASSIGN_OR_RETURN(HashedFile file, HashFile("dir/model.onnx", "model.onnx"));
//   receipt.outputs.push_back(std::move(file));
//   std::string text = ReceiptText(receipt);
//
// A receipt holds no time and no path: equal input, options and version give equal bytes. Files are named
// relative to their model or directory, and only where that name is part of the bytes of another file.
#ifndef DSPERSE_SLICER_RECEIPT_H_
#define DSPERSE_SLICER_RECEIPT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "nlohmann/json.hpp"

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

struct Receipt {
  std::string version;  // of the tool; ReceiptText fills it in where it is empty
  std::string command;  // "fold", "slice"
  // All options that decide about the outputs, in normal form (defaults written out), none that don't.
  nlohmann::ordered_json options = nlohmann::ordered_json::object();
  HashedFile input;                       // the model; no name
  std::vector<HashedFile> external_data;  // its external data, named as the model names it, in load order
  std::vector<HashedFile> outputs;
};

// Hashes what a model was loaded from (LoadedModel::files: the model, then its external data). Errors as
// of HashFile.
absl::Status HashInputs(absl::Span<const std::string> files, Receipt* receipt);
// The same in two steps, the work going on between them: begun right after the model was loaded, finished
// before anything is written.
void BeginInputs(absl::Span<const std::string> files, FileHasher* hasher);
absl::Status FinishInputs(FileHasher* hasher, Receipt* receipt);

// The receipt as JSON text, in a fixed order, with a line feed at the end.
std::string ReceiptText(const Receipt& receipt);

// Reads it back; `where` names it in errors. Unimplemented: made by another version of the tool (both are
// named). InvalidArgument: no receipt.
absl::StatusOr<Receipt> ParseReceipt(absl::string_view text, absl::string_view where);

// One file of a receipt and what the work, done again, gave.
struct ReceiptFile {
  std::string role;      // "input", "external data", "output"
  std::string name;      // "" if it has none
  std::string recorded;  // SHA-256 in the receipt; "": the receipt has no such file
  std::string found;     // … of the repetition; "": it has no such file
  bool same() const { return recorded == found; }
};

// Inputs and external data by position, outputs by name; what either of the two lacks comes last.
std::vector<ReceiptFile> CompareInputs(const Receipt& recorded, const Receipt& repeated);
std::vector<ReceiptFile> CompareOutputs(const Receipt& recorded, const Receipt& repeated);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_RECEIPT_H_
