#include "slicer/cli/slice_drop_in.h"

#include <set>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/op.h"
#include "fold/suggest.h"
#include "onnx/defs/schema.h"
#include "slicer/cli/exit_code.h"
#include "slicer/cli/flag_values.h"

namespace dsperse {
namespace {

// A usage error for what is no operator of ONNX: no prover proves any other.
absl::Status AreOperators(const std::vector<std::string>& words) {
  // The library's registry takes 10 ms and 6 MB to come to life.
  if (words.empty()) return absl::OkStatus();
  std::set<absl::string_view> names;
  for (const OpDef& op : AllOps()) names.insert(op.op_type);
  const std::vector<onnx::OpSchema> schemas = onnx::OpSchemaRegistry::get_all_schemas();
  for (const onnx::OpSchema& schema : schemas) names.insert(schema.Name());
  for (const std::string& word : words) {
    if (names.count(word) != 0) continue;
    const std::vector<absl::string_view> all(names.begin(), names.end());
    return UsageError(absl::StrCat("--circuit-ops ", word, ": ONNX has no such operator", DidYouMean(word, all)));
  }
  return absl::OkStatus();
}

}  // namespace

void AddDropInFlags(CLI::App& command, DropInFlags& flags) {
  constexpr char kGroup[] = "As for `dsperse slice`";
  command.add_option("--model-dir", flags.model_dir, "Folder that holds model.onnx, in place of IN.onnx")
      ->type_name("DIR")
      ->group(kGroup);
  command.add_option("--output-dir", flags.output_dir, "As -o; <model-dir>/slices unless given")
      ->type_name("DIR")
      ->group(kGroup);
  command.add_option("--proof-system", flags.proof_system, "expander or remainder: the backend jstprove_<it>")
      ->type_name("NAME")
      ->group(kGroup);
  command
      .add_option("--circuit-ops", flags.circuit_ops,
                  "Nothing but Conv,Gemm,… is taken as provable (names of the lowered model)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("OP,OP")
      ->group(kGroup);
  command.add_option("--tile-size", flags.tile_size, "Accepted, not used: slices are whole")->group(kGroup);
  command.add_option("--log-level", flags.log_level, "Accepted, not used")->group(kGroup);
}

absl::Status ApplyDropInFlags(const DropInFlags& flags, CliContext& context, std::string* model,
                              std::string* output, PrepareOptions* options) {
  if (!flags.model_dir.empty()) {
    if (!model->empty()) return UsageError("both IN.onnx and --model-dir are given");
    *model = absl::StrCat(flags.model_dir, "/model.onnx");
  }
  if (!flags.output_dir.empty()) {
    if (!output->empty()) return UsageError("both -o and --output-dir are given");
    *output = flags.output_dir;
  }
  if (output->empty() && !flags.model_dir.empty()) *output = absl::StrCat(flags.model_dir, "/slices");
  if (!flags.proof_system.empty()) {
    DSPERSE_RETURN_IF_ERROR(OneOf("--proof-system", flags.proof_system, {"expander", "remainder"}));
    options->backend = absl::StrCat("jstprove_", flags.proof_system);
  }
  DSPERSE_RETURN_IF_ERROR(AreOperators(flags.circuit_ops));
  options->plan.circuit_ops = flags.circuit_ops;
  if (!flags.tile_size.empty()) context.Note("--tile-size is not used: slices are whole");
  if (!flags.log_level.empty()) context.Note("--log-level is not used: see --quiet");
  return absl::OkStatus();
}

}  // namespace dsperse
