// dsperse-slice slice IN.onnx -o DIR
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "fold/ir/status_macros.h"
#include "nlohmann/json.hpp"
#include "slicer/cli/activation_range.h"
#include "slicer/cli/cli.h"
#include "slicer/cli/exit_code.h"
#include "slicer/cli/flag_values.h"
#include "slicer/cli/json_file.h"
#include "slicer/cli/lowering_flags.h"
#include "slicer/cli/model_in_out.h"
#include "slicer/cli/process_memory.h"
#include "slicer/cli/read_file.h"
#include "slicer/cli/slice_drop_in.h"
#include "slicer/cli/slice_file.h"
#include "slicer/cli/slice_text.h"
#include "slicer/cli/text_table.h"

namespace dsperse {
namespace {

struct SliceFlags {
  SliceJob job;
  std::string policy = "budget";
  std::string minimize = "total";
  std::string cut;
  std::optional<uint64_t> budget;
  bool no_fold = false;
  bool no_lower = false;
  bool dry_run = false;
  bool json = false;
  LoweringFlags lowering;
  std::vector<std::string> activation_range;
  DropInFlags drop_in;
};

// The tensors to cut at: a list, or @file with one a line.
absl::StatusOr<std::vector<std::string>> ReadCuts(const std::string& text) {
  std::string list = text;
  if (!text.empty() && text[0] == '@') {
    absl::StatusOr<std::string> lines = ReadFile(text.substr(1));
    if (!lines.ok()) return UsageError(absl::StrCat("--cut @", lines.status().message()));
    list = *std::move(lines);
  }
  std::vector<std::string> cuts;
  for (absl::string_view name : absl::StrSplit(list, absl::ByAnyChar(",\n"), absl::SkipWhitespace())) {
    cuts.emplace_back(absl::StripAsciiWhitespace(name));
  }
  return cuts;
}

// Checks the flags and turns them into a job.
absl::Status Interpret(SliceFlags& flags, CliContext& context) {
  SliceJob& job = flags.job;
  PrepareOptions& options = job.prepare;
  DSPERSE_RETURN_IF_ERROR(
      ApplyDropInFlags(flags.drop_in, context, &job.model.path, &job.output, &options));
  if (job.model.path.empty()) return UsageError("IN.onnx is missing (or --model-dir DIR)");
  if (job.output.empty() && !flags.dry_run) {
    return UsageError("-o DIR is missing (or --dry-run, to see the plan only)");
  }
  DSPERSE_RETURN_IF_ERROR(IsFileName("-o", job.output));
  if (!flags.dry_run) job.outputs = {{.flag = "-o", .path = job.output, .replaces_folder = true}};
  DSPERSE_RETURN_IF_ERROR(OneOf("--policy", flags.policy, {"budget", "dsperse", "layer", "points", "whole"}));
  DSPERSE_RETURN_IF_ERROR(OneOf("--minimize", flags.minimize, {"total", "largest", "slices"}));
  DSPERSE_ASSIGN_OR_RETURN(options.plan.policy, ParsePolicy(flags.policy));
  DSPERSE_ASSIGN_OR_RETURN(options.plan.minimize, ParseMinimize(flags.minimize));
  options.plan.budget = flags.budget;
  options.fold = !flags.no_fold;
  options.lower = !flags.no_lower;
  options.target = flags.lowering.target;
  options.fold_options.pass_options.exact = flags.lowering.exact;
  options.fold_options.input_ranges = flags.lowering.input_ranges;
  DSPERSE_ASSIGN_OR_RETURN(options.lift, ParseActivationRange(flags.activation_range));
  job.require_provable = flags.lowering.require_provable;
  DSPERSE_ASSIGN_OR_RETURN(options.plan.cuts, ReadCuts(flags.cut));
  if ((options.plan.policy == Policy::kPoints) == options.plan.cuts.empty()) {
    return UsageError("--policy points and --cut TENSOR,… (or @FILE) go together");
  }
  return CheckJob(job);
}

bool IsLifted(const Prepared& prepared) {
  for (const Slice& slice : prepared.plan.slices) {
    for (const Lift& lift : slice.lifts) {
      if (lift.doublings > 0) return true;
    }
  }
  return false;
}

absl::Status RunSlice(SliceFlags& flags, CliContext& context) {
  DSPERSE_RETURN_IF_ERROR(Interpret(flags, context));
  DSPERSE_ASSIGN_OR_RETURN(SlicedFile done, flags.dry_run ? PlanFile(flags.job, context)
                                                          : SliceFile(flags.job, context));
  const SlicedFile& sliced = UntilExit(std::move(done));
  const Prepared& prepared = sliced.prepared;
  const WrittenDirectory& written = sliced.written;
  std::vector<std::string> notices = prepared.notices;
  notices.insert(notices.end(), prepared.assumptions.begin(), prepared.assumptions.end());
  for (const std::string& notice : notices) context.Note(notice);
  for (const std::string& warning : prepared.warnings) context.Warning(warning);
  if (flags.job.write.lazy && IsLifted(prepared)) {
    context.Warning("slices that DSperse makes by itself are not lifted: JSTprove takes what enters them to lie within "
                    "±1 (see docs/slicing.md)");
  }
  if (!written.kept_circuits.empty()) {
    context.Note(absl::StrCat("carried over the compiled circuits of ",
                              absl::StrJoin(written.kept_circuits, ", ")));
  }
  if (!written.lost.empty()) {
    context.Note(absl::StrCat("--force gave up ", absl::StrJoin(written.lost, ", ")));
  }
  nlohmann::ordered_json account = nlohmann::ordered_json::parse(written.account);
  if (flags.json) {
    account["backend"] = prepared.backend;
    account["notices"] = notices;
    account["warnings"] = prepared.warnings;
    context.out() << ToText(account);
    return absl::OkStatus();
  }
  context.out() << BeforeSlicingText(prepared) << SlicesText(account, context);
  if (!flags.dry_run) {
    context.out() << "written: " << flags.job.output << " (" << written.files.size() << " files, "
                  << HumanBytes(written.bytes) << ")\n";
  }
  return absl::OkStatus();
}

}  // namespace

void AddSliceCommand(CLI::App& app, CliContext& context) {
  auto flags = std::make_shared<SliceFlags>();
  CLI::App* command = app.add_subcommand(
      "slice", "Fold, lower and cut a model into slices that DSperse compiles, runs and proves");
  AddModelFlags(*command, flags->job.model);
  command->get_option("IN.onnx")->required(false);
  PrepareOptions& prepare = flags->job.prepare;
  command->add_option("-o,--output", flags->job.output, "The slices directory; one that is there is replaced")
      ->type_name("DIR");
  command
      ->add_option("--policy", flags->policy,
                   "budget (default: least price), dsperse (its cuts), layer, points (--cut), whole")
      ->type_name("NAME");
  command->add_option("--minimize", flags->minimize, "What `budget` makes least: total (default), largest, slices")
      ->type_name("NAME");
  TakesWholeNumber(command->add_option("--budget", flags->budget, "Largest price of a slice, in the backend's unit"),
                   0);
  TakesWholeNumber(
      command->add_option("--max-bits", prepare.plan.max_bits, "Largest width of a value, by the backend's bound (64)"),
      1, INT32_MAX);
  TakesWholeNumber(command->add_option("--max-nodes", prepare.plan.max_nodes, "Most nodes of a slice (1000)"), 1,
                   INT32_MAX);
  command->add_option("--cut", flags->cut, "Tensors to cut behind, with --policy points; @FILE lists one a line")
      ->type_name("A,B|@FILE");
  command->add_option("--backend", prepare.backend, "Whose prices count (jstprove_expander)")->type_name("NAME");
  command
      ->add_option("--param", prepare.parameters,
                   "A parameter of the backend (`estimate --help` lists them). Repeatable")
      ->allow_extra_args(false)
      ->type_name("NAME=VALUE");
  AddLoweringFlags(*command, "; by default the backend's own", flags->lowering);
  AddActivationRangeFlag(*command, flags->activation_range);
  command->add_option("--passes", prepare.fold_options.passes, "As for `fold`")->type_name("LIST");
  AddInputShapeFlags(*command, prepare.shapes);
  command->add_flag("--no-fold", flags->no_fold, "Neither fold nor lower");
  command->add_flag("--no-lower", flags->no_lower, "Fold, but do not rewrite for the target");
  command->add_flag("--dry-run", flags->dry_run, "Show the plan, write nothing");
  command->add_flag("--lazy", flags->job.write.lazy, "Only metadata and model.onnx; DSperse makes the slices");
  command->add_flag("--force", flags->job.write.force, "Give up what is lost when DIR is replaced: circuits of slices that change, other files");
  command->add_flag("--fsync", flags->job.write.fsync, "Return when the files would survive a power loss");
  command->add_flag("--json", flags->json, "Print slices.json instead of the table");
  AddDropInFlags(*command, flags->drop_in);
  command->footer(
      "Examples:\n"
      "  dsperse-slice slice resnet18.onnx -o slices\n"
      "  dsperse-slice slice model.onnx --dry-run --budget 5000000\n"
      "  dsperse-slice slice model.onnx -o slices --policy points --cut conv4_out,pool5_out\n"
      "  dsperse-slice slice --model-dir model --output-dir model/slices --input-shape 1,3,224,224\n");
  command->callback([flags, &context] {
    context.SetAction([flags, &context] { return RunSlice(*flags, context); });
  });
}

}  // namespace dsperse
