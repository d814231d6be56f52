#include "tests/hostile/child.h"

#include <sys/wait.h>
#include <unistd.h>

namespace dsperse::testing {

ChildResult CliInChild(const std::vector<std::string>& arguments, const std::function<bool()>& prepare) {
  constexpr int kNotPrepared = 99;
  ChildResult result;
  int ends[2];
  if (pipe(ends) != 0) return result;
  const pid_t child = fork();
  if (child < 0) return result;
  if (child == 0) {
    // Standard error is the pipe; no other descriptor of the tests is left.
    dup2(ends[1], STDERR_FILENO);
    for (int fd = 3; fd < 1024; ++fd) close(fd);
    if (!prepare()) _exit(kNotPrepared);
    InstallSignalHandlers();
    const CliResult done = Cli(arguments);
    for (size_t at = 0; at < done.err.size();) {
      const ssize_t n = write(STDERR_FILENO, done.err.data() + at, done.err.size() - at);
      if (n <= 0) break;
      at += static_cast<size_t>(n);
    }
    _exit(done.code);
  }
  close(ends[1]);
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) result.err.append(buffer, static_cast<size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  result.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  result.prepared = result.code != kNotPrepared;
  return result;
}

}  // namespace dsperse::testing
