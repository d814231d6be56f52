#include <csignal>
#include <new>
#include <unistd.h>

#include "fold/ir/model_file.h"
#include "slicer/cli/cli.h"
#include "slicer/cli/exit_code.h"
#include "slicer/temporary_directory.h"

namespace dsperse {
namespace {

extern "C" void CleanUpAndExit(int signal) {
  CleanUpTemporaries();
  TemporaryDirectory::CleanUp();
  _exit(kExitSignal + signal);
}

// Called where memory ends, in place of an exception: containers that are being enlarged do not survive one (Abseil's
// hash tables free what they don't have).
[[noreturn]] void ReportNoMemory() {
  constexpr char kMessage[] = "dsperse-slice: error: out of memory\n";
  (void)!write(STDERR_FILENO, kMessage, sizeof kMessage - 1);
  CleanUpTemporaries();
  TemporaryDirectory::CleanUp();
  _exit(kExitLimitOrOutput);
}

}  // namespace

void InstallSignalHandlers() {
  std::set_new_handler(ReportNoMemory);
  struct sigaction action = {};
  action.sa_handler = CleanUpAndExit;
  sigfillset(&action.sa_mask);
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGXCPU}) {
    struct sigaction present = {};
    // What the parent wants ignored (nohup) stays ignored.
    if (sigaction(signal, nullptr, &present) == 0 && present.sa_handler == SIG_IGN) continue;
    sigaction(signal, &action, nullptr);
  }
  action.sa_handler = SIG_IGN;
  sigaction(SIGXFSZ, &action, nullptr);
}

}  // namespace dsperse
