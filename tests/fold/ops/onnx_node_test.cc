// The exam of the operators: every test case that the ONNX package brings, run by the interpreter.
//
// tests/ops/onnx_node_cases.tsv holds the verdict of each case; a case that does worse fails. To write
// the table anew: DSPERSE_UPDATE_ONNX_CASES=1 fold_ops_test --gtest_filter='*OnnxCases*'.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "tests/fold/ops/onnx_cases.h"

namespace dsperse {
namespace {

constexpr int kShards = 16;
const char* const kKinds[] = {"node", "light", "simple", "pytorch-converted", "pytorch-operator"};

std::string TablePath() { return std::string(DSPERSE_TESTS_DIR) + "/ops/onnx_node_cases.tsv"; }

// Name → verdict of the committed table.
std::map<std::string, std::string> ReadTable() {
  std::map<std::string, std::string> table;
  std::ifstream file(TablePath());
  std::string line;
  while (std::getline(file, line)) {
    const std::vector<std::string> cells = absl::StrSplit(line, '\t');
    if (cells.size() >= 2 && cells[0] != "case") table[cells[0]] = cells[1];
  }
  return table;
}

std::vector<OnnxCase> AllCases() {
  std::vector<OnnxCase> all;
  for (const char* kind : kKinds) {
    std::vector<OnnxCase> cases = OnnxCases(kind);
    all.insert(all.end(), cases.begin(), cases.end());
  }
  return all;
}

// Best first.
int Rank(absl::string_view verdict) {
  for (Verdict known : {Verdict::kRight, Verdict::kUnsupported, Verdict::kWrong}) {
    if (verdict == VerdictName(known)) return static_cast<int>(known);
  }
  return static_cast<int>(Verdict::kCrash);
}

bool Updating() { return std::getenv("DSPERSE_UPDATE_ONNX_CASES") != nullptr; }

class OnnxCasesTest : public ::testing::TestWithParam<int> {};

TEST_P(OnnxCasesTest, NoCaseDoesWorseThanInTheTable) {
  const std::vector<OnnxCase> all = AllCases();
  if (all.empty()) GTEST_SKIP() << "no test data at " << DSPERSE_ONNX_TEST_DATA;
  if (Updating()) GTEST_SKIP() << "the table is being written";
  std::vector<OnnxCase> mine;
  for (size_t i = static_cast<size_t>(GetParam()); i < all.size(); i += kShards) {
    mine.push_back(all[i]);
  }
  const std::map<std::string, std::string> table = ReadTable();
  for (const CaseResult& result : RunCases(mine, InterpretCase)) {
    const auto row = table.find(result.name);
    ASSERT_NE(row, table.end()) << result.name << " is missing in the table";
    EXPECT_LE(static_cast<int>(result.verdict), Rank(row->second))
        << result.name << ": " << VerdictName(result.verdict) << ", the table has " << row->second
        << ": " << result.reason;
  }
}

INSTANTIATE_TEST_SUITE_P(Shards, OnnxCasesTest, ::testing::Range(0, kShards));

// What the table must hold, whoever wrote it last.
TEST(OnnxCasesTable, HasNoWrongOne) {
  if (OnnxCases("node").empty()) GTEST_SKIP() << "no test data at " << DSPERSE_ONNX_TEST_DATA;
  std::map<std::string, int> counts;
  std::map<std::string, int> all_counts;
  for (const auto& [name, verdict] : ReadTable()) {
    ++all_counts[verdict];
    if (absl::StartsWith(name, "node/")) ++counts[verdict];
  }
  EXPECT_EQ(counts["right"] + counts["unsupported"], 1615);
  EXPECT_GE(counts["right"], 1490);
  EXPECT_EQ(all_counts["wrong"], 0);
  EXPECT_EQ(all_counts["crash"], 0);
}

TEST(OnnxCasesUpdate, WritesTheTable) {
  if (!Updating()) GTEST_SKIP() << "set DSPERSE_UPDATE_ONNX_CASES to write the table";
  std::ofstream file(TablePath());
  file << "case\tverdict\treason\n";
  std::map<std::string, int> counts;
  for (const CaseResult& result : RunCases(AllCases(), InterpretCase)) {
    ++counts[absl::StrCat(result.name.substr(0, result.name.find('/')), " ",
                          VerdictName(result.verdict))];
    file << result.name << "\t" << VerdictName(result.verdict) << "\t" << result.reason << "\n";
  }
  for (const auto& [what, count] : counts) {
    std::printf("%s: %d\n", what.c_str(), count);
  }
  ASSERT_TRUE(file.good());
}

}  // namespace
}  // namespace dsperse
