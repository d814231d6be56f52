// Splits independent work over threads. What each index computes must not depend on the split, so
// results are the same for any number of threads.
#ifndef DSPERSE_FOLD_OPS_PARALLEL_H_
#define DSPERSE_FOLD_OPS_PARALLEL_H_

#include <cstdint>
#include <functional>

namespace dsperse {

// Calls `body(begin, end)` on ranges that together cover [0, count), on at most `threads` threads (the
// caller's is one). `cost` is a rough number of operations an index takes: little work stays on one
// thread. Blocks until all is done; an exception that a body throws (std::bad_alloc) is thrown on here.
void ParallelFor(int threads, int64_t count, int64_t cost,
                 const std::function<void(int64_t begin, int64_t end)>& body);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_PARALLEL_H_
