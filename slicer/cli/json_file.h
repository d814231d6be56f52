// JSON out.
#ifndef DSPERSE_SLICER_CLI_JSON_FILE_H_
#define DSPERSE_SLICER_CLI_JSON_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "nlohmann/json_fwd.hpp"

namespace dsperse {

// Two spaces a level, a line feed at the end; bytes that are no UTF-8 are replaced.
std::string ToText(const nlohmann::ordered_json& json);

// Writes `json` to `path` in one step (a file there is replaced). Errors are marked as output errors.
absl::Status WriteJsonFile(const nlohmann::ordered_json& json, const std::string& path);

// The same for any text.
absl::Status WriteTextFile(absl::string_view text, const std::string& path);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_CLI_JSON_FILE_H_
