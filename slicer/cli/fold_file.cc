#include "slicer/cli/fold_file.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "fold/ir/status_macros.h"
#include "fold/registry.h"
#include "slicer/cli/exit_code.h"
#include "slicer/cli/process_memory.h"

namespace dsperse {
namespace {

constexpr absl::string_view kDataSuffix = ".data";  // SaveModel's, of external data

// All that decides about the bytes of the output.
absl::StatusOr<nlohmann::ordered_json> OptionsOf(const FoldJob& job) {
  DSPERSE_ASSIGN_OR_RETURN(const PassList passes, ParsePassList(job.fold.passes));
  nlohmann::ordered_json options;
  options["passes"] = PassListText(passes);
  options["freeze_inputs"] = job.fold.freeze_inputs;
  options["duplicate_shared"] = job.fold.pass_options.duplicate_shared;
  options["max_constant"] = job.fold.pass_options.max_constant;
  options["target"] = job.fold.lower ? job.lowering.target : "none";
  options["exact"] = job.fold.pass_options.exact;
  options["input_ranges"] = job.fold.input_ranges;
  options["external_data"] = job.save.external_data;
  return options;
}

absl::Status ReadOptions(const Receipt& receipt, FoldJob* job) {
  const nlohmann::ordered_json& options = receipt.options;
  try {
    job->fold.passes = options.at("passes").get<std::string>();
    job->fold.freeze_inputs = options.at("freeze_inputs").get<bool>();
    job->fold.pass_options.duplicate_shared = options.at("duplicate_shared").get<bool>();
    job->fold.pass_options.max_constant = options.at("max_constant").get<int64_t>();
    job->lowering.target = options.at("target").get<std::string>();
    job->lowering.exact = options.at("exact").get<bool>();
    job->lowering.input_ranges = options.at("input_ranges").get<std::vector<std::string>>();
    job->save.external_data = options.at("external_data").get<bool>();
  } catch (const nlohmann::ordered_json::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("options of the receipt: ", error.what()));
  }
  DSPERSE_RETURN_IF_ERROR(ApplyLoweringFlags(job->lowering, "", &job->fold));
  // A receipt that was altered must not pass as one with other options.
  DSPERSE_ASSIGN_OR_RETURN(const nlohmann::ordered_json read, OptionsOf(*job));
  if (read != options) {
    return absl::InvalidArgumentError(absl::StrCat(
        "options of the receipt: ", options.dump(), " are not in normal form, ", read.dump()));
  }
  return absl::OkStatus();
}

// The model has no name of its own; that of its external data is in the model's bytes.
absl::Status HashOutputs(const SavedModel& saved, Receipt* receipt) {
  for (const std::string& path : saved.files) {
    const bool model = path == saved.files[0];
    const std::string name = model ? "" : path.substr(path.rfind('/') + 1);
    DSPERSE_ASSIGN_OR_RETURN(HashedFile hashed, HashFile(path, name, receipt->digest));
    receipt->outputs.push_back(std::move(hashed));
  }
  return absl::OkStatus();
}

absl::StatusOr<FoldedFile> FoldOnce(const FoldJob& job, bool check_weights, CliContext& context) {
  FoldedFile result;
  FileFold& fold = result.fold;
  fold.input = job.model.path;
  fold.output = job.output;
  if (job.fold.lower) fold.target = job.lowering.target;
  Stopwatch watch;
  context.Progress("loading …");
  DSPERSE_ASSIGN_OR_RETURN(LoadedModel loaded, Load(job.model, context));
  LoadedModel& model = UntilExit(std::move(loaded));
  DSPERSE_RETURN_IF_ERROR(CheckOutputsSpare(job.outputs, model.files));
  fold.bytes_before = model.file_bytes;
  fold.notes = std::move(model.notes);
  if (job.receipt) {
    result.receipt.command = "fold";
    DSPERSE_ASSIGN_OR_RETURN(result.receipt.options, OptionsOf(job));
    DSPERSE_RETURN_IF_ERROR(HashInputs(model.files, &result.receipt));
  }
  fold.load_seconds = watch.seconds();
  context.Progress("folding …");
  FoldOptions options = job.fold;
  options.pass_options.check_weights = check_weights;
  DSPERSE_ASSIGN_OR_RETURN(fold.report, FoldModel(model.graph, options));
  if (job.lowering.require_provable) {
    DSPERSE_RETURN_IF_ERROR(RequireProvable(*fold.report.provable_after, job.lowering.target));
  }
  context.Progress("saving …");
  watch = Stopwatch();
  absl::StatusOr<SavedModel> saved = SaveModel(model.graph, job.output, job.save);
  if (!saved.ok()) {
    // A product that isn't finite: fold anew with an eye on the weights.
    return absl::IsOutOfRange(saved.status()) ? saved.status() : OutputError(saved.status());
  }
  fold.bytes_after = saved->file_bytes;
  if (job.receipt) DSPERSE_RETURN_IF_ERROR(HashOutputs(*saved, &result.receipt));
  fold.save_seconds = watch.seconds();
  return result;
}

}  // namespace

absl::StatusOr<FoldedFile> FoldFile(const FoldJob& job, CliContext& context) {
  PrepareHeapFor(job.model.path);
  absl::StatusOr<FoldedFile> result = FoldOnce(job, false, context);
  if (absl::IsOutOfRange(result.status())) result = FoldOnce(job, true, context);
  context.Progress("");
  return result;
}

absl::StatusOr<Receipt> RepeatFold(const Receipt& receipt, const std::string& path,
                                   const std::string& folder, CliContext& context) {
  FoldJob job;
  job.model.path = path;
  DSPERSE_RETURN_IF_ERROR(ReadOptions(receipt, &job));
  job.receipt = true;
  absl::string_view name = "folded.onnx";
  if (receipt.outputs.size() > 1) {
    name = receipt.outputs[1].name;
    if (!absl::ConsumeSuffix(&name, kDataSuffix) || name.empty() ||
        name.find('/') != absl::string_view::npos) {
      return absl::InvalidArgumentError(absl::StrCat("outputs of the receipt: '", receipt.outputs[1].name,
                                                     "' is no name of a data file"));
    }
  }
  job.output = absl::StrCat(folder, "/", name);
  DSPERSE_ASSIGN_OR_RETURN(FoldedFile folded, FoldFile(job, context));
  return std::move(folded.receipt);
}

}  // namespace dsperse
