// What --help says can be done as it says.
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/run_cli.h"

namespace dsperse {
namespace {

using ::dsperse::testing::Cli;
using ::testing::HasSubstr;

const char* const kCommands[] = {"fold",   "estimate", "inspect",        "ops",   "passes",
                                 "verify", "slice",    "verify-receipt", "report"};

TEST(Help, ExamplesAreCommands) {
  for (const char* command : kCommands) {
    const std::string help = Cli({command, "--help"}).out;
    int examples = 0;
    for (absl::string_view line : absl::StrSplit(help, '\n')) {
      if (!absl::StartsWith(line, "  dsperse-slice ")) continue;
      ++examples;
      std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
      words.erase(words.begin());
      for (std::string& word : words) {  // files that are not there, so that nothing is done
        if (absl::EndsWith(word, ".onnx") || word == "model" || word == "slices") word = "/nowhere/" + word;
      }
      // Done (nothing to read), or no such input: the words were understood.
      EXPECT_THAT(Cli(words).code, ::testing::AnyOf(0, 3)) << line << "\n" << Cli(words).err;
    }
    EXPECT_GT(examples, 0) << command;
  }
}

TEST(Help, UsageCanBeTyped) {
  for (const char* command : kCommands) {
    EXPECT_THAT(Cli({command, "--help"}).out, HasSubstr(absl::StrCat("Usage: dsperse-slice ", command, " [OPTIONS]")));
  }
  EXPECT_THAT(Cli({"fold", "--help"}).out, HasSubstr("[OPTIONS] IN.onnx\n"));
}

}  // namespace
}  // namespace dsperse
