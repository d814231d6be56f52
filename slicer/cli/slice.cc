// dsperse-slice slice IN.onnx -o DIR
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "fold/ir/model_file.h"
#include "fold/ir/status_macros.h"
#include "fold/registry.h"
#include "nlohmann/json.hpp"
#include "slicer/cli/cli.h"
#include "slicer/cli/exit_code.h"
#include "slicer/cli/json_file.h"
#include "slicer/cli/lowering_flags.h"
#include "slicer/cli/model_in_out.h"
#include "slicer/cli/slice_drop_in.h"
#include "slicer/cli/slice_text.h"
#include "slicer/cli/text_table.h"
#include "slicer/prepare.h"

namespace dsperse {
namespace {

struct SliceFlags {
  ModelFlags model;
  std::string output;
  std::string policy = "budget";
  std::string minimize = "total";
  std::string cut;
  std::optional<uint64_t> budget;
  bool no_fold = false;
  bool no_lower = false;
  bool dry_run = false;
  bool json = false;
  LoweringFlags lowering;
  DropInFlags drop_in;
  PrepareOptions prepare;
  WriteOptions write;
};

// The tensors to cut at: a list, or @file with one a line.
absl::StatusOr<std::vector<std::string>> ReadCuts(const std::string& text) {
  std::string list = text;
  if (!text.empty() && text[0] == '@') {
    std::ifstream file(text.substr(1));
    if (!file) return UsageError(absl::StrCat("--cut ", text, ": there is no such file"));
    list.assign(std::istreambuf_iterator<char>(file), {});
  }
  std::vector<std::string> cuts;
  for (absl::string_view name : absl::StrSplit(list, absl::ByAnyChar(",\n"), absl::SkipWhitespace())) {
    cuts.emplace_back(absl::StripAsciiWhitespace(name));
  }
  return cuts;
}

// Unimplemented, naming what is not proven and why.
absl::Status RequireProvableSlices(const Prepared& prepared) {
  const Target* target = prepared.plan_options.target;
  if (target == nullptr) {
    return UsageError("--require-provable needs a target: --target jstprove or ezkl");
  }
  DSPERSE_RETURN_IF_ERROR(RequireProvable(
      MeasureProvability(*prepared.graph, *prepared.facts, *target), target->name()));
  for (size_t i = 0; i < prepared.plan.slices.size(); ++i) {
    const Slice& slice = prepared.plan.slices[i];
    if (!slice.arithmetic || slice.provable) continue;
    return absl::UnimplementedError(absl::StrCat("slice ", i, ": ", slice.reason));
  }
  return absl::OkStatus();
}

// Checks the flags and turns them into options.
absl::Status Interpret(SliceFlags& flags, CliContext& context) {
  PrepareOptions& options = flags.prepare;
  DSPERSE_RETURN_IF_ERROR(
      ApplyDropInFlags(flags.drop_in, context, &flags.model.path, &flags.output, &options));
  if (flags.model.path.empty()) return UsageError("IN.onnx is missing (or --model-dir DIR)");
  if (flags.output.empty() && !flags.dry_run) {
    return UsageError("-o DIR is missing (or --dry-run, to see the plan only)");
  }
  const absl::StatusOr<Policy> policy = ParsePolicy(flags.policy);
  if (!policy.ok()) return UsageError(policy.status().message());
  const absl::StatusOr<Minimize> minimize = ParseMinimize(flags.minimize);
  if (!minimize.ok()) return UsageError(minimize.status().message());
  options.plan.policy = *policy;
  options.plan.minimize = *minimize;
  options.plan.budget = flags.budget;
  options.fold = !flags.no_fold;
  options.lower = !flags.no_lower;
  options.target = flags.lowering.target;
  options.fold_options.pass_options.exact = flags.lowering.exact;
  options.fold_options.input_ranges = flags.lowering.input_ranges;
  DSPERSE_ASSIGN_OR_RETURN(options.plan.cuts, ReadCuts(flags.cut));
  if ((*policy == Policy::kPoints) != !options.plan.cuts.empty()) {
    return UsageError("--policy points and --cut TENSOR,… (or @FILE) go together");
  }
  const absl::StatusOr<PassList> passes = ParsePassList(options.fold_options.passes);
  if (!passes.ok()) return UsageError(passes.status().message());
  return absl::OkStatus();
}

absl::StatusOr<Prepared> LoadAndPrepare(const SliceFlags& flags, const PrepareOptions& options,
                                        CliContext& context) {
  context.Progress("loading …");
  DSPERSE_ASSIGN_OR_RETURN(LoadedModel model, Load(flags.model, context));
  context.Progress("folding and planning …");
  return Prepare(std::move(model.graph), options);
}

absl::Status Write(const SliceFlags& flags, CliContext& context, Prepared* prepared,
                   WrittenDirectory* written) {
  context.Progress("writing …");
  absl::StatusOr<WrittenDirectory> result = WriteSlices(*prepared, flags.output, flags.write);
  if (absl::IsOutOfRange(result.status())) {
    // A fused weight that isn't finite: once more with an eye on the weights.
    PrepareOptions options = flags.prepare;
    options.fold_options.pass_options.check_weights = true;
    DSPERSE_ASSIGN_OR_RETURN(*prepared, LoadAndPrepare(flags, options, context));
    result = WriteSlices(*prepared, flags.output, flags.write);
  }
  if (!result.ok()) {
    const bool input = absl::IsUnimplemented(result.status()) || absl::IsOutOfRange(result.status());
    return input ? result.status() : OutputError(result.status());
  }
  *written = *std::move(result);
  return absl::OkStatus();
}

absl::Status RunSlice(SliceFlags& flags, CliContext& context) {
  DSPERSE_RETURN_IF_ERROR(Interpret(flags, context));
  DSPERSE_ASSIGN_OR_RETURN(Prepared prepared, LoadAndPrepare(flags, flags.prepare, context));
  if (flags.lowering.require_provable) {
    DSPERSE_RETURN_IF_ERROR(RequireProvableSlices(prepared));
  }
  WrittenDirectory written;
  if (flags.dry_run) {
    DSPERSE_ASSIGN_OR_RETURN(written.account, SlicesAccount(prepared));
  } else {
    DSPERSE_RETURN_IF_ERROR(Write(flags, context, &prepared, &written));
  }
  context.Progress("");
  for (const std::string& notice : prepared.notices) context.Note(notice);
  for (const std::string& warning : prepared.warnings) context.Warning(warning);
  nlohmann::ordered_json account = nlohmann::ordered_json::parse(written.account);
  if (flags.json) {
    account["backend"] = prepared.backend;
    account["notices"] = prepared.notices;
    account["warnings"] = prepared.warnings;
    context.out() << ToText(account);
    return absl::OkStatus();
  }
  context.out() << BeforeSlicingText(prepared) << SlicesText(account, context);
  if (flags.dry_run) return absl::OkStatus();
  context.out() << absl::StrCat("written: ", flags.output, " (", written.files.size(), " files, ",
                                HumanBytes(written.bytes), ")\n");
  if (!written.kept_circuits.empty()) {
    context.Note(absl::StrCat("carried over the compiled circuits of ",
                              absl::StrJoin(written.kept_circuits, ", ")));
  }
  if (!written.lost.empty()) {
    context.Note(absl::StrCat("--force gave up ", absl::StrJoin(written.lost, ", ")));
  }
  return absl::OkStatus();
}

}  // namespace

void AddSliceCommand(CLI::App& app, CliContext& context) {
  auto flags = std::make_shared<SliceFlags>();
  CLI::App* command = app.add_subcommand(
      "slice", "Fold, lower and cut a model into slices that DSperse compiles, runs and proves");
  AddModelFlags(*command, flags->model);
  command->get_option("model")->required(false);
  PrepareOptions& prepare = flags->prepare;
  command->add_option("-o,--output", flags->output, "The slices directory; one that is there is replaced")
      ->type_name("DIR");
  command->add_option("--policy", flags->policy,
                      "budget (least price), dsperse (its cuts), layer, points (--cut), whole");
  command->add_option("--minimize", flags->minimize, "Of the budget policy: total, largest, slices");
  command->add_option("--budget", flags->budget, "Largest price of a slice, in the backend's unit");
  command->add_option("--max-bits", prepare.plan.max_bits, "Largest width of a value, by the backend's bound (64)");
  command->add_option("--max-nodes", prepare.plan.max_nodes, "Most nodes of a slice (1000)");
  command->add_option("--cut", flags->cut, "Tensors to cut behind: a,b,c or @FILE with one a line");
  command->add_option("--backend", prepare.backend, "Whose prices count (jstprove_expander)");
  command->add_option("--param", prepare.parameters, "KEY=VALUE of the backend; may be repeated");
  AddLoweringFlags(*command, "; by default the backend's own", flags->lowering);
  command->add_option("--passes", prepare.fold_options.passes, "As for `fold`")->type_name("LIST");
  AddInputShapeFlags(*command, prepare.shapes);
  command->add_flag("--no-fold", flags->no_fold, "Neither fold nor lower");
  command->add_flag("--no-lower", flags->no_lower, "Fold, but do not rewrite for the target");
  command->add_flag("--dry-run", flags->dry_run, "Show the plan, write nothing");
  command->add_flag("--lazy", flags->write.lazy, "Only metadata and model.onnx; DSperse makes the slices");
  command->add_flag("--force", flags->write.force, "Give up what is lost when DIR is replaced: circuits of slices that change, other files");
  command->add_flag("--fsync", flags->write.fsync, "Return when the files would survive a power loss");
  command->add_flag("--json", flags->json, "Print slices.json instead of the table");
  AddDropInFlags(*command, flags->drop_in);
  command->callback([flags, &context] {
    context.SetAction([flags, &context] { return RunSlice(*flags, context); });
  });
}

}  // namespace dsperse
