// How the program takes memory from the system.
#ifndef DSPERSE_SLICER_CLI_PROCESS_MEMORY_H_
#define DSPERSE_SLICER_CLI_PROCESS_MEMORY_H_

#include <cstdint>

namespace dsperse {

// Asks for large pages for the heap that the graph of a model of `file_bytes` may need, where the allocator and the
// system know how. A graph of many nodes is tens of MB in small pieces, read in no order: with pages of 4 KiB, a
// quarter of the time goes into getting and finding them. For files of a few MB and less, nothing is done.
// A policy of the process, so a library must not do this.
void PrepareHeap(uint64_t file_bytes);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_CLI_PROCESS_MEMORY_H_
