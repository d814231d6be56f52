// Calls the command line as a program would be called, without a process.
#ifndef DSPERSE_TESTS_SUPPORT_RUN_CLI_H_
#define DSPERSE_TESTS_SUPPORT_RUN_CLI_H_

#include <sstream>
#include <string>
#include <vector>

#include "slicer/cli/cli.h"

namespace dsperse::testing {

struct CliResult {
  int code = -1;
  std::string out, err;
};

inline CliResult Cli(const std::vector<std::string>& arguments) {
  std::ostringstream out, err;
  CliResult result;
  result.code = RunCli(arguments, {&out, &err});
  result.out = out.str();
  result.err = err.str();
  return result;
}

}  // namespace dsperse::testing

#endif  // DSPERSE_TESTS_SUPPORT_RUN_CLI_H_
