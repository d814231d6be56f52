// What subcommands that read a model share.
#ifndef DSPERSE_SLICER_CLI_MODEL_IN_OUT_H_
#define DSPERSE_SLICER_CLI_MODEL_IN_OUT_H_

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "fold/ir/model_file.h"
#include "fold/ops/input_shapes.h"
#include "slicer/cli/cli.h"

namespace CLI {
class App;
}

namespace dsperse {

// `--max-memory` and the model's path.
struct ModelFlags {
  std::string path;
  int64_t max_memory = 0;
};
void AddModelFlags(CLI::App& command, ModelFlags& flags);
void AddMaxMemoryFlag(CLI::App& command, int64_t& max_memory);

// `--input-shape` and `--dim`.
void AddInputShapeFlags(CLI::App& command, InputShapeFlags& flags);

// Loads it; what the loader remarks becomes notes. An empty name and "-" are usage errors.
absl::StatusOr<LoadedModel> Load(const ModelFlags& flags, CliContext& context);

// Seconds since it was made.
class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace dsperse

#endif  // DSPERSE_SLICER_CLI_MODEL_IN_OUT_H_
