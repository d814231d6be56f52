#include <unistd.h>

#include <iostream>
#include <string>
#include <vector>

#include "slicer/cli/cli.h"

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  dsperse::InstallSignalHandlers();
  return dsperse::RunCli(std::vector<std::string>(argv + 1, argv + argc),
                         {&std::cout, &std::cerr, isatty(STDOUT_FILENO) == 1,
                          isatty(STDERR_FILENO) == 1});
}
