#include "circuit_estimate/parameters.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace dsperse {

Parameters::Parameters(absl::Span<const ParameterInfo> infos) : infos_(infos) {
  for (const ParameterInfo& info : infos) {
    values_.emplace_back(std::string(info.name), std::string(info.default_value));
  }
}

absl::Status Parameters::Set(absl::string_view assignment) {
  const size_t equals = assignment.find('=');
  if (equals == absl::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("parameter '", assignment, "': expected key=value"));
  }
  return Set(assignment.substr(0, equals), assignment.substr(equals + 1));
}

absl::Status Parameters::Set(absl::string_view name, absl::string_view value) {
  for (size_t i = 0; i < infos_.size(); ++i) {
    const ParameterInfo& info = infos_[i];
    if (info.name != name) continue;
    bool matches = info.words.empty();
    for (absl::string_view word : absl::StrSplit(info.words, '|', absl::SkipEmpty())) {
      matches = matches || word == value;
    }
    int64_t number = 0;
    const bool numeric = info.least != 0 || info.most != 0;
    if (numeric && absl::SimpleAtoi(value, &number)) {
      if (number < info.least || number > info.most) {
        return absl::InvalidArgumentError(absl::StrCat(
            "parameter ", name, ": ", value, " is outside of ", info.least, " … ", info.most));
      }
    } else if ((numeric && info.words.empty()) || !matches) {
      return absl::InvalidArgumentError(
          absl::StrCat("parameter ", name, ": '", value, "' is ",
                       numeric && info.words.empty() ? "not a number" : "not one of ", info.words));
    }
    values_[i].second = std::string(value);
    return absl::OkStatus();
  }
  std::vector<absl::string_view> names;
  for (const ParameterInfo& info : infos_) names.push_back(info.name);
  return absl::InvalidArgumentError(absl::StrCat("no parameter is called '", name, "'; there ",
                                                 names.empty() ? "are none" : "are ",
                                                 absl::StrJoin(names, ", ")));
}

absl::string_view Parameters::Text(absl::string_view name) const {
  for (const auto& [key, value] : values_) {
    if (key == name) return value;
  }
  return "";
}

int64_t Parameters::Number(absl::string_view name) const {
  int64_t number = 0;
  return absl::SimpleAtoi(Text(name), &number) ? number : 0;
}

}  // namespace dsperse
