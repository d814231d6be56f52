#include "bench/model_file.h"

#include <cstdlib>
#include <filesystem>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "bench/models/models.h"
#include "bench/models/write_model.h"

namespace dsperse {

const std::string& BenchFolder() {
  static const struct Holder {
    Holder() {
      path = (std::filesystem::temp_directory_path() / "dsperse_bench-XXXXXX").string();
      if (mkdtemp(path.data()) == nullptr) std::abort();
    }
    ~Holder() { std::filesystem::remove_all(path); }
    std::string path;
  } holder;
  return holder.path;
}

std::string ModelFile(const std::string& name, int64_t blocks) {
  const std::string path = absl::StrCat(BenchFolder(), "/", name, "-", blocks, ".onnx");
  if (std::filesystem::exists(path)) return path;
  models::ModelOptions options;
  if (blocks > 0) options.blocks = blocks;
  const absl::StatusOr<models::ModelSpec> spec = models::BuildModel(name, options);
  if (!spec.ok() || !models::WriteModel(*spec, path).ok()) std::abort();
  return path;
}

}  // namespace dsperse
