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
#include "absl/strings/str_format.h"
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
#include "slicer/cli/text_table.h"
#include "slicer/prepare.h"
#include "slicer/slices_json.h"

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

std::string Operators(const nlohmann::ordered_json& slice) {
  std::string out;
  for (const auto& [op, count] : slice["operators"].items()) {
    if (!out.empty()) out += ' ';
    out += op;
    if (count.get<int>() > 1) absl::StrAppend(&out, "×", count.get<int>());
  }
  constexpr size_t kWidth = 44;
  if (out.size() > kWidth) out = out.substr(0, out.rfind(' ', kWidth)) + " …";
  return out;
}

std::string Table(const nlohmann::ordered_json& account, CliContext& context) {
  const uint64_t total = account["totals"]["price"].get<uint64_t>();
  const std::string unit = account["unit"].get<std::string>();
  TextTable table("rrlrrrrl");
  table.Row({"slice", "nodes", "operators", unit, "share", "bits", "in → out", "provable"});
  for (const auto& slice : account["slices"]) {
    const uint64_t price = slice["price"].get<uint64_t>();
    std::string verdict = "yes";
    if (!slice["arithmetic"].get<bool>()) verdict = "only moves data";
    if (slice.contains("reason")) verdict = absl::StrCat("no: ", slice["reason"].get<std::string>());
    if (slice["over_budget"].get<bool>()) verdict += ", over the budget";
    table.Row({absl::StrCat(slice["index"].get<int>()), absl::StrCat(slice["nodes"].size()),
               Operators(slice),
               absl::StrCat(slice["exact"].get<bool>() ? "" : "≈", WithCommas(static_cast<int64_t>(price))),
               total == 0 ? "" : absl::StrFormat("%.1f %%", 100.0 * static_cast<double>(price) / static_cast<double>(total)),
               absl::StrCat(slice["bits"].get<int>()),
               absl::StrCat(WithCommas(slice["input_elements"].get<int64_t>()), " → ",
                            WithCommas(slice["output_elements"].get<int64_t>())),
               verdict});
  }
  const auto& totals = account["totals"];
  return absl::StrCat(
      table.ToString(), "\n",
      context.Bold(absl::StrCat(totals["slices"].get<int>(), " slices, ",
                                totals["exact"].get<bool>() ? "" : "≈ ",
                                WithCommas(static_cast<int64_t>(total)), " ", unit, " in all, ",
                                totals["provable_slices"].get<int>(), " of ",
                                totals["arithmetic_slices"].get<int>(), " provable")),
      " (policy ", account["policy"].get<std::string>(), ", ", account["order"].get<std::string>(),
      " order; largest slice ", WithCommas(static_cast<int64_t>(totals["largest_price"].get<uint64_t>())), ")\n");
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

absl::Status RunSlice(SliceFlags& flags, CliContext& context) {
  if (flags.output.empty() && !flags.dry_run) {
    return UsageError("-o DIR is missing (or --dry-run, to see the plan only)");
  }
  const absl::StatusOr<Policy> policy = ParsePolicy(flags.policy);
  if (!policy.ok()) return UsageError(policy.status().message());
  const absl::StatusOr<Minimize> minimize = ParseMinimize(flags.minimize);
  if (!minimize.ok()) return UsageError(minimize.status().message());
  PrepareOptions& options = flags.prepare;
  options.plan.policy = *policy;
  options.plan.minimize = *minimize;
  options.plan.budget = flags.budget;
  options.fold = !flags.no_fold;
  options.lower = !flags.no_lower;
  options.target = flags.lowering.target;
  options.fold_options.pass_options.exact = flags.lowering.exact;
  options.fold_options.input_ranges = flags.lowering.input_ranges;
  DSPERSE_ASSIGN_OR_RETURN(options.plan.cuts, ReadCuts(flags.cut));
  if (*policy == Policy::kPoints && options.plan.cuts.empty()) {
    return UsageError("--policy points needs --cut TENSOR,… or --cut @FILE");
  }
  const absl::StatusOr<PassList> passes = ParsePassList(options.fold_options.passes);
  if (!passes.ok()) return UsageError(passes.status().message());

  context.Progress("loading …");
  DSPERSE_ASSIGN_OR_RETURN(LoadedModel model, Load(flags.model, context));
  context.Progress("folding and planning …");
  DSPERSE_ASSIGN_OR_RETURN(const Prepared prepared, Prepare(std::move(model.graph), options));
  for (const std::string& notice : prepared.notices) context.Note(notice);
  for (const std::string& warning : prepared.warnings) context.Warning(warning);

  if (flags.lowering.require_provable) {
    DSPERSE_RETURN_IF_ERROR(RequireProvableSlices(prepared));
  }

  std::optional<WrittenDirectory> written;
  if (!flags.dry_run) {
    context.Progress("writing …");
    absl::StatusOr<WrittenDirectory> result = WriteSlices(prepared, flags.output, flags.write);
    if (!result.ok()) {
      return absl::IsUnimplemented(result.status()) ? result.status() : OutputError(result.status());
    }
    written = *std::move(result);
  }
  context.Progress("");
  DSPERSE_ASSIGN_OR_RETURN(const Extractor extractor,
                           Extractor::Make(*prepared.graph, *prepared.facts, prepared.plan));
  nlohmann::ordered_json account = SlicesJson(*prepared.graph, *prepared.facts, prepared.plan,
                                              prepared.plan_options, extractor);
  if (flags.json) {
    account["backend"] = prepared.backend;
    account["notices"] = prepared.notices;
    account["warnings"] = prepared.warnings;
    context.out() << ToText(account);
    return absl::OkStatus();
  }
  context.out() << Table(account, context);
  if (written) {
    context.out() << absl::StrCat("written: ", flags.output, " (", written->files.size(), " files, ",
                                  HumanBytes(written->bytes), ")\n");
    if (!written->kept_circuits.empty()) {
      context.Note(absl::StrCat(written->kept_circuits.size(), " compiled circuits were carried over"));
    }
  }
  return absl::OkStatus();
}

// What `dsperse slice` takes, so that a script need not change.
void AddDropInFlags(CLI::App& command, const std::shared_ptr<SliceFlags>& flags, CliContext& context) {
  command.add_option_function<std::string>(
      "--model-dir", [flags](const std::string& folder) {
        flags->model.path = absl::StrCat(folder, "/model.onnx");
        if (flags->output.empty()) flags->output = absl::StrCat(folder, "/slices");
      }, "Folder that holds model.onnx (as for `dsperse slice`)")->type_name("DIR");
  command.add_option("--output-dir", flags->output, "As -o")->type_name("DIR");
  command.add_option_function<std::string>(
      "--proof-system", [flags](const std::string& system) {
        flags->prepare.backend = absl::StrCat("jstprove_", system);
      }, "expander or remainder: the backend jstprove_<…>");
  command.add_option_function<std::string>("--tile-size", [&context](const std::string&) {
    context.Note("--tile-size is accepted and not used: slices are whole");
  }, "Accepted: slices are whole");
  command.add_option_function<std::string>("--log-level", [&context](const std::string&) {
    context.Note("--log-level is accepted and not used");
  }, "Accepted");
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
  command->add_option("--input-shape", prepare.shapes.input_shapes, "[NAME=]1,3,224,224");
  command->add_option("--dim", prepare.shapes.dims, "NAME=NUMBER of a named dimension");
  command->add_flag("--no-fold", flags->no_fold, "Neither fold nor lower");
  command->add_flag("--no-lower", flags->no_lower, "Fold, but do not rewrite for the target");
  command->add_flag("--dry-run", flags->dry_run, "Show the plan, write nothing");
  command->add_flag("--lazy", flags->write.lazy, "Only metadata and model.onnx; DSperse makes the slices");
  command->add_flag("--force", flags->write.force, "Give up compiled circuits of slices that change");
  command->add_flag("--fsync", flags->write.fsync, "Return when the files would survive a power loss");
  command->add_flag("--json", flags->json, "Print slices.json instead of the table");
  AddDropInFlags(*command, flags, context);
  command->callback([flags, &context] {
    context.SetAction([flags, &context] { return RunSlice(*flags, context); });
  });
}

}  // namespace dsperse
