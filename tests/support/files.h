// Files of tests.
#ifndef DSPERSE_TESTS_SUPPORT_FILES_H_
#define DSPERSE_TESTS_SUPPORT_FILES_H_

#include <map>
#include <string>

#include "tests/support/temp_dir.h"

namespace onnx {
class ModelProto;
}  // namespace onnx

namespace dsperse::testing {

std::string ReadAll(const std::string& path);
void WriteAll(const std::string& path, const std::string& bytes);

// Content of every file below `path`, by its path from there.
std::map<std::string, std::string> Tree(const std::string& path);

// Wire format in canonical order.
std::string Serialized(const onnx::ModelProto& model);

}  // namespace dsperse::testing

#endif  // DSPERSE_TESTS_SUPPORT_FILES_H_
