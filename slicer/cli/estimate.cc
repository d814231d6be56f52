// dsperse-slice estimate IN.onnx|SLICES_DIR
#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "circuit_estimate/report.h"
#include "fold/fold_model.h"
#include "fold/ir/status_macros.h"
#include "nlohmann/json.hpp"
#include "slicer/cli/cli.h"
#include "slicer/cli/estimate_text.h"
#include "slicer/cli/exit_code.h"
#include "slicer/cli/flag_values.h"
#include "slicer/cli/json_file.h"
#include "slicer/cli/lowering_flags.h"
#include "slicer/cli/model_in_out.h"
#include "slicer/cli/process_memory.h"
#include "slicer/cli/read_file.h"
#include "slicer/cli/slices_of.h"

namespace dsperse {
namespace {

using Json = nlohmann::ordered_json;

struct EstimateFlags {
  ModelFlags model;
  std::string backend = "jstprove_expander";
  std::string by;
  LoweringFlags lowering;
  InputShapeFlags shapes;
  std::string slice_points;
  std::vector<std::string> parameters;
  int64_t top = 0;
  bool fold = false;
  bool json = false;
  bool csv = false;
};

struct Request {
  std::vector<std::pair<const Backend*, Parameters>> backends;
  EstimateRows rows = EstimateRows::kOperators;
  FoldOptions fold;
};

// "@FILE" stands for the file's contents.
absl::StatusOr<std::string> ParameterValue(const std::string& value) {
  if (value.empty() || value[0] != '@') return value;
  return ReadFile(value.substr(1));
}

absl::StatusOr<Request> ParseRequest(const EstimateFlags& flags) {
  Request request;
  DSPERSE_RETURN_IF_ERROR(IsBackend(flags.backend, /*all=*/true));
  if (!flags.by.empty()) DSPERSE_RETURN_IF_ERROR(OneOf("--by", flags.by, {"node", "op", "slice", "total"}));
  if (flags.backend == "all") {
    for (const Backend* backend : AllBackends()) {
      request.backends.emplace_back(backend, Parameters(backend->parameters()));
    }
  } else {
    const Backend* backend = FindBackend(flags.backend);
    request.backends.emplace_back(backend, Parameters(backend->parameters()));
  }
  for (const std::string& assignment : flags.parameters) {
    const size_t equals = assignment.find('=');
    if (equals == std::string::npos)
      return UsageError(absl::StrCat("--param ", assignment, ": expected name=value"));
    const std::string name = assignment.substr(0, equals);
    DSPERSE_ASSIGN_OR_RETURN(const std::string value,
                             ParameterValue(assignment.substr(equals + 1)));
    // With several backends a parameter goes to those that have it.
    absl::Status last;
    bool taken = false;
    for (auto& [backend, parameters] : request.backends) {
      absl::Status set = parameters.Set(name, value);
      taken = taken || set.ok();
      if (!set.ok()) last = std::move(set);
    }
    if (!taken && request.backends.size() > 1) {
      return UsageError(absl::StrCat("--param ", assignment, ": no backend takes it"));
    }
    if (!taken) return UsageError(absl::StrCat("--param: ", last.message()));
  }
  DSPERSE_RETURN_IF_ERROR(
      ApplyLoweringFlags(flags.lowering, flags.backend == "all" ? "" : flags.backend,
                         &request.fold));
  if (request.fold.lower && flags.backend != "all") {
    DSPERSE_ASSIGN_OR_RETURN(
        request.fold.pricer,
        MakePricerFactory(*request.backends[0].first, request.backends[0].second));
  }
  if (flags.by == "node") request.rows = EstimateRows::kNodes;
  if (flags.by == "slice") request.rows = EstimateRows::kSlices;
  if (flags.by == "total") request.rows = EstimateRows::kTotal;
  if (flags.json && flags.csv) return UsageError("--json and --csv exclude each other");
  if (!flags.slice_points.empty() && flags.by != "slice") {
    return UsageError("--slice-points goes with --by slice");
  }
  return request;
}

// What the target proves of the model as it came, and as folded and lowered.
struct Proven {
  std::optional<Provability> before;
  std::optional<Provability> after;
};

// One backend's results for what is printed.
struct Outcome {
  std::optional<GraphEstimate> before;  // with --fold
  std::optional<GraphEstimate> after;   // the model as it is, or as folded
};

void Print(const EstimateFlags& flags, const Request& request, const std::vector<Outcome>& outcomes,
           const Proven& proven, CliContext& context) {
  if (flags.csv) {
    for (const Outcome& outcome : outcomes) {
      context.out() << CsvHeader(*outcome.after->backend);
      if (outcome.before.has_value())
        context.out() << ToCsv(*outcome.before, request.rows, "before");
      context.out() << ToCsv(*outcome.after, request.rows,
                             outcome.before.has_value() ? "after" : "");
    }
    return;
  }
  if (flags.json) {
    Json results = Json::array();
    for (const Outcome& outcome : outcomes) {
      Json result;
      result["model"] = flags.model.path;
      Json body = outcome.before.has_value()
                      ? ComparisonJson(*outcome.before, *outcome.after, request.rows)
                      : ToJson(*outcome.after, request.rows);
      for (auto& [key, value] : body.items()) result[key] = std::move(value);
      if (request.fold.lower) {
        result["target"] = flags.lowering.target;
        result["provable"] = {{"before", ProvabilityJson(*proven.before)},
                              {"after", ProvabilityJson(*proven.after)}};
      }
      results.push_back(std::move(result));
    }
    context.out() << ToText(
        results.size() == 1 && flags.backend != "all" ? results[0] : Json{{"estimates", results}});
    return;
  }
  bool first = true;
  for (const Outcome& outcome : outcomes) {
    if (!first) context.out() << "\n";
    first = false;
    context.out() << (outcome.before.has_value()
                          ? ComparisonText(*outcome.before, *outcome.after, request.rows, flags.top,
                                           context)
                          : EstimateText(*outcome.after, request.rows, flags.top, context));
  }
  if (request.fold.lower) {
    context.out() << "\n" << ProvabilityText(flags.lowering.target, "as it came", &*proven.before, *proven.after);
  }
}

absl::StatusOr<std::vector<NodeRange>> SlicesFromPoints(const std::string& points, int64_t nodes) {
  std::vector<NodeRange> slices;
  int64_t last = -1;
  for (absl::string_view word : absl::StrSplit(points, ',', absl::SkipEmpty())) {
    int64_t point = 0;
    if (!absl::SimpleAtoi(word, &point) || point <= last || point > nodes) {
      return UsageError(
          absl::StrCat("--slice-points: '", word, "' is no rising node index up to ", nodes));
    }
    if (!slices.empty()) slices.back().end = point;
    slices.push_back({point, nodes});
    last = point;
  }
  return slices;
}

absl::Status EstimateFile(const EstimateFlags& flags, const Request& request, CliContext& context) {
  if (flags.by == "slice" && (flags.fold || request.fold.lower)) {
    return UsageError("--slice-points are nodes of the model as it is: not with --fold or --target");
  }
  PrepareHeapFor(flags.model.path);
  DSPERSE_ASSIGN_OR_RETURN(LoadedModel loaded, Load(flags.model, context));
  if (flags.by == "slice" && flags.slice_points.empty()) {
    return UsageError("--by slice needs --slice-points, or a directory of slices in place of the model");
  }
  LoadedModel& model = UntilExit(std::move(loaded));
  if (const std::vector<std::string> frozen = model.graph.FreezeInputs(); !frozen.empty()) {
    context.Note(absl::StrCat(frozen.size(), frozen.size() == 1 ? " input that has an initializer counts as a constant"
                                                                : " inputs that have an initializer count as constants",
                              ": no prover takes them"));
  }
  DSPERSE_RETURN_IF_ERROR(SetInputShapes(flags.shapes, &model.graph));
  if (request.fold.lower) {  // rewrites need sizes
    for (const std::string& notice : DefaultFirstDimensions(&model.graph)) context.Note(notice);
  }
  std::vector<Outcome> outcomes(request.backends.size());
  std::vector<NodeRange> slices;
  if (!flags.slice_points.empty()) {
    DSPERSE_ASSIGN_OR_RETURN(
        slices,
        SlicesFromPoints(flags.slice_points,
                         static_cast<int64_t>(model.graph.Nodes(model.graph.main()).size())));
  }
  const auto estimate_all = [&](std::optional<GraphEstimate> Outcome::*side) -> absl::Status {
    Facts facts(&model.graph);
    for (size_t i = 0; i < request.backends.size(); ++i) {
      const auto& [backend, parameters] = request.backends[i];
      DSPERSE_ASSIGN_OR_RETURN(outcomes[i].*side,
                               EstimateGraph(model.graph, facts, *backend, parameters, slices));
    }
    return absl::OkStatus();
  };
  Proven proven;
  if (request.fold.lower) {
    Facts facts(&model.graph);
    proven.before = MeasureProvability(model.graph, facts, *request.fold.target);
  }
  if (flags.fold || request.fold.lower) {
    if (flags.fold) DSPERSE_RETURN_IF_ERROR(estimate_all(&Outcome::before));
    DSPERSE_ASSIGN_OR_RETURN(FoldReport report, FoldModel(model.graph, request.fold));
    proven.after = std::move(report.provable_after);
  }
  DSPERSE_RETURN_IF_ERROR(estimate_all(&Outcome::after));
  Print(flags, request, outcomes, proven, context);
  if (!flags.lowering.require_provable) return absl::OkStatus();
  return RequireProvable(*proven.after, flags.lowering.target);
}

// Each slice as a circuit of its own; totals add them up.
absl::Status EstimateDirectory(const EstimateFlags& flags, const Request& request,
                               CliContext& context) {
  if (flags.fold || request.fold.lower) {
    return UsageError("--fold and --target go with a model, not with a directory of slices");
  }
  if (!flags.slice_points.empty() || !flags.shapes.input_shapes.empty() || !flags.shapes.dims.empty()) {
    return UsageError("--slice-points, --input-shape and --dim go with a model, not with a directory of slices");
  }
  std::vector<Outcome> outcomes;
  for (const auto& [backend, parameters] : request.backends) {
    DSPERSE_ASSIGN_OR_RETURN(
        GraphEstimate estimate,
        EstimateSlices(flags.model.path, *backend, parameters, flags.model.max_memory));
    outcomes.push_back({std::nullopt, std::move(estimate)});
  }
  Request by_slice = request;
  if (flags.by.empty()) by_slice.rows = EstimateRows::kSlices;
  Print(flags, by_slice, outcomes, Proven(), context);
  return absl::OkStatus();
}

}  // namespace

void AddEstimateCommand(CLI::App& app, CliContext& context) {
  auto flags = std::make_shared<EstimateFlags>();
  CLI::App* command =
      app.add_subcommand("estimate", "Price a model, or a directory of slices, in a prover's own unit");
  command->footer(absl::StrCat(ParameterHelp(),
                               "\nExamples:\n"
                               "  dsperse-slice estimate resnet50.onnx --fold --by op\n"
                               "  dsperse-slice estimate model.onnx --backend all --by total --json\n"
                               "  dsperse-slice estimate model.onnx --target jstprove --top 10\n"
                               "  dsperse-slice estimate slices --by slice\n"));
  AddModelFlags(*command, flags->model);
  command->get_option("IN.onnx")->description("The ONNX model to read, or a directory of slices");
  command
      ->add_option("--backend", flags->backend,
                   "jstprove_expander (default), ezkl_halo2, jstprove_remainder, r1cs_circom, "
                   "dsperse_estimate, or all")
      ->type_name("NAME");
  command
      ->add_option("--by", flags->by,
                   "What to list: node, op (default), slice (with --slice-points, or of a directory), total")
      ->type_name("WHAT");
  command
      ->add_option("--param", flags->parameters,
                   "A parameter of the backend; @FILE takes the value from a file. Repeatable")
      ->type_name("NAME=VALUE");
  TakesWholeNumber(command->add_option("--top", flags->top, "List only so many rows, the dearest first; 0: all"), 0,
                   static_cast<uint64_t>(INT64_MAX));
  command
      ->add_option("--slice-points", flags->slice_points,
                   "First node indices of slices, for --by slice: 0,12,40")
      ->type_name("LIST");
  command->add_flag("--fold", flags->fold, "Fold the model and show before and after side by side");
  AddLoweringFlags(*command, "; the model is folded first", flags->lowering);
  AddInputShapeFlags(*command, flags->shapes);
  command->add_flag("--json", flags->json, "As JSON");
  command->add_flag("--csv", flags->csv, "As CSV");
  command->callback([flags, &context] {
    context.SetAction([flags, &context]() -> absl::Status {
      DSPERSE_ASSIGN_OR_RETURN(const Request request, ParseRequest(*flags));
      std::error_code error;
      if (std::filesystem::is_directory(flags->model.path, error)) {
        return EstimateDirectory(*flags, request, context);
      }
      return EstimateFile(*flags, request, context);
    });
  });
}

}  // namespace dsperse
