// What the values of flags may be, and what is said of others.
#ifndef DSPERSE_SLICER_CLI_FLAG_VALUES_H_
#define DSPERSE_SLICER_CLI_FLAG_VALUES_H_

#include <cstdint>
#include <limits>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace CLI {
class Option;
}

namespace dsperse {

// The value must be a decimal whole number from `least` to `most`. (The parser below takes 1e6 for no number, -1
// for 2^64 - 1 and 010 for eight.) Help shows N.
void TakesWholeNumber(CLI::Option* option, uint64_t least, uint64_t most = std::numeric_limits<uint64_t>::max());
// A number, not negative and not NaN.
void TakesNonNegative(CLI::Option* option);
// Bytes below 2^63: 4096, 64K, 64 KB, 1.5 GiB; K, M, G, T, P, E count by 1,024, with or without B or iB.
void TakesBytes(CLI::Option* option);

// A usage error unless `word` is one of `names`: "--by nod: none of node, op; did you mean 'node'?".
absl::Status OneOf(absl::string_view flag, absl::string_view word, absl::Span<const absl::string_view> names);
// The names of all backends, and with `all` that one too.
absl::Status IsBackend(absl::string_view word, bool all);
// Those of all targets, and with `none` that one too.
absl::Status IsTarget(absl::string_view word, bool none);

// A usage error where `path` is "-": models are read at any offset and written in one step, so neither goes through
// a pipe, and a file of that name is hardly meant. `what` begins the message: "-o".
absl::Status IsFileName(absl::string_view what, absl::string_view path);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_CLI_FLAG_VALUES_H_
