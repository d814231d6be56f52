#include <csignal>
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

}  // namespace

void InstallSignalHandlers() {
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
