// dsperse-slice ops: the operator table, for people, programs and docs/ops.md.
#include <memory>
#include <ostream>
#include <string>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "fold/ops/op.h"
#include "nlohmann/json.hpp"
#include "slicer/cli/cli.h"
#include "slicer/cli/json_file.h"
#include "slicer/cli/lowering_flags.h"
#include "slicer/cli/prover_ops.h"
#include "slicer/cli/text_table.h"

namespace dsperse {
namespace {

// OpDef::until of a row that goes on.
constexpr int64_t kOpen = 1000;

std::string NameOf(const OpDef& op) {
  return op.domain.empty() ? std::string(op.op_type) : absl::StrCat(op.domain, ".", op.op_type);
}

std::string OpsetsOf(const OpDef& op) {
  if (op.until >= kOpen) return absl::StrCat(op.since, "+");
  if (op.since == op.until) return absl::StrCat(op.since);
  return absl::StrCat(op.since, "-", op.until);
}

std::string KindOf(const OpDef& op) {
  if (op.moves_data) return "moves data";
  if (op.elementwise) return "element-wise";
  return "";
}

const char* YesOrNo(bool yes) { return yes ? "yes" : "no"; }

void PrintTable(CliContext& context) {
  TextTable table("l");
  table.Row({"operator", "opsets", "evaluated", "folds", "kind"});
  for (const OpDef& op : AllOps()) {
    table.Row({NameOf(op), OpsetsOf(op), YesOrNo(op.evaluate != nullptr),
               YesOrNo(op.evaluate != nullptr && op.foldable), KindOf(op)});
  }
  context.out() << table.ToString();
}

void PrintMarkdown(CliContext& context) {
  std::ostream& out = context.out();
  out << "# Operators\n\n"
         "Written by `dsperse-slice ops --markdown`. One row for each range of opset\n"
         "versions with the same rules.\n\n"
         "* **evaluated**: the interpreter runs it (`verify`, the tests of every pass).\n"
         "* **folds**: with constant inputs it becomes a constant; what enters a file is the same "
         "on\n"
         "  every machine.\n"
         "* **kind**: *moves data* rearranges elements, *element-wise* keeps uniform tensors "
         "uniform.\n\n"
         "Types and shapes are inferred for every operator of ONNX, in this table or not. If, Loop "
         "and\n"
         "Scan are run by the interpreter itself, and an operator that ONNX defines by a function "
         "body is\n"
         "run as that function. tests/ops/onnx_node_cases.tsv has the verdict of each of ONNX's "
         "own test\n"
         "cases.\n\n"
         "| operator | opsets | evaluated | folds | kind |\n|---|---|---|---|---|\n";
  for (const OpDef& op : AllOps()) {
    out << "| " << NameOf(op) << " | " << OpsetsOf(op) << " | " << YesOrNo(op.evaluate != nullptr)
        << " | " << YesOrNo(op.evaluate != nullptr && op.foldable) << " | " << KindOf(op) << " |\n";
  }
}

void PrintJson(CliContext& context) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const OpDef& op : AllOps()) {
    nlohmann::ordered_json row = {{"domain", std::string(op.domain)},
                                  {"operator", std::string(op.op_type)},
                                  {"since", op.since},
                                  {"until", nullptr},
                                  {"evaluated", op.evaluate != nullptr},
                                  {"folds", op.evaluate != nullptr && op.foldable},
                                  {"moves_data", op.moves_data},
                                  {"element_wise", op.elementwise}};
    if (op.until < kOpen) row["until"] = op.until;
    json.push_back(std::move(row));
  }
  context.out() << ToText(json);
}

}  // namespace

void AddOpsCommand(CLI::App& app, CliContext& context) {
  auto json = std::make_shared<bool>(false);
  auto markdown = std::make_shared<bool>(false);
  auto prover = std::make_shared<ProverOpsFlags>();
  CLI::App* command = app.add_subcommand(
      "ops", "List the operators that are evaluated and folded, or what a prover makes of them");
  command->footer(
      "Examples:\n"
      "  dsperse-slice ops\n"
      "  dsperse-slice ops --backend jstprove_expander --target jstprove\n");
  CLI::Option* as_json = command->add_flag("--json", *json, "As JSON");
  command->add_flag("--markdown", *markdown, "As docs/ops.md has it")->excludes(as_json);
  CLI::Option* backend =
      command->add_option("--backend", prover->backend, "What this backend prices, and how exactly")
          ->type_name("NAME");
  CLI::Option* target = command
                            ->add_option("--target", prover->target,
                                         "What this prover proves, and under which condition")
                            ->type_name("NAME");
  command->callback([json, markdown, prover, backend, target, &context] {
    const bool of_prover = backend->count() > 0 || target->count() > 0;
    // One of the two says the other.
    if (backend->count() == 0) prover->backend = std::string(PricesOf(prover->target));
    if (target->count() == 0 && prover->backend == PricesOf("ezkl")) prover->target = "ezkl";
    context.SetAction([json, markdown, prover, of_prover, &context] {
      if (of_prover) return PrintProverOps(*prover, *json, context);
      if (*json) {
        PrintJson(context);
      } else if (*markdown) {
        PrintMarkdown(context);
      } else {
        PrintTable(context);
      }
      return absl::OkStatus();
    });
  });
}

}  // namespace dsperse
