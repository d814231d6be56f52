// A folder of one test, removed with everything in it at the end.
#ifndef DSPERSE_TESTS_SUPPORT_TEMP_DIR_H_
#define DSPERSE_TESTS_SUPPORT_TEMP_DIR_H_

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace dsperse::testing {

class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "dsperse_test_XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  // The path of a file in it.
  std::string File(absl::string_view name) const {
    return (std::filesystem::path(path_) / std::string(name)).string();
  }
  std::string Write(absl::string_view name, absl::string_view bytes) const {
    std::ofstream(File(name), std::ios::binary).write(bytes.data(),
                                                      static_cast<std::streamsize>(bytes.size()));
    return File(name);
  }
  std::string Read(absl::string_view name) const {
    std::ifstream in(File(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  // Names of what the folder holds, in order.
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  std::string path_;
};

}  // namespace dsperse::testing

#endif  // DSPERSE_TESTS_SUPPORT_TEMP_DIR_H_
