#include "slicer/cli/process_memory.h"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#if defined(__GLIBC__)
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#endif

namespace dsperse {

void PrepareHeapFor(const std::string& path) {
#if defined(__GLIBC__) && defined(MADV_HUGEPAGE)
  constexpr uint64_t kFrom = uint64_t{4} << 20;  // below, zeroing large pages would cost more than they save
  constexpr uint64_t kMost = uint64_t{1} << 28;
  constexpr int kHuge = 1 << 21;
  std::error_code failed;
  const uint64_t file_bytes = std::filesystem::file_size(path, failed);
  if (failed || file_bytes < kFrom) return;
  // Large pieces too shall come from the heap.
  if (mallopt(M_MMAP_THRESHOLD, 1 << 25) != 1) return;
  // Addresses, not memory: what isn't touched takes none.
  const int room = static_cast<int>(std::min(4 * file_bytes, kMost));
  char* const begin = static_cast<char*>(sbrk(0));
  mallopt(M_TOP_PAD, room);
  // More than is left: the heap grows by it and the room. Written to, or compilers leave out what is freed unused.
  auto* const first = static_cast<volatile char*>(std::malloc(size_t{1} << 20));
  if (first != nullptr) *first = 0;
  char* const end = static_cast<char*>(sbrk(0));
  mallopt(M_TOP_PAD, kHuge);
  mallopt(M_TRIM_THRESHOLD, room + (1 << 22));  // what is given back is kept for the next
  char* const aligned = begin + (kHuge - reinterpret_cast<uintptr_t>(begin) % kHuge) % kHuge;
  if (end > aligned) (void)madvise(aligned, static_cast<size_t>(end - aligned), MADV_HUGEPAGE);
  std::free(const_cast<char*>(first));
#else
  (void)path;
#endif
}

void KeepHeapSmall() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, 1 << 17);  // the default, but fixed
  mallopt(M_ARENA_MAX, 1);             // what one thread has freed serves the others
#endif
}

}  // namespace dsperse
