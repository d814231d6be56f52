#include "fold/ir/data_target.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/file.h"
#include "fold/ir/skeleton.h"

namespace dsperse {
namespace {

namespace fs = std::filesystem;

bool SameFile(const std::string& a, const std::string& b) {
  struct stat x, y;
  return stat(a.c_str(), &x) == 0 && stat(b.c_str(), &y) == 0 && x.st_dev == y.st_dev &&
         x.st_ino == y.st_ino;
}

// Does the model in `path` have `name` among its strings, as one must that keeps data in that file?
bool Mentions(const std::string& path, const std::string& name) {
  constexpr uint64_t kMostBytes = uint64_t{1} << 28;  // besides payloads
  const auto file = InputFile::Open(path);
  if (!file.ok()) return false;
  std::string skeleton;
  PayloadTable payloads;
  if (!ReadSkeleton(*file, (*file)->size(), kMostBytes, &skeleton, &payloads).ok()) return false;
  return memmem(skeleton.data(), skeleton.size(), name.data(), name.size()) != nullptr;
}

absl::Status Refuse(const std::string& data_path, absl::string_view whose) {
  return absl::InvalidArgumentError(absl::StrCat(data_path, ": is external data of ", whose,
                                                 ", which would be lost; write to another name"));
}

}  // namespace

absl::Status CheckDataTarget(const std::string& model_path, const std::string& data_path,
                             const PayloadTable& payloads) {
  std::error_code error;
  if (!fs::exists(data_path, error)) return absl::OkStatus();
  const std::string name = fs::path(data_path).filename().string();

  std::vector<std::string> neighbours;
  for (fs::directory_iterator entry(FolderOf(data_path), error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() == ".onnx") neighbours.push_back(entry->path().string());
  }
  std::sort(neighbours.begin(), neighbours.end());
  for (const std::string& neighbour : neighbours) {
    if (!SameFile(neighbour, model_path) && Mentions(neighbour, name)) {
      return Refuse(data_path, neighbour);
    }
  }
  if (Mentions(model_path, name)) return absl::OkStatus();  // its own
  for (const std::string& file : payloads.external_files) {
    if (SameFile(file, data_path)) return Refuse(data_path, "the model that is read");
  }
  return absl::OkStatus();
}

}  // namespace dsperse
