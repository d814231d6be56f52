// dsperse-slice report IN.onnx…
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "circuit_estimate/backend.h"
#include "circuit_estimate/report_render.h"
#include "fold/ir/status_macros.h"
#include "nlohmann/json.hpp"
#include "slicer/cli/cli.h"
#include "slicer/cli/exit_code.h"
#include "slicer/cli/flag_values.h"
#include "slicer/cli/json_file.h"
#include "slicer/cli/model_in_out.h"
#include "slicer/cli/output_paths.h"
#include "slicer/prepare_report.h"

namespace dsperse {
namespace {

namespace fs = std::filesystem;

struct ReportFlags {
  std::vector<std::string> models;
  int64_t max_memory = 0;
  std::string output;
  std::string format;
  std::vector<std::string> formats;  // what it lists
  std::vector<OutputPath> outputs;   // one for each
  std::string backend = "jstprove_expander";
  std::string policy = "budget";
  std::string minimize = "total";
  std::optional<uint64_t> budget;
  bool json = false;
  bool timings = false;
  ReportOptions report;
};

// The words, each once.
std::vector<std::string> Once(const std::vector<std::string>& words) {
  std::vector<std::string> once;
  for (const std::string& word : words) {
    if (std::find(once.begin(), once.end(), word) == once.end()) once.push_back(word);
  }
  return once;
}

absl::Status CheckParameters(const ReportOptions& options) {
  for (const std::string& assignment : options.parameters) {
    if (!absl::StrContains(assignment, '=')) {
      return UsageError(absl::StrCat("--param ", assignment, ": expected name=value"));
    }
    std::optional<absl::Status> result;
    for (const std::string& name : options.backends) {
      Parameters parameters(FindBackend(name)->parameters());
      absl::Status set = parameters.Set(assignment);
      if (!result || set.ok()) result = std::move(set);
    }
    if (!result->ok() && options.backends.size() > 1) {
      return UsageError(absl::StrCat("--param ", assignment, ": none of the backends takes it"));
    }
    if (!result->ok()) return UsageError(absl::StrCat("--param: ", result->message()));
  }
  return absl::OkStatus();
}

bool IsFolder(const std::string& path) {
  std::error_code error;
  return absl::EndsWith(path, "/") || fs::is_directory(path, error);
}

std::string OutputPathOf(const std::string& output, const std::string& format) {
  return IsFolder(output) ? (fs::path(output) / absl::StrCat("report.", format)).string() : output;
}

// Everything that can be wrong with the flags, before a model is read.
absl::Status CheckFlags(ReportFlags& flags) {
  if (flags.json && !flags.format.empty()) return UsageError("--json is --format json: give one of them");
  if (flags.format.empty()) flags.format = flags.json ? "json" : "md";
  DSPERSE_RETURN_IF_ERROR(IsFileName("-o", flags.output));
  flags.formats = Once(absl::StrSplit(flags.format, ','));
  for (const std::string& format : flags.formats) {
    DSPERSE_RETURN_IF_ERROR(OneOf("--format", format, {"md", "html", "json", "csv"}));
    if (format == "html" && flags.output.empty()) {
      return UsageError("--format html needs -o, a file or a folder");
    }
  }
  if (flags.formats.size() > 1 && !IsFolder(flags.output)) {
    return UsageError("several formats need -o, a folder");
  }
  ReportOptions& options = flags.report;
  if (flags.backend == "all") {
    options.backends.clear();
    for (const Backend* backend : AllBackends()) options.backends.emplace_back(backend->name());
  } else {
    options.backends = Once(absl::StrSplit(flags.backend, ','));
    for (const std::string& name : options.backends) {
      DSPERSE_RETURN_IF_ERROR(IsBackend(name, /*all=*/true));
      if (name == "all") return UsageError("--backend all stands alone");
    }
  }
  if (!flags.output.empty()) {
    for (const std::string& format : flags.formats) {
      flags.outputs.push_back({.flag = "-o", .path = OutputPathOf(flags.output, format)});
    }
  }
  for (const std::string& model : flags.models) {
    DSPERSE_RETURN_IF_ERROR(CheckOutputsSpareModel(flags.outputs, model));
  }
  // Names of tensors do not survive all three columns, so there is no policy `points` here.
  DSPERSE_RETURN_IF_ERROR(OneOf("--policy", flags.policy, {"budget", "dsperse", "layer", "whole"}));
  if (!options.prepare.target.empty()) DSPERSE_RETURN_IF_ERROR(IsTarget(options.prepare.target, /*none=*/true));
  DSPERSE_RETURN_IF_ERROR(OneOf("--minimize", flags.minimize, {"total", "largest", "slices"}));
  DSPERSE_ASSIGN_OR_RETURN(options.prepare.plan.policy, ParsePolicy(flags.policy));
  DSPERSE_ASSIGN_OR_RETURN(options.prepare.plan.minimize, ParseMinimize(flags.minimize));
  options.prepare.plan.budget = flags.budget;
  return CheckParameters(options);
}

// The field of /proc that begins with `name`, or "".
std::string ProcField(const char* path, absl::string_view name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!absl::StartsWith(line, name)) continue;
    return std::string(absl::StripAsciiWhitespace(absl::string_view(line).substr(line.find(':') + 1)));
  }
  return "";
}

ReportMachine ThisMachine() {
  ReportMachine machine;
  machine.cpu = ProcField("/proc/cpuinfo", "model name");
  if (machine.cpu.empty()) machine.cpu = "unknown processor";
  machine.cores = static_cast<int>(std::thread::hardware_concurrency());
  const std::string memory = ProcField("/proc/meminfo", "MemTotal");
  int64_t kilobytes = 0;
  if (absl::SimpleAtoi(memory.substr(0, memory.find(' ')), &kilobytes)) {
    machine.memory_bytes = kilobytes * 1024;
  }
  return machine;
}

// How the report calls a model: its file's name, or the whole path where two would be called the same.
std::string NameOf(const std::string& path, const std::vector<std::string>& all) {
  std::string name = fs::path(path).filename().string();
  const auto same = [&](const std::string& other) { return fs::path(other).filename() == name; };
  return std::count_if(all.begin(), all.end(), same) > 1 ? path : name;
}

std::string Render(const Report& report, absl::string_view format) {
  if (format == "json") return ToText(RenderJson(report));
  if (format == "csv") return RenderCsv(report);
  if (format == "html") return RenderHtml(report);
  return RenderMarkdown(report);
}

absl::Status RunReport(ReportFlags& flags, CliContext& context) {
  DSPERSE_RETURN_IF_ERROR(CheckFlags(flags));
  Report report;
  report.version = DSPERSE_VERSION;
  report.policy = flags.policy;
  report.minimize = flags.minimize;
  report.budget = flags.budget;
  if (flags.timings) report.machine = ThisMachine();
  for (const std::string& path : flags.models) {
    const std::string name = NameOf(path, flags.models);
    context.Progress(absl::StrCat(name, " …"));
    const Stopwatch watch;
    DSPERSE_ASSIGN_OR_RETURN(const LoadedModel model, Load({path, flags.max_memory}, context));
    const double seconds = watch.seconds();
    DSPERSE_RETURN_IF_ERROR(CheckOutputsSpare(flags.outputs, model.files));
    absl::StatusOr<ReportModel> made = MakeReportModel(model, name, flags.report);
    if (!made.ok()) {
      const absl::Status& status = made.status();
      const bool named = absl::StrContains(status.message(), name);
      return named ? status
                   : absl::Status(status.code(), absl::StrCat(name, ": ", status.message()));
    }
    made->load_seconds = seconds;
    for (const std::string& notice : made->notices) context.Note(absl::StrCat(name, ": ", notice));
    report.models.push_back(*std::move(made));
  }
  context.Progress("");
  for (const std::string& format : flags.formats) {
    const std::string text = Render(report, format);
    if (flags.output.empty()) {
      context.out() << text;
      continue;
    }
    const std::string path = OutputPathOf(flags.output, format);
    std::error_code error;
    if (const fs::path folder = fs::path(path).parent_path(); !folder.empty()) {
      fs::create_directories(folder, error);  // if it can't be, writing says so
    }
    DSPERSE_RETURN_IF_ERROR(WriteTextFile(text, path));
    context.Note(absl::StrCat("written: ", path));
  }
  return absl::OkStatus();
}

}  // namespace

void AddReportCommand(CLI::App& app, CliContext& context) {
  auto flags = std::make_shared<ReportFlags>();
  CLI::App* command = app.add_subcommand(
      "report", "What folding, lowering and slicing save: a model as it came, unfused and fused, side by side");
  command->footer(
      "Examples:\n"
      "  dsperse-slice report resnet50.onnx\n"
      "  dsperse-slice report resnet50.onnx --backend all --format json -o report.json\n"
      "  dsperse-slice report a.onnx b.onnx --format html -o report.html\n");
  command->add_option("IN.onnx", flags->models, "The ONNX models; several are compared on one page")
      ->required()
      ->type_name("");
  AddMaxMemoryFlag(*command, flags->max_memory);
  command
      ->add_option("-o,--output", flags->output,
                   "A file, or a folder for report.<format>; standard output unless given")
      ->type_name("PATH");
  command->add_option("--format", flags->format, "md (default), html, json, csv; several with commas")->type_name("FORMAT");
  command->add_flag("--json", flags->json, "As --format json");
  command
      ->add_option("--backend", flags->backend,
                   "Whose prices count: one, several with commas, or all (jstprove_expander)")
      ->type_name("NAME");
  command->add_option("--policy", flags->policy, "Where all columns are cut: budget (default), dsperse, layer, whole")
      ->type_name("NAME");
  command->add_option("--minimize", flags->minimize, "What `budget` makes least: total (default), largest, slices")
      ->type_name("NAME");
  TakesWholeNumber(command->add_option("--budget", flags->budget, "Largest price of a slice, in the backend's unit"),
                   0);
  command
      ->add_option("--target", flags->report.prepare.target,
                   "Rewrite for this prover: jstprove, ezkl or none; by default each backend's own")
      ->type_name("NAME");
  command->add_flag("--exact", flags->report.prepare.fold_options.pass_options.exact,
                    "Only rewrites that keep every product and sum of the model");
  command
      ->add_option("--param", flags->report.parameters, "For the backends that have it (`estimate --help`). Repeatable")
      ->allow_extra_args(false)
      ->type_name("NAME=VALUE");
  AddInputShapeFlags(*command, flags->report.prepare.shapes);
  command->add_flag("--timings", flags->timings, "Also how long it took, and on which machine");
  command->callback([flags, &context] {
    context.SetAction([flags, &context] { return RunReport(*flags, context); });
  });
}

}  // namespace dsperse
