#include <fstream>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/run_cli.h"

namespace dsperse {
namespace {

using ::dsperse::testing::Cli;
using ::testing::HasSubstr;

TEST(OpsCommand, ListsTheTable) {
  EXPECT_THAT(Cli({"ops"}).out, HasSubstr("Transpose"));
  const auto json = nlohmann::ordered_json::parse(Cli({"ops", "--json"}).out);
  bool found = false;
  for (const auto& row : json) {
    if (row["operator"] != "Transpose") continue;
    found = true;
    EXPECT_EQ(row["domain"], "");
    EXPECT_EQ(row["evaluated"], true);
    EXPECT_EQ(row["folds"], true);
    EXPECT_EQ(row["moves_data"], true);
    EXPECT_TRUE(row["until"].is_null());
  }
  EXPECT_TRUE(found);
  EXPECT_THAT(Cli({"ops", "--markdown"}).out, HasSubstr("| Transpose | 1+ | yes | yes | moves data |"));
  EXPECT_EQ(Cli({"ops", "--markdown", "--json"}).code, 2);
}

TEST(OpsCommand, TheDocumentIsUpToDate) {
  std::ifstream file(std::string(DSPERSE_TESTS_DIR) + "/../docs/ops.md");
  std::ostringstream document;
  document << file.rdbuf();
  EXPECT_EQ(document.str(), Cli({"ops", "--markdown"}).out)
      << "to write it: dsperse-slice ops --markdown > docs/ops.md";
}

}  // namespace
}  // namespace dsperse
