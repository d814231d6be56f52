// A child process with fewer rights or resources than the tests have.
#ifndef DSPERSE_TESTS_HOSTILE_CHILD_H_
#define DSPERSE_TESTS_HOSTILE_CHILD_H_

#include <functional>
#include <string>

#include "tests/support/run_cli.h"

namespace dsperse::testing {

// What a call of the command line in a child process came to. `code` is that of a program: 128 + n after
// signal n. `prepared` is false where the child could not be given what it was to have; then nothing ran.
struct ChildResult {
  bool prepared = false;
  int code = -1;
  std::string err;
};

// Forks; in the child calls `prepare` and, unless it returned false, the command line with `arguments`.
ChildResult CliInChild(const std::vector<std::string>& arguments, const std::function<bool()>& prepare);

}  // namespace dsperse::testing

#endif  // DSPERSE_TESTS_HOSTILE_CHILD_H_
