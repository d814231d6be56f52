// dsperse-slice inspect IN.onnx
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "fold/fold_model.h"
#include "fold/ir/model_file.h"
#include "fold/ir/one_line.h"
#include "fold/ir/status_macros.h"
#include "nlohmann/json.hpp"
#include "onnx/onnx_pb.h"
#include "slicer/cli/cli.h"
#include "slicer/cli/fold_report.h"
#include "slicer/cli/json_file.h"
#include "slicer/cli/model_in_out.h"
#include "slicer/cli/text_table.h"

namespace dsperse {
namespace {

using Json = nlohmann::ordered_json;

struct InspectFlags {
  ModelFlags model;
  bool json = false;
  bool freeze_inputs = false;
};

struct Interface {
  std::string name;
  std::string type;   // "float"
  std::string shape;  // "[N, 3, 224, 224]"
};

struct Inspection {
  std::string path;
  int64_t file_bytes = 0;
  int64_t ir_version = 0;
  std::vector<std::pair<std::string, int64_t>> opsets;
  std::vector<Interface> inputs, outputs;
  std::vector<std::string> overridable;
  ModelCounts counts;
  int64_t nodes_folded = 0;
  std::vector<Remark> batch_norms;  // what folding does to each
};

std::vector<Interface> Describe(const Graph& graph, absl::Span<const ValueId> values,
                                std::vector<std::string>* overridable) {
  std::vector<Interface> out;
  for (ValueId value : values) {
    if (overridable != nullptr && graph.IsInitializer(value)) {
      overridable->emplace_back(graph.Name(value));
      continue;
    }
    out.push_back({std::string(graph.Name(value)), std::string(DTypeName(graph.DeclaredType(value))),
                   graph.DeclaredShape(value).ToString()});
  }
  return out;
}

absl::StatusOr<Inspection> Inspect(const InspectFlags& flags, CliContext& context) {
  DSPERSE_ASSIGN_OR_RETURN(LoadedModel model, Load(flags.model, context));
  Graph& graph = model.graph;
  Inspection result;
  result.path = flags.model.path;
  result.file_bytes = model.file_bytes;
  result.ir_version = graph.ir_version();
  for (const onnx::OperatorSetIdProto& set : graph.header().opset_import()) {
    result.opsets.emplace_back(set.domain(), set.version());
  }
  result.inputs = Describe(graph, graph.Inputs(graph.main()), &result.overridable);
  result.outputs = Describe(graph, graph.Outputs(graph.main()), nullptr);
  FoldOptions options;
  options.freeze_inputs = flags.freeze_inputs;
  DSPERSE_ASSIGN_OR_RETURN(FoldReport report, FoldModel(graph, options));
  result.counts = std::move(report.before);
  result.nodes_folded = report.after.nodes;
  for (Remark& remark : report.remarks) {
    if (remark.op == "BatchNormalization") result.batch_norms.push_back(std::move(remark));
  }
  return result;
}

Json InterfaceJson(const std::vector<Interface>& values) {
  Json json = Json::array();
  for (const Interface& v : values) {
    json.push_back({{"name", v.name}, {"type", v.type}, {"shape", v.shape}});
  }
  return json;
}

Json ToJson(const Inspection& inspection) {
  Json json;
  json["model"] = inspection.path;
  json["file_bytes"] = inspection.file_bytes;
  json["ir_version"] = inspection.ir_version;
  Json& opsets = json["opsets"] = Json::object();
  for (const auto& [domain, version] : inspection.opsets) opsets[domain] = version;
  json["inputs"] = InterfaceJson(inspection.inputs);
  json["outputs"] = InterfaceJson(inspection.outputs);
  json["overridable_inputs"] = inspection.overridable;
  json["counts"] = ToJson(inspection.counts);
  json["nodes_after_fold"] = inspection.nodes_folded;
  Json& norms = json["batch_normalizations"] = Json::array();
  for (const Remark& remark : inspection.batch_norms) {
    norms.push_back({{"node", remark.node},
                     {"folds", remark.kind == Remark::Kind::kApplied},
                     {"pass", remark.pass},
                     {"text", remark.text}});
  }
  return json;
}

void PrintInterface(const char* title, const std::vector<Interface>& values, CliContext& context) {
  TextTable table("l");
  for (const Interface& v : values) table.Row({v.name, v.type, v.shape});
  context.out() << context.Bold(title) << "\n" << table.ToString(2);
}

void Print(const Inspection& inspection, CliContext& context) {
  std::ostream& out = context.out();
  out << context.Bold(inspection.path) << "\n  " << WithCommas(inspection.file_bytes)
      << " bytes, IR " << inspection.ir_version;
  for (const auto& [domain, version] : inspection.opsets) {
    out << ", opset " << (domain.empty() ? "" : OneLine(domain) + " ") << version;
  }
  out << "\n";
  PrintInterface("inputs", inspection.inputs, context);
  if (!inspection.overridable.empty()) {
    out << "  and " << inspection.overridable.size()
        << " that may override an initializer (--freeze-inputs forbids that)\n";
  }
  PrintInterface("outputs", inspection.outputs, context);
  out << context.Bold("nodes") << "\n  " << WithCommas(inspection.counts.nodes) << ", after fold "
      << WithCommas(inspection.nodes_folded) << "\n";
  TextTable operators("lr");
  for (const auto& [name, count] : inspection.counts.by_operator) {
    operators.Row({name, WithCommas(count)});
  }
  out << operators.ToString(2) << context.Bold("initializers") << "\n  "
      << WithCommas(inspection.counts.initializers) << ", "
      << WithCommas(inspection.counts.constant_bytes) << " bytes\n";
  if (inspection.batch_norms.empty()) return;
  out << context.Bold("BatchNormalizations") << "\n";
  TextTable norms("l");
  for (const Remark& remark : inspection.batch_norms) {
    norms.Row({remark.kind == Remark::Kind::kApplied ? "goes" : "stays", remark.node, remark.text});
  }
  out << norms.ToString(2);
}

}  // namespace

void AddInspectCommand(CLI::App& app, CliContext& context) {
  auto flags = std::make_shared<InspectFlags>();
  CLI::App* command = app.add_subcommand("inspect", "Show what a model holds and what fold would do");
  command->footer(
      "Examples:\n"
      "  dsperse-slice inspect resnet50.onnx\n"
      "  dsperse-slice inspect resnet50.onnx --json\n");
  AddModelFlags(*command, flags->model);
  command->add_flag("--json", flags->json, "As one JSON object");
  command->add_flag("--freeze-inputs", flags->freeze_inputs, "As in fold");
  command->callback([flags, &context] {
    context.SetAction([flags, &context]() -> absl::Status {
      DSPERSE_ASSIGN_OR_RETURN(const Inspection inspection, Inspect(*flags, context));
      if (flags->json) {
        context.out() << ToText(ToJson(inspection));
      } else {
        Print(inspection, context);
      }
      return absl::OkStatus();
    });
  });
}

}  // namespace dsperse
