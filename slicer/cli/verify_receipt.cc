// dsperse-slice verify-receipt R.json IN.onnx
#include <cstdint>
#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "fold/ir/file.h"
#include "fold/ir/status_macros.h"
#include "nlohmann/json.hpp"
#include "slicer/cli/cli.h"
#include "slicer/cli/exit_code.h"
#include "slicer/cli/fold_file.h"
#include "slicer/cli/json_file.h"
#include "slicer/cli/model_in_out.h"
#include "slicer/cli/slice_file.h"
#include "slicer/cli/text_table.h"
#include "slicer/receipt.h"
#include "slicer/temporary_directory.h"

namespace dsperse {
namespace {

// How a command's work is done again: on the model at `path`, with outputs below `folder`, which is empty.
struct RepeatableCommand {
  absl::string_view name;
  absl::StatusOr<Receipt> (*repeat)(const Receipt& receipt, const std::string& path,
                                    const std::string& folder, CliContext& context);
};
constexpr RepeatableCommand kCommands[] = {
    {"fold", RepeatFold},
    {"slice", RepeatSlice},
};

struct VerifyReceiptFlags {
  std::string receipt;
  ModelFlags model;
  bool json = false;
};

struct Comparison {
  Digest digest = Digest::kSha256;
  std::vector<ReceiptFile> files;
  bool repeated = false;  // not where the input is another
  double seconds = 0;
  bool same() const {
    for (const ReceiptFile& file : files) {
      if (!file.same()) return false;
    }
    return repeated;
  }
};

absl::StatusOr<Receipt> ReadReceipt(const std::string& path) {
  constexpr uint64_t kMost = uint64_t{1} << 28;
  DSPERSE_ASSIGN_OR_RETURN(const std::shared_ptr<const InputFile> file, InputFile::Open(path));
  if (file->size() > kMost) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": not a receipt: ", file->size(), " bytes"));
  }
  std::string text(file->size(), '\0');
  DSPERSE_RETURN_IF_ERROR(file->Read(0, absl::MakeSpan(text.data(), text.size())));
  return ParseReceipt(text, path);
}

// For files that are only looked at: where the system wants temporary files (TMPDIR), for this user only.
absl::StatusOr<std::unique_ptr<TemporaryDirectory>> ScratchFolder() {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path base = fs::temp_directory_path(error);
  if (error) {
    return OutputError(absl::UnavailableError(
        absl::StrCat("the folder for temporary files (TMPDIR) is missing: ", error.message())));
  }
  absl::StatusOr<std::unique_ptr<TemporaryDirectory>> folder =
      TemporaryDirectory::Create((base / "dsperse-slice").string());
  if (!folder.ok()) return OutputError(folder.status());
  fs::permissions((*folder)->path(), fs::perms::owner_all, error);
  return folder;
}

absl::StatusOr<Comparison> Repeat(const VerifyReceiptFlags& flags, CliContext& context) {
  Stopwatch watch;
  DSPERSE_ASSIGN_OR_RETURN(const Receipt receipt, ReadReceipt(flags.receipt));
  const RepeatableCommand* command = nullptr;
  for (const RepeatableCommand& known : kCommands) {
    if (known.name == receipt.command) command = &known;
  }
  if (command == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(flags.receipt, ": not a receipt: of an unknown command '", receipt.command, "'"));
  }
  Comparison comparison;
  comparison.digest = receipt.digest;
  // The model alone tells whether it is the right one, before anything is done with it.
  DSPERSE_ASSIGN_OR_RETURN(const HashedFile input, HashFile(flags.model.path, "", receipt.digest));
  if (input.hash != receipt.input.hash) {
    comparison.files.push_back({"input", "", receipt.input.hash, input.hash});
    return comparison;
  }
  DSPERSE_ASSIGN_OR_RETURN(const std::unique_ptr<TemporaryDirectory> folder, ScratchFolder());
  DSPERSE_ASSIGN_OR_RETURN(
      const Receipt repeated,
      command->repeat(receipt, flags.model.path, folder->path(), context));
  context.Progress("");
  comparison.repeated = true;
  comparison.files = CompareInputs(receipt, repeated);
  for (ReceiptFile& file : CompareOutputs(receipt, repeated)) {
    comparison.files.push_back(std::move(file));
  }
  comparison.seconds = watch.seconds();
  return comparison;
}

nlohmann::ordered_json ToJson(const VerifyReceiptFlags& flags, const Comparison& comparison) {
  nlohmann::ordered_json json;
  json["receipt"] = flags.receipt;
  json["model"] = flags.model.path;
  json["same"] = comparison.same();
  json["repeated"] = comparison.repeated;
  json["digest"] = std::string(DigestName(comparison.digest));
  nlohmann::ordered_json& files = json["files"] = nlohmann::ordered_json::array();
  for (const ReceiptFile& file : comparison.files) {
    nlohmann::ordered_json entry;
    entry["role"] = file.role;
    if (!file.name.empty()) entry["name"] = file.name;
    entry["same"] = file.same();
    entry["recorded"] = file.recorded;
    entry["found"] = file.found;
    files.push_back(std::move(entry));
  }
  json["seconds"] = comparison.seconds;
  return json;
}

void Print(const Comparison& comparison, CliContext& context) {
  TextTable table("lll");
  size_t same = 0;
  for (const ReceiptFile& file : comparison.files) {
    same += file.same() ? 1 : 0;
    const auto hash = [](const std::string& text) { return text.empty() ? "no such file" : text; };
    // All the same and many: the count below says it.
    constexpr size_t kFew = 20;
    if (file.same() && comparison.files.size() > kFew) continue;
    table.Row({absl::StrCat(file.role, file.name.empty() ? "" : " ", file.name),
               file.same() ? "same" : "differs",
               file.same() ? file.recorded
                           : absl::StrCat(hash(file.recorded), " recorded, ", hash(file.found), " here")});
  }
  context.out() << table.ToString();
  if (!comparison.repeated) {
    context.out() << "the model is another one: the work was not repeated\n";
    return;
  }
  context.out() << same << " of " << comparison.files.size() << " files same, "
                << HumanSeconds(comparison.seconds) << "\n";
}

absl::Status VerifyReceipt(const VerifyReceiptFlags& flags, CliContext& context) {
  DSPERSE_ASSIGN_OR_RETURN(const Comparison comparison, Repeat(flags, context));
  if (flags.json) {
    context.out() << ToText(ToJson(flags, comparison));
  } else {
    Print(comparison, context);
  }
  if (comparison.same()) return absl::OkStatus();
  return DifferenceError(absl::StrCat(flags.receipt, ": ", flags.model.path,
                                      comparison.repeated ? " does not give the files recorded"
                                                          : " is not the model recorded"));
}

}  // namespace

void AddVerifyReceiptCommand(CLI::App& app, CliContext& context) {
  auto flags = std::make_shared<VerifyReceiptFlags>();
  CLI::App* command = app.add_subcommand(
      "verify-receipt", "Do the work of a receipt again and compare the hash of every file");
  command->footer(
      "Examples:\n"
      "  dsperse-slice verify-receipt receipt.json model.onnx\n"
      "  dsperse-slice verify-receipt slices/receipt.json model.onnx\n");
  command->add_option("R.json", flags->receipt, "As `fold --receipt` wrote it, or receipt.json of a slices directory")
      ->required()
      ->type_name("");
  AddModelFlags(*command, flags->model);
  command->add_flag("--json", flags->json, "As one JSON object");
  command->callback([flags, &context] {
    context.SetAction([flags, &context] { return VerifyReceipt(*flags, context); });
  });
}

}  // namespace dsperse
