// dsperse-slice verify A.onnx B: B is a model, or a slices directory.
#include <cmath>
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
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "fold/ir/model_file.h"
#include "fold/ir/one_line.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/input_shapes.h"
#include "fold/ops/sample_inputs.h"
#include "fold/ops/verify_models.h"
#include "nlohmann/json.hpp"
#include "slicer/cli/cli.h"
#include "slicer/cli/exit_code.h"
#include "slicer/cli/flag_values.h"
#include "slicer/cli/json_file.h"
#include "slicer/cli/model_in_out.h"
#include "slicer/cli/read_inputs.h"
#include "slicer/cli/text_table.h"
#include "slicer/verify_slices.h"

namespace dsperse {
namespace {

using Json = nlohmann::ordered_json;

struct VerifyFlags {
  ModelFlags a;
  std::string b;
  int samples = 3;
  uint64_t seed = 0;
  std::string inputs;
  double tolerance = 1e-4;
  InputShapeFlags shapes;
  bool json = false;
};

struct Verification {
  std::vector<std::string> interface;  // how the interfaces differ
  VerifyResult result;
  size_t samples = 0;
  double seconds = 0;
  std::vector<BoundedValue> bounded;  // of slices
  bool same() const { return interface.empty() && result.same; }
};

// Declares B's inputs as A's are by now, where that is possible: what differs the interface tells.
void AdoptShapes(const Graph& a, Graph* b) {
  for (ValueId input : RequiredInputs(a)) {
    const ValueId other = b->FindValue(a.Name(input));
    if (!other.valid() || !b->IsInput(other)) continue;
    const Shape shape = a.DeclaredShape(input);
    const Shape declared = b->DeclaredShape(other);
    bool fits = declared.has_rank() && shape.has_rank() && declared.rank() == shape.rank();
    for (int i = 0; fits && i < shape.rank(); ++i) {
      fits = !declared.dim(i).known() || declared.dim(i) == shape.dim(i);
    }
    if (fits) b->SetInputShape(other, shape).IgnoreError();
  }
}

absl::StatusOr<std::vector<std::vector<Tensor>>> MakeSamples(const VerifyFlags& flags, Graph* a,
                                                             CliContext& context) {
  std::vector<std::vector<Tensor>> samples;
  if (!flags.inputs.empty()) {
    DSPERSE_RETURN_IF_ERROR(SetInputShapes(flags.shapes, a));
    DSPERSE_ASSIGN_OR_RETURN(std::vector<Tensor> inputs, ReadInputs(*a, flags.inputs));
    samples.push_back(std::move(inputs));
    return samples;
  }
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<std::string> notices, FixInputShapes(flags.shapes, a));
  for (const std::string& notice : notices) context.Note(notice);
  for (int i = 0; i < flags.samples; ++i) {
    DSPERSE_ASSIGN_OR_RETURN(std::vector<Tensor> inputs,
                             SampleInputs(*a, flags.seed + static_cast<uint64_t>(i)));
    samples.push_back(std::move(inputs));
  }
  return samples;
}

// Chains the slices: bit for bit what the directory's own model.onnx gives, and by tolerance what A gives.
absl::Status RunAgainstSlices(const VerifyFlags& flags, Graph& a, CliContext& context,
                              Verification* verification) {
  LoadOptions load;
  load.max_memory = flags.a.max_memory;
  DSPERSE_ASSIGN_OR_RETURN(const LoadedSlices slices, LoadSlices(flags.b, load));
  DSPERSE_ASSIGN_OR_RETURN(verification->interface, CheckSlices(slices));
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<std::vector<Tensor>> samples,
                           MakeSamples(flags, &a, context));
  verification->samples = samples.size();
  for (std::string& line : CompareInterfaces(a, slices.whole.graph)) {
    verification->interface.push_back(std::move(line));
  }
  if (!verification->interface.empty()) return absl::OkStatus();
  const RunFn chain = [&](absl::Span<const Tensor> inputs) {
    return RunSlices(slices, inputs, {}, &verification->bounded);
  };
  VerifyOptions options;
  options.progress = [&context](absl::string_view text) { context.Progress(text); };
  options.tolerance = 0;
  DSPERSE_ASSIGN_OR_RETURN(const VerifyResult bits,
                           VerifyAgainst(slices.whole.graph, chain, samples, options));
  if (!bits.same) {
    verification->interface.push_back("the slices, chained, do not give bit for bit what model.onnx gives");
  }
  options.tolerance = flags.tolerance;
  DSPERSE_ASSIGN_OR_RETURN(verification->result, VerifyAgainst(a, chain, samples, options));
  context.Progress("");
  return absl::OkStatus();
}

absl::StatusOr<Verification> RunVerify(const VerifyFlags& flags, CliContext& context) {
  Stopwatch watch;
  DSPERSE_ASSIGN_OR_RETURN(LoadedModel a, Load(flags.a, context));
  std::error_code ignored;
  if (std::filesystem::is_directory(flags.b, ignored)) {
    Verification verification;
    DSPERSE_RETURN_IF_ERROR(RunAgainstSlices(flags, a.graph, context, &verification));
    verification.seconds = watch.seconds();
    return verification;
  }
  ModelFlags flags_b = flags.a;
  flags_b.path = flags.b;
  DSPERSE_ASSIGN_OR_RETURN(LoadedModel b, Load(flags_b, context));
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<std::vector<Tensor>> samples,
                           MakeSamples(flags, &a.graph, context));
  AdoptShapes(a.graph, &b.graph);
  Verification verification;
  verification.samples = samples.size();
  verification.interface = CompareInterfaces(a.graph, b.graph);
  if (verification.interface.empty()) {
    VerifyOptions options;
    options.tolerance = flags.tolerance;
    options.progress = [&context](absl::string_view text) { context.Progress(text); };
    DSPERSE_ASSIGN_OR_RETURN(verification.result,
                             VerifyModels(a.graph, b.graph, samples, options));
    context.Progress("");
  }
  verification.seconds = watch.seconds();
  return verification;
}

Json ToJson(const VerifyFlags& flags, const Verification& verification) {
  Json json;
  json["a"] = flags.a.path;
  json["b"] = flags.b;
  json["same"] = verification.same();
  json["tolerance"] = flags.tolerance;
  json["samples"] = verification.samples;
  json["interface"] = verification.interface;
  Json& outputs = json["outputs"] = Json::array();
  for (const OutputDifference& output : verification.result.outputs) {
    outputs.push_back({{"name", output.name},
                       {"same", output.worst.agree},
                       {"max_absolute", output.worst.max_absolute},
                       {"allowed", output.worst.allowed},
                       {"max_relative", output.worst.max_relative},
                       {"sample", output.sample},
                       {"reason", output.worst.reason}});
  }
  const VerifyResult& result = verification.result;
  json["first_difference"] = nullptr;
  if (!result.first_value.empty()) {
    json["first_difference"] = {{"value", result.first_value},
                                {"node", result.first_node},
                                {"reason", result.first_reason}};
  }
  Json& entering = json["entering"] = Json::array();
  Json& narrowed = json["narrowed"] = Json::array();
  for (const BoundedValue& value : verification.bounded) {
    (value.inside ? narrowed : entering).push_back({{"slice", value.slice},
                        {"name", value.name},
                        {"bound", value.bound},
                        // JSON has no infinity.
                        {"largest", std::isfinite(value.largest) ? Json(value.largest) : Json(nullptr)}});
  }
  json["seconds"] = verification.seconds;
  return json;
}

// Slices are proven for values within bounds (slicer/lift.h, slicer/narrowing.h).
void WarnOfBounds(const Verification& verification, CliContext& context) {
  for (const BoundedValue& value : verification.bounded) {
    if (value.largest <= value.bound) continue;
    context.Warning(absl::StrFormat(
        "'%s' reaches %.4g %s slice %d%s, which is proven for ±%g: its proof would be of other values", value.name,
        value.largest, value.inside ? "inside of" : "where", value.slice, value.inside ? "" : " begins", value.bound));
  }
}

void Print(const VerifyFlags& flags, const Verification& verification, CliContext& context) {
  std::ostream& out = context.out();
  for (const std::string& line : verification.interface) out << "interface: " << OneLine(line) << "\n";
  TextTable table("lrrl");
  table.Row({"output", "max |a-b|", "allowed", ""});
  for (const OutputDifference& output : verification.result.outputs) {
    table.Row(
        {output.name, absl::StrFormat("%.3g", output.worst.max_absolute), absl::StrFormat("%.3g", output.worst.allowed),
         output.worst.agree ? "same" : absl::StrCat("differs: ", output.worst.reason, ", sample ", output.sample)});
  }
  if (!verification.result.outputs.empty()) out << table.ToString();
  const VerifyResult& result = verification.result;
  if (!result.first_value.empty()) {
    out << OneLine(absl::StrCat("first value that differs: '", result.first_value, "'",
                                result.first_node.empty() ? "" : ", made by ", result.first_node, ": ",
                                result.first_reason))
        << "\n";
  }
  if (verification.same()) {
    out << "same on " << verification.samples << (verification.samples == 1 ? " sample" : " samples")
        << ", tolerance " << flags.tolerance << ", " << HumanSeconds(verification.seconds) << "\n";
  }
}

absl::Status Verify(const VerifyFlags& flags, CliContext& context) {
  DSPERSE_RETURN_IF_ERROR(IsFileName("B", flags.b));
  DSPERSE_ASSIGN_OR_RETURN(const Verification verification, RunVerify(flags, context));
  WarnOfBounds(verification, context);
  if (flags.json) {
    context.out() << ToText(ToJson(flags, verification));
  } else {
    Print(flags, verification, context);
  }
  if (verification.same()) return absl::OkStatus();
  return DifferenceError(absl::StrCat(flags.b, ": differs from ", flags.a.path,
                                      verification.interface.empty() ? "" : " in its interface"));
}

}  // namespace

void AddVerifyCommand(CLI::App& app, CliContext& context) {
  auto flags = std::make_shared<VerifyFlags>();
  CLI::App* command = app.add_subcommand(
      "verify", "Run two models, or a model and its slices, on the same inputs and compare the results");
  command->footer(
      "Examples:\n"
      "  dsperse-slice verify model.onnx folded.onnx\n"
      "  dsperse-slice verify model.onnx slices --samples 1\n"
      "  dsperse-slice verify a.onnx b.onnx --inputs input.json --tolerance 1e-6\n");
  AddModelFlags(*command, flags->a);
  command->add_option("B", flags->b, "What to compare with: a model, or a slices directory")->required()->type_name("");
  TakesWholeNumber(command->add_option("--samples", flags->samples, "Number of seeded inputs (3)"), 1, INT32_MAX);
  TakesWholeNumber(command->add_option("--seed", flags->seed, "Of the first sample; the others follow (0)"), 0);
  command
      ->add_option("--inputs", flags->inputs,
                   "Take the inputs from there instead: input_0.pb, … or {\"input_data\": …}")
      ->type_name("DIR|FILE.json");
  TakesNonNegative(command->add_option("--tolerance", flags->tolerance,
                                       "Floats may differ by this part of the output's largest magnitude (1e-4)"));
  AddInputShapeFlags(*command, flags->shapes);
  command->add_flag("--json", flags->json, "As one JSON object");
  command->callback([flags, &context] {
    context.SetAction([flags, &context] { return Verify(*flags, context); });
  });
}

}  // namespace dsperse
