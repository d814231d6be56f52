// dsperse-slice fold IN.onnx -o OUT.onnx
#include <memory>
#include <ostream>
#include <string>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "fold/fold_model.h"
#include "fold/ir/model_file.h"
#include "fold/ir/status_macros.h"
#include "fold/registry.h"
#include "nlohmann/json.hpp"
#include "slicer/cli/cli.h"
#include "slicer/cli/exit_code.h"
#include "slicer/cli/fold_report.h"
#include "slicer/cli/json_file.h"
#include "slicer/cli/lowering_flags.h"
#include "slicer/cli/model_in_out.h"

namespace dsperse {
namespace {

struct FoldFlags {
  ModelFlags model;
  std::string output;
  std::string report;
  bool explain = false;
  bool json = false;
  FoldOptions fold;
  LoweringFlags lowering;
  SaveOptions save;
};

// Loads, folds and saves. With `check_weights` every weight that is to be scaled is read first.
absl::StatusOr<FileFold> FoldOnce(const FoldFlags& flags, bool check_weights, CliContext& context) {
  FileFold result;
  result.input = flags.model.path;
  result.output = flags.output;
  if (flags.fold.lower) result.target = flags.lowering.target;
  Stopwatch watch;
  context.Progress("loading …");
  DSPERSE_ASSIGN_OR_RETURN(LoadedModel model, Load(flags.model, context));
  result.bytes_before = model.file_bytes;
  result.notes = std::move(model.notes);
  result.load_seconds = watch.seconds();
  context.Progress("folding …");
  FoldOptions options = flags.fold;
  options.pass_options.check_weights = check_weights;
  DSPERSE_ASSIGN_OR_RETURN(result.report, FoldModel(model.graph, options));
  if (flags.lowering.require_provable) {
    DSPERSE_RETURN_IF_ERROR(RequireProvable(*result.report.provable_after, flags.lowering.target));
  }
  context.Progress("saving …");
  watch = Stopwatch();
  absl::StatusOr<SavedModel> saved = SaveModel(model.graph, flags.output, flags.save);
  if (!saved.ok()) {
    // A product that isn't finite: fold anew with an eye on the weights.
    return absl::IsOutOfRange(saved.status()) ? saved.status() : OutputError(saved.status());
  }
  result.bytes_after = saved->file_bytes;
  result.save_seconds = watch.seconds();
  return result;
}

absl::Status RunFold(FoldFlags& flags, CliContext& context) {
  DSPERSE_RETURN_IF_ERROR(ApplyLoweringFlags(flags.lowering, "", &flags.fold));
  // A misspelt pass is a usage error, whatever the model.
  const absl::StatusOr<PassList> passes = ParsePassList(flags.fold.passes);
  if (!passes.ok()) return UsageError(passes.status().message());

  absl::StatusOr<FileFold> fold = FoldOnce(flags, false, context);
  if (absl::IsOutOfRange(fold.status())) fold = FoldOnce(flags, true, context);
  DSPERSE_RETURN_IF_ERROR(fold.status());
  context.Progress("");

  if (!flags.report.empty()) {
    DSPERSE_RETURN_IF_ERROR(WriteJsonFile(ToJson(*fold), flags.report));
  }
  if (flags.json) {
    context.out() << ToText(ToJson(*fold));
    return absl::OkStatus();
  }
  context.out() << SummaryText(*fold, context);
  if (flags.explain) context.out() << "\n" << ExplainText(fold->report, context);
  return absl::OkStatus();
}

}  // namespace

void AddFoldCommand(CLI::App& app, CliContext& context) {
  auto flags = std::make_shared<FoldFlags>();
  CLI::App* command = app.add_subcommand(
      "fold", "Propagate constants, remove no-ops, fold BatchNormalization, collect what is unused");
  AddModelFlags(*command, flags->model);
  command->add_option("-o,--output", flags->output, "The folded model; may be the input itself")
      ->required()
      ->type_name("OUT.onnx");
  command->add_flag("--explain", flags->explain, "Say of each rewrite where it applied, and why not");
  command->add_option("--report", flags->report, "Write everything there as JSON")
      ->type_name("FILE.json");
  command->add_flag("--json", flags->json, "Print one JSON object instead of the table");
  command
      ->add_option("--passes", flags->fold.passes,
                   "none, default, dsperse; a,b (these alone); +c,-d (the default list changed)")
      ->type_name("LIST");
  command->add_flag("--freeze-inputs", flags->fold.freeze_inputs,
                    "Initializers that are inputs too become constants, and those inputs go");
  command->add_flag("--duplicate-shared", flags->fold.pass_options.duplicate_shared,
                    "Fold a BatchNormalization into a copy where others read its producer's result");
  command
      ->add_option("--max-constant", flags->fold.pass_options.max_constant,
                   "How much larger a folded constant may be than what it frees (1 MiB)")
      ->transform(CLI::AsSizeValue(false))
      ->type_name("BYTES");
  AddLoweringFlags(*command, " (default)", flags->lowering);
  command->add_flag("--external-data", flags->save.external_data,
                    "Large constants go to a file beside the model");
  command->add_flag("--fsync", flags->save.fsync, "Return when the file would survive a power loss");
  command->add_flag("--verify-each", flags->fold.verify_each,
                    "Check every invariant of the graph after each pass");
  command->callback([flags, &context] {
    context.SetAction([flags, &context] { return RunFold(*flags, context); });
  });
}

}  // namespace dsperse
