// Exit codes, the same in all subcommands, and how a Status maps to one.
#ifndef DSPERSE_SLICER_CLI_EXIT_CODE_H_
#define DSPERSE_SLICER_CLI_EXIT_CODE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace dsperse {

enum ExitCode : int {
  kExitDone = 0,
  kExitUsage = 2,
  kExitInput = 3,        // missing, unreadable or wrong
  kExitUnsupported = 4,  // valid, but not supported
  kExitLimitOrOutput = 5,
  kExitDifference = 6,
  kExitBug = 70,
  kExitSignal = 128,  // plus the signal's number
};

// For `--help`.
inline constexpr char kExitCodeHelp[] =
    "Exit codes: 0 done; 2 usage; 3 input missing, unreadable or wrong; 4 valid but not supported;\n"
    "  5 a limit, or output could not be written; 6 a verification found a difference; 70 our bug;\n"
    "  128+n signal n.";

// A flag or argument that makes no sense: exit code 2.
absl::Status UsageError(absl::string_view message);
// The same error, but about a file that was to be written: exit code 5.
absl::Status OutputError(const absl::Status& status);
// A difference that a verification found: exit code 6.
absl::Status DifferenceError(absl::string_view message);

// The code of an error: the one it was marked with by the functions above; otherwise Unimplemented 4,
// ResourceExhausted 5, Internal and what the library never returns 70, all others 3.
ExitCode ExitCodeOf(const absl::Status& status);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_CLI_EXIT_CODE_H_
