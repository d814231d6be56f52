// dsperse-slice passes
#include <memory>
#include <ostream>

#include "CLI/CLI.hpp"
#include "fold/registry.h"
#include "nlohmann/json.hpp"
#include "slicer/cli/cli.h"
#include "slicer/cli/json_file.h"
#include "slicer/cli/text_table.h"

namespace dsperse {
namespace {

void PrintJson(CliContext& context) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const RegisteredPass& entry : RegisteredPasses()) {
    json.push_back({{"pass", std::string(entry.pass->name())},
                    {"default", entry.by_default},
                    {"summary", std::string(entry.pass->summary())}});
  }
  context.out() << ToText(json);
}

void PrintTable(CliContext& context) {
  TextTable table("l");
  for (const RegisteredPass& entry : RegisteredPasses()) {
    table.Row({std::string(entry.pass->name()), entry.by_default ? "default" : "when named, or with --target",
               std::string(entry.pass->summary())});
  }
  context.out() << table.ToString();
}

}  // namespace

void AddPassesCommand(CLI::App& app, CliContext& context) {
  auto json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("passes", "List the passes in the order they run");
  command->footer(
      "Examples:\n"
      "  dsperse-slice passes\n"
      "  dsperse-slice passes --json\n");
  command->add_flag("--json", *json, "As JSON");
  command->callback([json, &context] {
    context.SetAction([json, &context] {
      *json ? PrintJson(context) : PrintTable(context);
      return absl::OkStatus();
    });
  });
}

}  // namespace dsperse
