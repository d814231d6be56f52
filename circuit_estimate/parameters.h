// Parameters of a backend: named numbers and words with documented defaults (`--param key=value`).
#ifndef DSPERSE_CIRCUIT_ESTIMATE_PARAMETERS_H_
#define DSPERSE_CIRCUIT_ESTIMATE_PARAMETERS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace dsperse {

// One parameter as the help text shows it.
struct ParameterInfo {
  absl::string_view name;
  absl::string_view default_value;
  absl::string_view unit;  // "bits", "columns"; "" for a word
  absl::string_view help;
  // The words it may be, separated by '|'; "" for a number or free text.
  absl::string_view words;
  // For numbers: the range allowed. No number is meant where both are 0.
  int64_t least = 0;
  int64_t most = 0;
};

class Parameters {
 public:
  // All defaults.
  explicit Parameters(absl::Span<const ParameterInfo> infos);

  // "key=value". InvalidArgument for a name no parameter has, a number out of range, an unknown
  // word.
  absl::Status Set(absl::string_view assignment);
  absl::Status Set(absl::string_view name, absl::string_view value);

  // Values of known parameters ("" and 0 for any other name).
  absl::string_view Text(absl::string_view name) const;
  int64_t Number(absl::string_view name) const;
  // All, in the order of their declaration.
  const std::vector<std::pair<std::string, std::string>>& values() const { return values_; }

 private:
  absl::Span<const ParameterInfo> infos_;
  std::vector<std::pair<std::string, std::string>> values_;
};

}  // namespace dsperse

#endif  // DSPERSE_CIRCUIT_ESTIMATE_PARAMETERS_H_
