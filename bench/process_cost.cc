// process_cost COMMAND [ARG…]: runs it and prints what it took, as one line of JSON on standard
// output:
//   {"wall": s, "user": s, "system": s, "peak_rss": bytes, "status": code}
//
// A process of its own because a child's peak memory, as the system counts it, starts at that of
// the process it was forked from: measured from a script interpreter, no child needs less than
// that. Standard output of the command is discarded. Exit code: 0 if it could be run, whatever it
// returned; else 2.
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace {

double Now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double Seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "process_cost: a command is needed\n");
    return 2;
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  const double begin = Now();
  pid_t child = 0;
  const int error = posix_spawnp(&child, argv[1], &actions, nullptr, argv + 1, environ);
  if (error != 0) {
    std::fprintf(stderr, "process_cost: %s: %s\n", argv[1], std::strerror(error));
    return 2;
  }
  int status = 0;
  rusage usage;
  if (wait4(child, &status, 0, &usage) != child) return 2;
  const double wall = Now() - begin;
  std::printf(
      "{\"wall\": %.6f, \"user\": %.6f, \"system\": %.6f, \"peak_rss\": %lld, \"status\": %d}\n",
      wall, Seconds(usage.ru_utime), Seconds(usage.ru_stime),
      static_cast<long long>(usage.ru_maxrss) * 1024,
      WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  return 0;
}
