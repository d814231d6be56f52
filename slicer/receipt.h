// Receipts: what was made of which files, so that anyone can check that a proven model came from the
// published one. `dsperse-slice verify-receipt` does the work again and compares.
//
//   Receipt receipt;
//   receipt.command = "fold";
//   receipt.options = {{"freeze_inputs", false}};       // all that decides about the outputs' bytes
//   DSPERSE_ASSIGN_OR_RETURN(LoadedModel model, LoadModel(path));
//   DSPERSE_RETURN_IF_ERROR(HashInputs(model.files, &receipt));          // before anything is written
//   …
//   DSPERSE_ASSIGN_OR_RETURN(HashedFile file, HashFile("dir/model.onnx", "model.onnx", receipt.digest));
//   receipt.outputs.push_back(std::move(file));
//   std::string text = ReceiptText(receipt);
//
// A receipt holds no time and no path: equal input, options and version give equal bytes. Files are named
// relative to their model or directory, and only where that name is part of the bytes of another file.
#ifndef DSPERSE_SLICER_RECEIPT_H_
#define DSPERSE_SLICER_RECEIPT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "nlohmann/json.hpp"
#include "slicer/file_hash.h"
#include "slicer/jobs.h"

namespace dsperse {

struct Receipt {
  std::string version;  // of the tool; ReceiptText fills it in where it is empty
  std::string command;  // "fold", "slice"
  // All options that decide about the outputs, in normal form (defaults written out), none that don't.
  nlohmann::ordered_json options = nlohmann::ordered_json::object();
  Digest digest = Digest::kSha256;        // of every file
  HashedFile input;                       // the model; no name
  std::vector<HashedFile> external_data;  // its external data, named as the model names it, in load order
  std::vector<HashedFile> outputs;
};

// Hashes what a model was loaded from (LoadedModel::files): the bytes that were read, or an error where they are gone.
// To be done before anything takes the place of those files. Errors as of HashFile.
absl::Status HashInputs(absl::Span<const SourceFile> files, Receipt* receipt);
// The same as jobs, which fill in `receipt`'s input and external data: it stays where it is until they are finished.
void AddInputs(absl::Span<const SourceFile> files, Jobs* jobs, Receipt* receipt);

// The receipt as JSON text, in a fixed order, with a line feed at the end.
std::string ReceiptText(const Receipt& receipt);

// Reads it back; `where` names it in errors. Unimplemented: made by another version of the tool (both are
// named). InvalidArgument: no receipt.
absl::StatusOr<Receipt> ParseReceipt(absl::string_view text, absl::string_view where);

// One file of a receipt and what the work, done again, gave.
struct ReceiptFile {
  std::string role;      // "input", "external data", "output"
  std::string name;      // "" if it has none
  std::string recorded;  // hash in the receipt; "": the receipt has no such file
  std::string found;     // … of the repetition; "": it has no such file
  bool same() const { return recorded == found; }
};

// Inputs and external data by position, outputs by name; what either of the two lacks comes last.
std::vector<ReceiptFile> CompareInputs(const Receipt& recorded, const Receipt& repeated);
std::vector<ReceiptFile> CompareOutputs(const Receipt& recorded, const Receipt& repeated);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_RECEIPT_H_
