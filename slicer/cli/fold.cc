// dsperse-slice fold IN.onnx -o OUT.onnx
#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/registry.h"
#include "nlohmann/json.hpp"
#include "slicer/cli/cli.h"
#include "slicer/cli/exit_code.h"
#include "slicer/cli/flag_values.h"
#include "slicer/cli/fold_file.h"
#include "slicer/cli/fold_report.h"
#include "slicer/cli/json_file.h"
#include "slicer/cli/lowering_flags.h"
#include "slicer/cli/model_in_out.h"
#include "slicer/cli/output_paths.h"
#include "slicer/cli/process_memory.h"
#include "slicer/receipt.h"

namespace dsperse {
namespace {

struct FoldFlags {
  FoldJob job;
  std::string report;
  std::string receipt;
  bool explain = false;
  bool json = false;
};

// What can be said before the model is read; FoldFile sees to its external data.
absl::Status CheckPaths(FoldFlags& flags) {
  FoldJob& job = flags.job;
  DSPERSE_RETURN_IF_ERROR(IsFileName("-o", job.output));
  DSPERSE_RETURN_IF_ERROR(IsFileName("--report", flags.report));
  DSPERSE_RETURN_IF_ERROR(IsFileName("--receipt", flags.receipt));
  job.outputs = {{.flag = "-o", .path = job.output, .may_be_model = true},
                 {.flag = "--report", .path = flags.report},
                 {.flag = "--receipt", .path = flags.receipt}};
  DSPERSE_RETURN_IF_ERROR(CheckOutputsSpareModel(job.outputs, job.model.path));
  // A large model has external data without being told to.
  std::vector<OutputPath> all = job.outputs;
  all.insert(all.begin() + 1, {.flag = "external data of -o", .path = absl::StrCat(job.output, ".data")});
  DSPERSE_RETURN_IF_ERROR(CheckOutputsDiffer(all));
  if (flags.receipt.empty()) return absl::OkStatus();
  // A receipt needs bytes that stay.
  std::error_code ignored;
  if (std::filesystem::exists(job.output, ignored) && !std::filesystem::is_regular_file(job.output, ignored)) {
    return UsageError(absl::StrCat("--receipt: ", job.output, " is no regular file"));
  }
  return absl::OkStatus();
}

absl::Status RunFold(FoldFlags& flags, CliContext& context) {
  DSPERSE_RETURN_IF_ERROR(ApplyLoweringFlags(flags.job.lowering, "", &flags.job.fold));
  // A misspelt pass is a usage error, whatever the model.
  const absl::StatusOr<PassList> passes = ParsePassList(flags.job.fold.passes);
  if (!passes.ok()) return UsageError(passes.status().message());

  DSPERSE_RETURN_IF_ERROR(CheckPaths(flags));
  DSPERSE_ASSIGN_OR_RETURN(FoldedFile done, FoldFile(flags.job, context));
  const FoldedFile& folded = UntilExit(std::move(done));
  const FileFold& fold = folded.fold;

  if (!flags.receipt.empty()) {
    DSPERSE_RETURN_IF_ERROR(WriteTextFile(ReceiptText(folded.receipt), flags.receipt));
  }
  if (!flags.report.empty()) {
    DSPERSE_RETURN_IF_ERROR(WriteJsonFile(ToJson(fold), flags.report));
  }
  if (flags.json) {
    context.out() << ToText(ToJson(fold));
    return absl::OkStatus();
  }
  context.out() << SummaryText(fold, context);
  if (flags.explain) context.out() << "\n" << ExplainText(fold.report, context);
  return absl::OkStatus();
}

}  // namespace

void AddFoldCommand(CLI::App& app, CliContext& context) {
  auto flags = std::make_shared<FoldFlags>();
  CLI::App* command = app.add_subcommand(
      "fold", "Propagate constants, remove no-ops, fold BatchNormalization, collect what is unused");
  command->footer(
      "Examples:\n"
      "  dsperse-slice fold resnet50.onnx -o folded.onnx --explain\n"
      "  dsperse-slice fold model.onnx -o model.onnx --passes +fuse_matmul_add,-compose_views\n"
      "  dsperse-slice fold model.onnx -o folded.onnx --receipt receipt.json\n"
      "  dsperse-slice fold model.onnx -o lowered.onnx --passes none --target jstprove\n");
  AddModelFlags(*command, flags->job.model);
  command->add_option("-o,--output", flags->job.output, "The folded model; may be the input itself")
      ->required()
      ->type_name("OUT.onnx");
  command->add_flag("--explain", flags->explain, "Say of each rewrite where it applied, and why not");
  command->add_option("--report", flags->report, "Write everything there as JSON")
      ->type_name("FILE.json");
  command
      ->add_option_function<std::string>(
          "--receipt",
          [flags](const std::string& path) {
            flags->receipt = path;
            flags->job.receipt = true;
          },
          "Write version, options and SHA-256 of every file there, for `verify-receipt`")
      ->type_name("R.json");
  command->add_flag("--json", flags->json, "Print one JSON object instead of the table");
  command
      ->add_option("--passes", flags->job.fold.passes,
                   "none, default, dsperse; a,b (these alone); +c,-d (the default list changed)")
      ->type_name("LIST");
  command->add_flag("--freeze-inputs", flags->job.fold.freeze_inputs,
                    "Initializers that are inputs too become constants, and those inputs go");
  command->add_flag("--duplicate-shared", flags->job.fold.pass_options.duplicate_shared,
                    "Fold a BatchNormalization into a copy where others read its producer's result");
  TakesBytes(command->add_option("--max-constant", flags->job.fold.pass_options.max_constant,
                                 "How much larger a folded constant may be than what it frees (1M)"));
  AddLoweringFlags(*command, " (default)", flags->job.lowering);
  command->add_flag("--external-data", flags->job.save.external_data,
                    "Large constants go to a file beside the model");
  command->add_flag("--fsync", flags->job.save.fsync, "Return when the file would survive a power loss");
  command->add_flag("--verify-each", flags->job.fold.verify_each,
                    "Check every invariant of the graph after each pass");
  command->callback([flags, &context] {
    context.SetAction([flags, &context] { return RunFold(*flags, context); });
  });
}

}  // namespace dsperse
