#include "slicer/cli/activation_range.h"

#include <cmath>

#include "CLI/CLI.hpp"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "nlohmann/json.hpp"
#include "slicer/cli/exit_code.h"
#include "slicer/cli/read_file.h"

namespace dsperse {
namespace {

constexpr char kFlag[] = "--activation-range";

bool IsRange(double bound) { return std::isfinite(bound) && bound >= 1; }

absl::Status ReadRanges(const std::string& path, LiftOptions* options) {
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return UsageError(absl::StrCat(kFlag, " @", text.status().message()));
  const nlohmann::json json = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return UsageError(absl::StrCat(kFlag, " @", path, ": is no JSON object {\"NAME\": N, …}"));
  }
  for (const auto& [name, bound] : json.items()) {
    if (!bound.is_number() || !IsRange(bound.get<double>())) {
      return UsageError(absl::StrCat(kFlag, " @", path, ": the range of '", name,
                                     "' is no number of at least 1"));
    }
    options->given[name] = bound.get<double>();
  }
  return absl::OkStatus();
}

}  // namespace

void AddActivationRangeFlag(CLI::App& command, std::vector<std::string>& flags) {
  command
      .add_option(kFlag, flags,
                  "Values that enter slices lie within ±N (1000) where --input-range proves no less; proven: nothing "
                  "is assumed. A larger value may be proven as another")
      ->allow_extra_args(false)
      ->type_name("N|NAME=N|@FILE|proven");
}

absl::StatusOr<LiftOptions> ParseActivationRange(absl::Span<const std::string> flags) {
  LiftOptions options;
  for (const std::string& flag : flags) {
    if (flag == "proven") {
      options.assumed.reset();
      continue;
    }
    if (!flag.empty() && flag[0] == '@') {
      DSPERSE_RETURN_IF_ERROR(ReadRanges(flag.substr(1), &options));
      continue;
    }
    const size_t equals = flag.rfind('=');
    const std::string number = equals == std::string::npos ? flag : flag.substr(equals + 1);
    double bound = 0;
    if (!absl::SimpleAtod(number, &bound) || !IsRange(bound)) {
      return UsageError(absl::StrCat(kFlag, " ", flag,
                                     ": write a number of at least 1, NAME=N, @FILE.json or proven"));
    }
    if (equals == std::string::npos) {
      options.assumed = bound;
    } else {
      options.given[flag.substr(0, equals)] = bound;
    }
  }
  return options;
}

}  // namespace dsperse
