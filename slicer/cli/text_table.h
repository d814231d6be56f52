// Text tables and numbers for people.
#ifndef DSPERSE_SLICER_CLI_TEXT_TABLE_H_
#define DSPERSE_SLICER_CLI_TEXT_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace dsperse {

// Columns as wide as their widest cell, two spaces between them; no spaces at the end of a line. Cells may hold names
// from files: control characters are written as escapes (fold/ir/one_line.h).
//   TextTable table("lrr");            // alignment of each column; more columns repeat the last
//   table.Row({"nodes", "175", "122"});
class TextTable {
 public:
  explicit TextTable(absl::string_view alignment) : alignment_(alignment) {}
  void Row(const std::vector<std::string>& cells);
  bool empty() const { return rows_.empty(); }
  // Each line begins with `indent` spaces.
  std::string ToString(int indent = 0) const;

 private:
  std::string alignment_;
  std::vector<std::vector<std::string>> rows_;
};

// 102579328 → "102,579,328".
std::string WithCommas(int64_t value);
// "-30.3 %", "+0.5 %", "0.0 %"; "" where `before` is 0.
std::string PercentChange(int64_t before, int64_t after);
// "97.8 MiB", "812 B".
std::string HumanBytes(int64_t bytes);
// "0.8 ms", "12 ms", "3.41 s".
std::string HumanSeconds(double seconds);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_CLI_TEXT_TABLE_H_
