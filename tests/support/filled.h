// Initializers for text models that have too many elements to write out.
#ifndef DSPERSE_TESTS_SUPPORT_FILLED_H_
#define DSPERSE_TESTS_SUPPORT_FILLED_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace dsperse::testing {

// "float[2,2] w = {0.5,0.5,0.5,0.5}".
inline std::string Filled(const std::string& name, const std::vector<int64_t>& dims, double value) {
  int64_t count = 1;
  for (int64_t size : dims) count *= size;
  const std::string element = absl::StrCat(value, value == static_cast<int64_t>(value) ? ".0" : "");
  const std::vector<std::string> elements(static_cast<size_t>(count), element);
  return absl::StrCat("float[", absl::StrJoin(dims, ","), "] ", name, " = {",
                      absl::StrJoin(elements, ","), "}");
}

}  // namespace dsperse::testing

#endif  // DSPERSE_TESTS_SUPPORT_FILLED_H_
