// Suggestions for misspelt names.
#ifndef DSPERSE_FOLD_SUGGEST_H_
#define DSPERSE_FOLD_SUGGEST_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace dsperse {

// Edits that turn `a` into `b`: insert, delete, replace, swap of neighbours count one each.
// O(|a| · |b|).
int EditDistance(absl::string_view a, absl::string_view b);

// The name nearest to `word` (the first of equally near ones), or "" if none is within a third of the
// word's length (at least 1 edit is always allowed).
std::string Nearest(absl::string_view word, absl::Span<const absl::string_view> names);

// "; did you mean 'X'?" for the nearest name, or "".
std::string DidYouMean(absl::string_view word, absl::Span<const absl::string_view> names);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_SUGGEST_H_
