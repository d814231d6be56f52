#include "slicer/cli/cli.h"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <new>
#include <ostream>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "fold/ir/one_line.h"
#include "fold/suggest.h"
#include "slicer/cli/exit_code.h"

namespace dsperse {
namespace {

constexpr char kProgram[] = "dsperse-slice";

struct Command {
  absl::string_view name;
  void (*add)(CLI::App&, CliContext&);
};
constexpr Command kCommands[] = {
    {"fold", AddFoldCommand},
    {"estimate", AddEstimateCommand},
    {"inspect", AddInspectCommand},
    {"ops", AddOpsCommand},
    {"passes", AddPassesCommand},
    {"verify", AddVerifyCommand},
    {"verify-receipt", AddVerifyReceiptCommand},
    {"slice", AddSliceCommand},
    {"report", AddReportCommand},
};

// All subcommands, or the one alone that the first word names: no other can be meant then, and declaring the
// flags of all takes longer than folding a small model.
void AddCommands(const std::vector<std::string>& arguments, CLI::App& app, CliContext& context) {
  const auto word = std::find_if(arguments.begin(), arguments.end(), [](const std::string& argument) {
    return !absl::StartsWith(argument, "-");
  });
  for (const Command& command : kCommands) {
    if (word == arguments.end() || *word != command.name) continue;
    command.add(app, context);
    return;
  }
  for (const Command& command : kCommands) command.add(app, context);
}

// One that takes no control sequences.
bool TerminalIsDumb() {
  const char* term = std::getenv("TERM");
  return term != nullptr && absl::string_view(term) == "dumb";
}

bool EnvironmentIsSet(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

// The nearest flag or subcommand to the first argument that the parser didn't expect.
std::string Suggestion(const CLI::App& app, const std::vector<std::string>& unexpected) {
  if (unexpected.empty()) return "";
  const std::string word = unexpected[0].substr(0, unexpected[0].find('='));
  std::vector<std::string> names;
  if (absl::StartsWith(word, "-")) {
    for (const CLI::App* level = &app; level != nullptr; level = level->get_parent()) {
      for (const CLI::Option* option : level->get_options()) {
        for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
      }
    }
  } else {
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
      names.push_back(command->get_name());
    }
  }
  const std::vector<absl::string_view> views(names.begin(), names.end());
  return DidYouMean(word, views);
}

// What a parse error says, in one line and in our words where the parser's are its own.
std::string Readable(const CLI::ParseError& error) {
  std::string line(*absl::StrSplit(error.what(), '\n').begin());
  const std::string flag = line.substr(0, line.find(':'));
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    if (absl::StrContains(line, "At Most 1 required")) return absl::StrCat(flag, " is given more than once");
    if (absl::EndsWith(line, " missing")) return absl::StrCat(flag, " needs a value");
  }
  if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr) {
    // "Could not convert: --json = maybe", of a flag: all other values are checked beforehand.
    return absl::StrCat(absl::StripPrefix(line, "Could not convert: "), ": the flag takes no value");
  }
  return line;
}

int ParseFailed(const CLI::App& app, const CLI::ParseError& error, CliContext& context) {
  const CLI::App* command = &app;
  const std::vector<CLI::App*> parsed = app.get_subcommands();
  if (!parsed.empty()) command = parsed.front();
  std::string message = Readable(error);
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    const std::vector<std::string> unexpected = app.remaining(true);
    if (!unexpected.empty()) {
      const bool flag = absl::StartsWith(unexpected[0], "-");
      message = absl::StrCat(flag ? "there is no flag '"
                             : command == &app ? "there is no subcommand '"
                                               : "unexpected argument '",
                             unexpected[0], "'",
                             flag || command == &app ? Suggestion(*command, unexpected) : "");
    }
  }
  context.Error(message);
  context.Note(absl::StrCat("see ", kProgram, command == &app ? "" : " ",
                            command == &app ? "" : command->get_name(), " --help"));
  return kExitUsage;
}

int RunAction(CliContext& context) {
  absl::Status status;
  try {
    status = context.action()();
    context.out().flush();
    if (status.ok() && !context.out()) {
      status = OutputError(absl::UnavailableError("standard output could not be written"));
    }
  } catch (const std::bad_alloc&) {
    status = absl::ResourceExhaustedError("out of memory");
  } catch (const std::exception& e) {
    status = absl::InternalError(absl::StrCat("unexpected exception: ", e.what()));
  }
  if (status.ok()) return kExitDone;
  const int code = ExitCodeOf(status);
  context.Error(code == kExitBug ? absl::StrCat(status.message(), " (this is a bug)")
                                 : std::string(status.message()));
  return code;
}

}  // namespace

bool CliContext::colour() const {
  return streams_.out_is_terminal && !EnvironmentIsSet("NO_COLOR") && !TerminalIsDumb();
}

std::string CliContext::Bold(absl::string_view text) const {
  return colour() ? absl::StrCat("\x1b[1m", text, "\x1b[0m") : std::string(text);
}

void CliContext::ClearProgress() {
  if (progress_shown_) *streams_.err << "\r\x1b[K";
  progress_shown_ = false;
}

void CliContext::Note(absl::string_view text) {
  if (quiet) return;
  ClearProgress();
  *streams_.err << kProgram << ": " << OneLine(text) << "\n";
}

void CliContext::Warning(absl::string_view text) { Note(absl::StrCat("warning: ", text)); }

void CliContext::Progress(absl::string_view text) {
  if (quiet || !streams_.err_is_terminal || TerminalIsDumb()) return;
  ClearProgress();
  *streams_.err << OneLine(text) << std::flush;
  progress_shown_ = true;
}

void CliContext::Error(absl::string_view text) {
  ClearProgress();
  *streams_.err << kProgram << ": error: " << OneLine(text) << "\n";
}

int RunCli(const std::vector<std::string>& arguments, CliContext::Streams streams) {
  CliContext context(streams);
  CLI::App app("Prepares ONNX models for zero-knowledge proving.", kProgram);
  app.set_version_flag("--version", absl::StrCat(kProgram, " ", DSPERSE_VERSION));
  app.add_flag("--quiet", context.quiet, "No notes, warnings or progress on standard error");
  app.footer(absl::StrCat("Examples:\n"
                          "  dsperse-slice fold model.onnx -o folded.onnx\n"
                          "  dsperse-slice slice model.onnx -o slices\n"
                          "  dsperse-slice slice --help\n\n",
                          kExitCodeHelp));
  app.require_subcommand(0, 1);
  AddCommands(arguments, app, context);
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    command->fallthrough();
    // A subcommand's own footer holds examples.
    command->footer(absl::StrCat(command->get_footer(), command->get_footer().empty() ? "" : "\n",
                                 kExitCodeHelp));
  }
  try {
    // CLI11 takes them last one first.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    const std::vector<CLI::App*> parsed = app.get_subcommands();
    context.out() << (parsed.empty() ? app.help() : parsed.front()->help(kProgram));
    return kExitDone;
  } catch (const CLI::CallForVersion& version) {
    context.out() << version.what() << "\n";
    return kExitDone;
  } catch (const CLI::ParseError& error) {
    return ParseFailed(app, error, context);
  }
  if (!context.action()) {
    context.Error("a subcommand is needed");
    context.Note(absl::StrCat("see ", kProgram, " --help"));
    return kExitUsage;
  }
  return RunAction(context);
}

}  // namespace dsperse
