#include <fcntl.h>
#include <unistd.h>

#include <iostream>
#include <string>
#include <vector>

#include "slicer/cli/cli.h"

namespace {

// A descriptor that the caller closed would be given to the next file that is opened, and what is meant for standard
// output or error would be written into it. Read-only, so that writing is still an error.
void HoldStandardDescriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", O_RDONLY) == -1) return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  HoldStandardDescriptors();
  std::ios::sync_with_stdio(false);
  dsperse::InstallSignalHandlers();
  return dsperse::RunCli(std::vector<std::string>(argv + 1, argv + argc),
                         {&std::cout, &std::cerr, isatty(STDOUT_FILENO) == 1,
                          isatty(STDERR_FILENO) == 1});
}
