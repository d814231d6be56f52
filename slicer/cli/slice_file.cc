#include "slicer/cli/slice_file.h"

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "circuit_estimate/backend.h"
#include "fold/ir/status_macros.h"
#include "fold/registry.h"
#include "slicer/cli/exit_code.h"
#include "slicer/cli/flag_values.h"
#include "slicer/cli/lowering_flags.h"
#include "slicer/cli/process_memory.h"

namespace dsperse {
namespace {

using Json = nlohmann::ordered_json;

// The passes that run: `dsperse` is the list of the policy of that name.
absl::StatusOr<PassList> PassesOf(const PrepareOptions& options) {
  const std::string& given = options.fold_options.passes;
  return ParsePassList(given.empty() && options.plan.policy == Policy::kDsperse ? "dsperse" : given);
}

// Named, as it is the backend's default otherwise. Not so under the policy dsperse, which lowers for nothing and has
// slices judged by jstprove unless a target is named.
std::string TargetOf(const PrepareOptions& options) {
  const bool judged_by_default = options.target.empty() && options.plan.policy == Policy::kDsperse;
  return judged_by_default ? "" : LoweringTarget(options);
}

// All that decides about the bytes of the directory.
absl::StatusOr<Json> OptionsOf(const SliceJob& job) {
  const PrepareOptions& prepare = job.prepare;
  Json options;
  options["fold"] = prepare.fold;
  options["lower"] = prepare.lower;
  DSPERSE_ASSIGN_OR_RETURN(const PassList passes, PassesOf(prepare));
  options["passes"] = PassListText(passes);
  options["target"] = TargetOf(prepare);
  options["exact"] = prepare.fold_options.pass_options.exact;
  options["input_ranges"] = prepare.fold_options.input_ranges;
  options["activation_range"] = {
      {"assumed", prepare.lift.assumed ? Json(*prepare.lift.assumed) : Json(nullptr)},
      {"given", prepare.lift.given}};
  options["backend"] = prepare.backend;
  DSPERSE_ASSIGN_OR_RETURN(const Backend* backend, BackendNamed(prepare.backend));
  Parameters parameters(backend->parameters());
  for (const std::string& p : prepare.parameters) DSPERSE_RETURN_IF_ERROR(parameters.Set(p));
  Json& values = options["parameters"] = Json::array();
  for (const auto& [name, value] : parameters.values()) values.push_back(absl::StrCat(name, "=", value));
  options["input_shapes"] = prepare.shapes.input_shapes;
  options["dims"] = prepare.shapes.dims;
  options["policy"] = std::string(PolicyName(prepare.plan.policy));
  options["minimize"] = std::string(MinimizeName(prepare.plan.minimize));
  options["budget"] = prepare.plan.budget ? Json(*prepare.plan.budget) : Json(nullptr);
  options["max_bits"] = prepare.plan.max_bits;
  options["max_nodes"] = prepare.plan.max_nodes;
  options["cuts"] = prepare.plan.cuts;
  options["circuit_ops"] = prepare.plan.circuit_ops;
  options["lazy"] = job.write.lazy;
  return options;
}

absl::Status ReadOptions(const Receipt& receipt, SliceJob* job) {
  const Json& options = receipt.options;
  PrepareOptions& prepare = job->prepare;
  std::string policy, minimize;
  try {
    prepare.fold = options.at("fold").get<bool>();
    prepare.lower = options.at("lower").get<bool>();
    prepare.fold_options.passes = options.at("passes").get<std::string>();
    prepare.target = options.at("target").get<std::string>();
    prepare.fold_options.pass_options.exact = options.at("exact").get<bool>();
    prepare.fold_options.input_ranges = options.at("input_ranges").get<std::vector<std::string>>();
    const Json& range = options.at("activation_range");
    prepare.lift.assumed.reset();
    if (!range.at("assumed").is_null()) prepare.lift.assumed = range.at("assumed").get<double>();
    prepare.lift.given = range.at("given").get<std::map<std::string, double>>();
    prepare.backend = options.at("backend").get<std::string>();
    prepare.parameters = options.at("parameters").get<std::vector<std::string>>();
    prepare.shapes.input_shapes = options.at("input_shapes").get<std::vector<std::string>>();
    prepare.shapes.dims = options.at("dims").get<std::vector<std::string>>();
    policy = options.at("policy").get<std::string>();
    minimize = options.at("minimize").get<std::string>();
    if (!options.at("budget").is_null()) prepare.plan.budget = options.at("budget").get<uint64_t>();
    prepare.plan.max_bits = options.at("max_bits").get<int>();
    prepare.plan.max_nodes = options.at("max_nodes").get<int>();
    prepare.plan.cuts = options.at("cuts").get<std::vector<std::string>>();
    prepare.plan.circuit_ops = options.at("circuit_ops").get<std::vector<std::string>>();
    job->write.lazy = options.at("lazy").get<bool>();
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("options of the receipt: ", error.what()));
  }
  DSPERSE_ASSIGN_OR_RETURN(prepare.plan.policy, ParsePolicy(policy));
  DSPERSE_ASSIGN_OR_RETURN(prepare.plan.minimize, ParseMinimize(minimize));
  // A receipt that was altered must not pass as one with other options.
  DSPERSE_ASSIGN_OR_RETURN(const Json read, OptionsOf(*job));
  if (read != options) {
    return absl::InvalidArgumentError(absl::StrCat(
        "options of the receipt: ", options.dump(), " are not in normal form, ", read.dump()));
  }
  return absl::OkStatus();
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

absl::StatusOr<SlicedFile> SliceOnce(const SliceJob& job, bool write, bool check_weights,
                                     CliContext& context) {
  PrepareOptions options = job.prepare;
  options.fold_options.pass_options.check_weights = check_weights;
  // Slices that DSperse makes by itself have neither lifts nor narrowings, and would not compile without.
  options.lift.narrow = options.lift.narrow && !job.write.lazy;
  context.Progress("loading …");
  DSPERSE_ASSIGN_OR_RETURN(LoadedModel model, Load(job.model, context));
  DSPERSE_RETURN_IF_ERROR(CheckOutputsSpare(job.outputs, model.files));
  Receipt receipt;
  receipt.digest = kSlicesDigest;
  std::optional<Jobs> inputs;  // hashed beside all that follows
  if (write) AddInputs(model.files, &inputs.emplace(), &receipt);
  context.Progress("folding and planning …");
  SlicedFile out;
  DSPERSE_ASSIGN_OR_RETURN(out.prepared, Prepare(std::move(model.graph), options));
  if (job.require_provable) DSPERSE_RETURN_IF_ERROR(RequireProvableSlices(out.prepared));
  if (!write) {
    DSPERSE_ASSIGN_OR_RETURN(out.written.account, SlicesAccount(out.prepared));
    return out;
  }
  DSPERSE_RETURN_IF_ERROR(CheckModelSize(*out.prepared.graph));
  context.Progress("writing …");
  receipt.command = "slice";
  DSPERSE_ASSIGN_OR_RETURN(receipt.options, OptionsOf(job));
  absl::Status hashed;
  WriteOptions how = job.write;
  how.receipt = [&]() -> absl::StatusOr<Receipt> {
    hashed = inputs->Finish();
    if (!hashed.ok()) return hashed;
    return receipt;
  };
  absl::StatusOr<WrittenDirectory> written = WriteSlices(out.prepared, job.output, how);
  if (!hashed.ok()) return hashed;
  if (!written.ok()) {
    // Too large for DSperse, or a weight that isn't finite: the model's fault, not the output's.
    const bool model_s = absl::IsUnimplemented(written.status()) || absl::IsOutOfRange(written.status());
    return model_s ? written.status() : OutputError(written.status());
  }
  out.written = *std::move(written);
  return out;
}

}  // namespace

absl::Status CheckJob(const SliceJob& job) {
  const PrepareOptions& options = job.prepare;
  DSPERSE_RETURN_IF_ERROR(IsBackend(options.backend, /*all=*/false));
  Parameters parameters(FindBackend(options.backend)->parameters());
  for (const std::string& p : options.parameters) {
    if (const absl::Status status = parameters.Set(p); !status.ok()) return UsageError(status.message());
  }
  if (!options.target.empty()) DSPERSE_RETURN_IF_ERROR(IsTarget(options.target, /*none=*/true));
  if (const auto passes = ParsePassList(options.fold_options.passes); !passes.ok()) {
    return UsageError(passes.status().message());
  }
  if (options.plan.max_nodes < 1) return UsageError("--max-nodes must be at least 1");
  if (options.plan.max_bits < 1) return UsageError("--max-bits must be at least 1");
  return absl::OkStatus();
}

absl::StatusOr<SlicedFile> PlanFile(const SliceJob& job, CliContext& context) {
  absl::StatusOr<SlicedFile> result = SliceOnce(job, /*write=*/false, /*check_weights=*/false, context);
  context.Progress("");
  return result;
}

absl::StatusOr<SlicedFile> SliceFile(const SliceJob& job, CliContext& context) {
  KeepHeapSmall();
  absl::StatusOr<SlicedFile> result = SliceOnce(job, /*write=*/true, /*check_weights=*/false, context);
  if (absl::IsOutOfRange(result.status())) {
    result = SliceOnce(job, /*write=*/true, /*check_weights=*/true, context);
  }
  context.Progress("");
  return result;
}

absl::StatusOr<Receipt> RepeatSlice(const Receipt& receipt, const std::string& path,
                                    const std::string& folder, CliContext& context) {
  SliceJob job;
  job.model.path = path;
  DSPERSE_RETURN_IF_ERROR(ReadOptions(receipt, &job));
  job.output = absl::StrCat(folder, "/slices");
  DSPERSE_ASSIGN_OR_RETURN(SlicedFile sliced, SliceFile(job, context));
  return *std::move(sliced.written.receipt);
}

}  // namespace dsperse
