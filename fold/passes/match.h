// What a matcher answers: a match, or why there is none.
#ifndef DSPERSE_FOLD_PASSES_MATCH_H_
#define DSPERSE_FOLD_PASSES_MATCH_H_

#include <optional>
#include <string>
#include <utility>

namespace dsperse {

// `why_not` is empty where the node isn't even a candidate: nothing worth a remark.
template <typename T>
struct Matched {
  std::optional<T> match;
  std::string why_not;

  explicit operator bool() const { return match.has_value(); }
  T& operator*() { return *match; }
  const T& operator*() const { return *match; }
  T* operator->() { return &*match; }
  const T* operator->() const { return &*match; }
};

template <typename T>
Matched<T> NoMatch(std::string why_not = "") {
  return {std::nullopt, std::move(why_not)};
}

template <typename T>
Matched<T> Match(T match) {
  return {std::move(match), ""};
}

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_MATCH_H_
