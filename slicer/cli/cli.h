// The command line, as a library so that tests can call it.
//
// Each subcommand is one file with one function `AddXCommand(CLI::App&, CliContext&)`: it declares the
// flags and sets the action. To add one: write the file, declare the function below, list it in
// `kCommands` (cli.cc).
#ifndef DSPERSE_SLICER_CLI_CLI_H_
#define DSPERSE_SLICER_CLI_CLI_H_

#include <functional>
#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace CLI {
class App;
}

namespace dsperse {

// Where a subcommand writes, and what it is to do. Results go to out(); everything else to Note,
// Warning and Progress, which go to the error stream.
class CliContext {
 public:
  struct Streams {
    std::ostream* out;
    std::ostream* err;
    bool out_is_terminal = false;
    bool err_is_terminal = false;
  };
  explicit CliContext(Streams streams) : streams_(streams) {}

  std::ostream& out() { return *streams_.out; }
  // Colour only on a terminal, and not with NO_COLOR or TERM=dumb.
  bool colour() const;
  // `text` bold, if colours are on.
  std::string Bold(absl::string_view text) const;

  // One line each, unless --quiet. Progress overwrites itself and shows on a terminal only, if not with TERM=dumb.
  void Note(absl::string_view text);
  void Warning(absl::string_view text);
  void Progress(absl::string_view text);
  // Always: what makes the exit code other than 0.
  void Error(absl::string_view text);

  // What the parsed subcommand does; returns why it failed (exit_code.h).
  using Action = std::function<absl::Status()>;
  void SetAction(Action action) { action_ = std::move(action); }
  const Action& action() const { return action_; }

  bool quiet = false;

 private:
  void ClearProgress();
  Streams streams_;
  Action action_;
  bool progress_shown_ = false;
};

// Parses `arguments` (without the program's name), runs the subcommand and returns the exit code.
int RunCli(const std::vector<std::string>& arguments, CliContext::Streams streams);

// Removes temporaries and exits with 128 + n when the process is interrupted, ended or hung up; a file
// that grows too large is an error of the write, not a signal. For main().
void InstallSignalHandlers();

// ---- the subcommands ----
void AddEstimateCommand(CLI::App& app, CliContext& context);
void AddFoldCommand(CLI::App& app, CliContext& context);
void AddInspectCommand(CLI::App& app, CliContext& context);
void AddOpsCommand(CLI::App& app, CliContext& context);
void AddPassesCommand(CLI::App& app, CliContext& context);
void AddReportCommand(CLI::App& app, CliContext& context);
void AddVerifyCommand(CLI::App& app, CliContext& context);
void AddVerifyReceiptCommand(CLI::App& app, CliContext& context);
void AddSliceCommand(CLI::App& app, CliContext& context);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_CLI_CLI_H_
