// How the program takes memory from the system.
#ifndef DSPERSE_SLICER_CLI_PROCESS_MEMORY_H_
#define DSPERSE_SLICER_CLI_PROCESS_MEMORY_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dsperse {

// Asks for large pages for the heap that the graph of the model at `path` may need, where the allocator and the
// system know how. A graph of many nodes is tens of MB in small pieces, read in no order: with pages of 4 KiB, a
// quarter of the time goes into getting and finding them. For files of a few MB and less, nothing is done.
// A policy of the process, so a library must not do this.
void PrepareHeapFor(const std::string& path);

// Large buffers go back to the system as soon as they are freed, where the allocator knows how: by default the heap
// takes them in after the first few, and they stay between smaller pieces. For commands that hold little else.
void KeepHeapSmall();

// A place for `value` until the process ends. Taking a graph or its report down piece by piece costs a good part of
// what making it did, and the system takes the memory anyway.
template <typename T>
T& UntilExit(T value) {
  static auto& kept = *new std::vector<std::unique_ptr<T>>;  // holds them: none of it is lost
  kept.push_back(std::make_unique<T>(std::move(value)));
  return *kept.back();
}

}  // namespace dsperse

#endif  // DSPERSE_SLICER_CLI_PROCESS_MEMORY_H_
