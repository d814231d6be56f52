#include "slicer/cli/json_file.h"

#include <memory>

#include "fold/ir/file.h"
#include "fold/ir/status_macros.h"
#include "nlohmann/json.hpp"
#include "slicer/cli/exit_code.h"

namespace dsperse {
namespace {

absl::Status Write(absl::string_view text, const std::string& path) {
  DSPERSE_ASSIGN_OR_RETURN(std::unique_ptr<OutputFile> file, OutputFile::Create(path, text.size()));
  DSPERSE_RETURN_IF_ERROR(file->Append(text));
  DSPERSE_RETURN_IF_ERROR(file->Finish(false));
  return file->Commit(false);
}

}  // namespace

std::string ToText(const nlohmann::ordered_json& json) {
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

absl::Status WriteJsonFile(const nlohmann::ordered_json& json, const std::string& path) {
  return WriteTextFile(ToText(json), path);
}

absl::Status WriteTextFile(absl::string_view text, const std::string& path) {
  return OutputError(Write(text, path));
}

}  // namespace dsperse
