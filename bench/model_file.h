// Files of generated models, for benchmarks.
#ifndef DSPERSE_BENCH_MODEL_FILE_H_
#define DSPERSE_BENCH_MODEL_FILE_H_

#include <cstdint>
#include <string>

namespace dsperse {

// A folder for the time of the process.
const std::string& BenchFolder();

// The path of the model `name` of bench/models in that folder, made at the first call; `blocks` > 0 sets
// ModelOptions::blocks. Ends the process where the model can't be made.
std::string ModelFile(const std::string& name, int64_t blocks);

}  // namespace dsperse

#endif  // DSPERSE_BENCH_MODEL_FILE_H_
