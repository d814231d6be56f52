// dsperse-slice passes
#include <memory>
#include <ostream>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "fold/lowering/lowerings.h"
#include "fold/ops/target.h"
#include "fold/registry.h"
#include "nlohmann/json.hpp"
#include "slicer/cli/cli.h"
#include "slicer/cli/json_file.h"
#include "slicer/cli/text_table.h"

namespace dsperse {
namespace {

using Json = nlohmann::ordered_json;

void PrintJson(CliContext& context) {
  Json json;
  Json& passes = json["passes"] = Json::array();
  for (const RegisteredPass& entry : RegisteredPasses()) {
    passes.push_back({{"pass", std::string(entry.pass->name())},
                      {"default", entry.by_default},
                      {"summary", std::string(entry.pass->summary())}});
  }
  Json& lowerings = json["lowerings"] = Json::object();
  for (absl::string_view target : Target::Names()) {
    Json& list = lowerings[std::string(target)] = Json::array();
    for (const LoweringInfo& lowering : LoweringsFor(*Target::Find(target))) {
      list.push_back({{"lowering", std::string(lowering.pass->name())},
                      {"class", std::string(LoweringClassName(lowering.lowering_class))},
                      {"summary", std::string(lowering.pass->summary())}});
    }
  }
  context.out() << ToText(json);
}

void PrintTables(CliContext& context) {
  TextTable passes("l");
  for (const RegisteredPass& entry : RegisteredPasses()) {
    passes.Row({std::string(entry.pass->name()), entry.by_default ? "default" : "when named, or with --target",
                std::string(entry.pass->summary())});
  }
  context.out() << passes.ToString();
  for (absl::string_view target : Target::Names()) {
    TextTable lowerings("l");
    for (const LoweringInfo& lowering : LoweringsFor(*Target::Find(target))) {
      lowerings.Row({std::string(lowering.pass->name()), std::string(LoweringClassName(lowering.lowering_class)),
                     std::string(lowering.pass->summary())});
    }
    context.out() << "\n" << context.Bold(absl::StrCat("lowering for --target ", target)) << "\n" << lowerings.ToString();
  }
  context.out() << "\nclasses: same: equal for finite values; same sum: the same products, added in another order or with "
                   "zeros;\nre-rounded: all else, which --exact leaves out\n";
}

}  // namespace

void AddPassesCommand(CLI::App& app, CliContext& context) {
  auto json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("passes", "List the passes and the lowerings for each prover, in the order they run");
  command->footer(
      "Examples:\n"
      "  dsperse-slice passes\n"
      "  dsperse-slice passes --json\n");
  command->add_flag("--json", *json, "As JSON");
  command->callback([json, &context] {
    context.SetAction([json, &context] {
      *json ? PrintJson(context) : PrintTables(context);
      return absl::OkStatus();
    });
  });
}

}  // namespace dsperse
