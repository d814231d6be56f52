// Files of tests.
#ifndef DSPERSE_TESTS_SUPPORT_FILES_H_
#define DSPERSE_TESTS_SUPPORT_FILES_H_

#include <string>
#include <vector>

namespace onnx {
class ModelProto;
}  // namespace onnx

namespace dsperse::testing {

// A folder of its own, gone at the end of the test.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  // The path of a file in it.
  std::string File(const std::string& name) const { return path_ + "/" + name; }
  // Names of its entries, sorted.
  std::vector<std::string> List() const;

 private:
  std::string path_;
};

std::string ReadAll(const std::string& path);
void WriteAll(const std::string& path, const std::string& bytes);

// Wire format in canonical order.
std::string Serialized(const onnx::ModelProto& model);

}  // namespace dsperse::testing

#endif  // DSPERSE_TESTS_SUPPORT_FILES_H_
