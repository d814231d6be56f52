#include "fold/ops/parallel.h"

#include <algorithm>
#include <exception>
#include <system_error>
#include <thread>
#include <vector>

namespace dsperse {
namespace {

// Starting a thread costs some ten microseconds; below this many operations it isn't worth it.
constexpr int64_t kOperationsPerThread = 100'000;

}  // namespace

void ParallelFor(int threads, int64_t count, int64_t cost,
                 const std::function<void(int64_t begin, int64_t end)>& body) {
  if (count <= 0) return;
  const int64_t by_cost =
      cost >= kOperationsPerThread ? count : count / (kOperationsPerThread / std::max<int64_t>(cost, 1));
  const int64_t parts = std::min({static_cast<int64_t>(std::max(threads, 1)), count, by_cost});
  if (parts <= 1) {
    body(0, count);
    return;
  }
  const int64_t share = count / parts;
  const int64_t extra = count % parts;
  const auto start = [&](int64_t part) { return part * share + std::min(part, extra); };
  std::vector<std::exception_ptr> failures(static_cast<size_t>(parts));
  const auto guarded = [&](int64_t part, int64_t begin, int64_t end) {
    try {
      body(begin, end);
    } catch (...) {
      failures[static_cast<size_t>(part)] = std::current_exception();
    }
  };
  std::vector<std::thread> workers;
  workers.reserve(static_cast<size_t>(parts - 1));
  int64_t part = 1;
  for (; part < parts; ++part) {
    try {
      workers.emplace_back(guarded, part, start(part), start(part + 1));
    } catch (const std::system_error&) {
      break;  // no more threads to be had: the caller does the rest
    }
  }
  guarded(0, 0, start(1));
  if (part < parts) guarded(part, start(part), count);
  for (std::thread& worker : workers) worker.join();
  for (const std::exception_ptr& failure : failures) {
    if (failure != nullptr) std::rethrow_exception(failure);
  }
}

}  // namespace dsperse
