#include "slicer/cli/flag_values.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "circuit_estimate/backend.h"
#include "fold/ops/target.h"
#include "fold/suggest.h"
#include "slicer/cli/exit_code.h"

namespace dsperse {
namespace {

// The parser below throws away what it can't say better: a validator's message is what follows "--flag: ".
CLI::Validator Rewriting(std::function<std::string(std::string&)> rewrite) {
  return CLI::Validator(std::move(rewrite), "", "");
}

bool IsDecimal(absl::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == absl::string_view::npos;
}

// "1.5 GiB" → 1610612736; false where it is no size or beyond 2^63 - 1.
bool ParseBytes(absl::string_view text, int64_t* bytes) {
  const std::string lower = absl::AsciiStrToLower(absl::StripAsciiWhitespace(text));
  const size_t end = lower.find_first_not_of("0123456789.");
  const std::string number = lower.substr(0, end);
  absl::string_view unit = absl::string_view(lower).substr(number.size());
  unit = absl::StripLeadingAsciiWhitespace(unit);
  if (!absl::ConsumeSuffix(&unit, "ib")) absl::ConsumeSuffix(&unit, "b");
  constexpr absl::string_view kUnits = "kmgtpe";
  int shift = 0;
  if (!unit.empty()) {
    const size_t place = kUnits.find(unit[0]);
    if (unit.size() != 1 || place == absl::string_view::npos) return false;
    shift = 10 * (static_cast<int>(place) + 1);
  } else if (absl::EndsWith(lower, "ib")) {
    return false;
  }
  if (IsDecimal(number)) {
    uint64_t whole = 0;
    if (!absl::SimpleAtoi(number, &whole) || whole > static_cast<uint64_t>(INT64_MAX) >> shift) return false;
    *bytes = static_cast<int64_t>(whole << shift);
    return true;
  }
  double part = 0;
  if (number.empty() || !absl::SimpleAtod(number, &part)) return false;
  const double scaled = std::floor(std::ldexp(part, shift));
  if (!(scaled < std::ldexp(1, 63))) return false;
  *bytes = static_cast<int64_t>(scaled);
  return true;
}

}  // namespace

void TakesWholeNumber(CLI::Option* option, uint64_t least, uint64_t most) {
  option->transform(Rewriting([least, most](std::string& text) -> std::string {
    uint64_t value = 0;
    if (IsDecimal(text) && absl::SimpleAtoi(text, &value) && value >= least && value <= most) {
      text = absl::StrCat(value);
      return "";
    }
    return most == std::numeric_limits<uint64_t>::max()
               ? absl::StrCat("'", text, "' is no whole number of at least ", least)
               : absl::StrCat("'", text, "' is no whole number from ", least, " to ", most);
  }));
  option->type_name("N");
}

void TakesNonNegative(CLI::Option* option) {
  option->check(Rewriting([](std::string& text) -> std::string {
    double value = 0;
    if (absl::SimpleAtod(text, &value) && value >= 0) return "";
    return absl::StrCat("'", text, "' is no number of at least 0");
  }));
  option->type_name("X");
}

void TakesBytes(CLI::Option* option) {
  option->transform(Rewriting([](std::string& text) -> std::string {
    int64_t bytes = 0;
    if (!ParseBytes(text, &bytes)) return absl::StrCat("'", text, "' is no size: write bytes, or 64K, 512M, 2G");
    text = absl::StrCat(bytes);
    return "";
  }));
  option->type_name("BYTES");
}

absl::Status OneOf(absl::string_view flag, absl::string_view word, absl::Span<const absl::string_view> names) {
  if (std::find(names.begin(), names.end(), word) != names.end()) return absl::OkStatus();
  return UsageError(absl::StrCat(flag, " ", word, ": none of ", absl::StrJoin(names, ", "), DidYouMean(word, names)));
}

absl::Status IsBackend(absl::string_view word, bool all) {
  std::vector<absl::string_view> names;
  for (const Backend* backend : AllBackends()) names.push_back(backend->name());
  if (all) names.push_back("all");
  return OneOf("--backend", word, names);
}

absl::Status IsTarget(absl::string_view word, bool none) {
  std::vector<absl::string_view> names = Target::Names();
  if (none) names.push_back("none");
  return OneOf("--target", word, names);
}

absl::Status IsFileName(absl::string_view what, absl::string_view path) {
  if (path != "-") return absl::OkStatus();
  return UsageError(absl::StrCat(what,
                                 " -: name a file; models are neither read from nor written to a pipe "
                                 "(./- is a file called so)"));
}

}  // namespace dsperse
