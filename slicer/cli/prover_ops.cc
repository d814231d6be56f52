#include "slicer/cli/prover_ops.h"

#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "circuit_estimate/backend.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/op.h"
#include "fold/ops/target.h"
#include "nlohmann/json.hpp"
#include "slicer/cli/flag_values.h"
#include "slicer/cli/json_file.h"
#include "slicer/cli/text_table.h"

namespace dsperse {
namespace {

// One operator of the default domain, over all its opsets.
struct OpLine {
  bool inferred = false;
  bool evaluated = false;
  std::string priced;    // "exact", "approximate", ""
  std::string provable;  // "yes", "if", "never", ""
  std::string condition;
};

std::map<std::string, OpLine> Lines(const Backend& backend, const Target& target) {
  std::map<std::string, OpLine> lines;
  for (const OpDef& row : AllOps()) {
    const std::string name =
        row.domain.empty() ? std::string(row.op_type) : absl::StrCat(row.domain, ".", row.op_type);
    OpLine& line = lines[name];
    line.inferred = true;
    line.evaluated = line.evaluated || row.evaluate != nullptr;
  }
  for (const PricedOperator& op : backend.operators()) {
    OpLine& line = lines[std::string(op.op_type)];
    line.priced = op.exact ? "exact" : "approximate";
    if (!op.condition.empty()) line.priced += absl::StrCat(" if ", op.condition);
  }
  for (const TargetRow& row : target.rows()) {
    OpLine& line = lines[std::string(row.op_type)];
    const bool never = row.condition.substr(0, 5) == "never";
    line.provable = never ? "never" : row.condition.empty() ? "yes" : "if";
    line.condition =
        std::string(never ? row.condition.substr(row.condition.find(' ') + 1) : row.condition);
  }
  return lines;
}

}  // namespace

absl::Status PrintProverOps(const ProverOpsFlags& flags, bool json, CliContext& context) {
  const std::string backend_name = flags.backend.empty() ? "jstprove_expander" : flags.backend;
  const std::string target_name = flags.target.empty() ? "jstprove" : flags.target;
  DSPERSE_RETURN_IF_ERROR(IsBackend(backend_name, /*all=*/false));
  DSPERSE_RETURN_IF_ERROR(IsTarget(target_name, /*none=*/false));
  const Backend* backend = FindBackend(backend_name);
  const Target* target = Target::Find(target_name);
  const std::map<std::string, OpLine> lines = Lines(*backend, *target);
  if (json) {
    nlohmann::ordered_json document;
    document["backend"] = backend_name;
    document["target"] = target_name;
    document["operators"] = nlohmann::ordered_json::array();
    for (const auto& [name, line] : lines) {
      document["operators"].push_back({{"op", name},
                                       {"inferred", line.inferred},
                                       {"evaluated", line.evaluated},
                                       {"priced", line.priced},
                                       {"provable", line.provable.empty() ? "no" : line.provable},
                                       {"condition", line.condition}});
    }
    context.out() << ToText(document);
    return absl::OkStatus();
  }
  TextTable table("l");
  table.Row({"operator", "inferred", "evaluated", "provable", "condition",
             absl::StrCat("priced by ", backend_name)});
  for (const auto& [name, line] : lines) {
    table.Row({name, line.inferred ? "yes" : "", line.evaluated ? "yes" : "", line.provable,
               line.condition, line.priced});
  }
  context.out() << table.ToString();
  return absl::OkStatus();
}

}  // namespace dsperse
