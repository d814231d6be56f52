// What a fold does to files: what is not its own stays, what it leaves is whole.
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "bench/models/models.h"
#include "bench/models/write_model.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/parse.h"
#include "tests/support/run_cli.h"
#include "tests/support/temp_dir.h"

namespace dsperse {
namespace {

using ::dsperse::testing::Cli;
using ::dsperse::testing::CliResult;
using ::dsperse::testing::TempDir;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A network of `blocks` blocks in a file of that name; the weights of each are 2.3 KB.
std::string WriteChain(const TempDir& dir, const std::string& name, int64_t blocks) {
  models::ModelOptions options;
  options.blocks = blocks;
  const auto spec = models::BuildModel("conv_bn_relu_chain", options);
  EXPECT_TRUE(spec.ok()) << spec.status();
  const auto status = models::WriteModel(*spec, dir.File(name));
  EXPECT_TRUE(status.ok());
  return dir.File(name);
}

TEST(FoldFiles, DataOfTheReplacedModelIsReplacedWithIt) {
  TempDir dir;
  const std::string in = WriteChain(dir, "in.onnx", 3);
  const std::string out = dir.File("out.onnx");
  ASSERT_EQ(Cli({"fold", in, "-o", out, "--external-data"}).code, 0);
  const std::string model = dir.Read("out.onnx");
  const std::string data = dir.Read("out.onnx.data");
  EXPECT_FALSE(data.empty());
  // Again over the same name, and then on itself.
  for (const std::string& from : {in, out}) {
    const CliResult again = Cli({"fold", from, "-o", out, "--external-data"});
    EXPECT_EQ(again.code, 0) << again.err;
    EXPECT_EQ(dir.Read("out.onnx"), model);
    EXPECT_EQ(dir.Read("out.onnx.data"), data);
  }
  EXPECT_THAT(dir.Names(), ElementsAre("in.onnx", "out.onnx", "out.onnx.data"));
}

TEST(FoldFiles, DataOfAnotherModelIsNotOverwritten) {
  TempDir dir;
  const std::string in = WriteChain(dir, "in.onnx", 3);
  ASSERT_EQ(Cli({"fold", in, "-o", dir.File("b.onnx"), "--external-data"}).code, 0);
  const std::string data = dir.Read("b.onnx.data");
  // a.onnx keeps its weights in what is named like data of b.onnx.
  std::filesystem::rename(dir.File("b.onnx"), dir.File("a.onnx"));
  const std::string model = dir.Read("a.onnx");
  for (const std::string& from : {in, dir.File("a.onnx")}) {
    const CliResult result = Cli({"fold", from, "-o", dir.File("b.onnx"), "--external-data"});
    EXPECT_EQ(result.code, 5) << result.err;
    EXPECT_THAT(result.err, AllOf(HasSubstr("b.onnx.data: is external data of"),
                                  HasSubstr("a.onnx"), HasSubstr("write to another name")));
    EXPECT_EQ(dir.Read("a.onnx"), model);
    EXPECT_EQ(dir.Read("b.onnx.data"), data);
  }
  EXPECT_THAT(dir.Names(), ElementsAre("a.onnx", "b.onnx.data", "in.onnx"));
  // In one file there is nothing to collide with.
  EXPECT_EQ(Cli({"fold", dir.File("a.onnx"), "-o", dir.File("b.onnx")}).code, 0);
  EXPECT_EQ(dir.Read("b.onnx.data"), data);
}

TEST(FoldFiles, DataInAFolderBelowTheModelIsNotOverwritten) {
  TempDir dir;
  const std::string in = WriteChain(dir, "in.onnx", 3);
  std::filesystem::create_directory(dir.File("sub"));
  ASSERT_EQ(Cli({"fold", in, "-o", dir.File("sub_b.onnx"), "--external-data"}).code, 0);
  // The location is as long as the name, so the model's bytes can be changed in place.
  std::string model = dir.Read("sub_b.onnx");
  for (size_t at = 0; (at = model.find("sub_b.onnx.data", at)) != std::string::npos;)
    model[at + 3] = '/';
  const std::string above = dir.Write("above.onnx", model);
  std::filesystem::rename(dir.File("sub_b.onnx.data"), dir.File("sub/b.onnx.data"));
  const std::string data = dir.Read("sub/b.onnx.data");
  ASSERT_EQ(Cli({"inspect", above}).code, 0);
  const CliResult result = Cli({"fold", above, "-o", dir.File("sub/b.onnx"), "--external-data"});
  EXPECT_EQ(result.code, 5) << result.err;
  EXPECT_THAT(result.err, HasSubstr("is external data of the model that is read"));
  EXPECT_EQ(dir.Read("sub/b.onnx.data"), data);
}

// A model whose weights are in in.onnx.data beside it.
std::string WriteModelWithData(const TempDir& dir) {
  const std::string chain = WriteChain(dir, "chain.onnx", 3);
  const std::string in = dir.File("in.onnx");
  EXPECT_EQ(Cli({"fold", chain, "-o", in, "--external-data"}).code, 0);
  std::filesystem::remove(chain);
  return in;
}

TEST(OutputPaths, NoFlagOverwritesWhatTheModelReads) {
  TempDir dir;
  const std::string in = WriteModelWithData(dir);
  const std::string data = dir.File("in.onnx.data");
  std::filesystem::create_symlink(data, dir.File("link"));
  std::filesystem::create_hard_link(data, dir.File("other_name"));
  const std::string out = dir.File("out.onnx");
  const std::string model_bytes = dir.Read("in.onnx");
  const std::string data_bytes = dir.Read("in.onnx.data");
  const std::vector<std::string> names = dir.Names();
  const std::vector<std::vector<std::string>> wrong = {
      {"fold", in, "-o", data},
      {"fold", in, "-o", dir.File("link")},
      {"fold", in, "-o", out, "--report", data},
      {"fold", in, "-o", out, "--report", dir.File("./in.onnx.data")},
      {"fold", in, "-o", out, "--report", dir.File("link")},
      {"fold", in, "-o", out, "--report", dir.File("other_name")},
      {"fold", in, "-o", out, "--receipt", data},
      {"report", in, "-o", data},
      {"report", in, "-o", dir.File("link"), "--format", "json"},
  };
  for (const std::vector<std::string>& arguments : wrong) {
    const CliResult result = Cli(arguments);
    EXPECT_EQ(result.code, 2) << absl::StrJoin(arguments, " ") << "\n" << result.err;
    EXPECT_THAT(result.err, HasSubstr(": is external data of the model that is read"));
    EXPECT_EQ(result.out, "");
  }
  EXPECT_EQ(dir.Names(), names);
  EXPECT_EQ(dir.Read("in.onnx"), model_bytes);
  EXPECT_EQ(dir.Read("in.onnx.data"), data_bytes);
}

TEST(OutputPaths, OutputsAreFilesOfTheirOwn) {
  TempDir dir;
  const std::string in = WriteModelWithData(dir);
  const std::string out = dir.File("out.onnx");
  const std::vector<std::vector<std::string>> wrong = {
      {"fold", in, "-o", out, "--report", in},
      {"fold", in, "-o", out, "--report", out},
      {"fold", in, "-o", out, "--receipt", absl::StrCat(out, ".data")},
      {"fold", in, "-o", out, "--report", dir.File("r"), "--receipt", dir.File("./r")},
      {"report", in, "-o", in},
  };
  for (const std::vector<std::string>& arguments : wrong) {
    const CliResult result = Cli(arguments);
    EXPECT_EQ(result.code, 2) << absl::StrJoin(arguments, " ") << "\n" << result.err;
    EXPECT_EQ(result.out, "");
  }
  EXPECT_THAT(dir.Names(), ElementsAre("in.onnx", "in.onnx.data"));
}

TEST(OutputPaths, ASlicesDirectoryIsNotReplacedByThatOfItsOwnModel) {
  TempDir dir;
  const std::string slices = dir.File("slices");
  ASSERT_EQ(Cli({"slice", WriteChain(dir, "in.onnx", 2), "-o", slices}).code, 0);
  const std::string model = dir.Read("slices/model.onnx");
  for (const char* name : {"slices/model.onnx", "slices/slice_0/payload/slice_0.onnx"}) {
    const CliResult result = Cli({"slice", dir.File(name), "-o", slices, "--force"});
    EXPECT_EQ(result.code, 2) << result.err;
    EXPECT_THAT(result.err, HasSubstr("holds the model itself"));
    EXPECT_EQ(Cli({"slice", dir.File(name), "-o", slices, "--dry-run"}).code, 0);
  }
  EXPECT_EQ(dir.Read("slices/model.onnx"), model);
  EXPECT_EQ(Cli({"slice", dir.File("slices/model.onnx"), "-o", dir.File("again")}).code, 0);
}

TEST(FoldFiles, AKilledRunLeavesTheOldFileOrTheNewOneAndNoTemporary) {
  TempDir dir;
  const std::string in = WriteChain(dir, "in.onnx", 2000);
  const std::string out = dir.File("out.onnx");
  ASSERT_EQ(Cli({"fold", in, "-o", out}).code, 0);
  const std::string folded = dir.Read("out.onnx");
  int killed = 0;
  for (int round = 0; round < 24; ++round) {
    dir.Write("out.onnx", "old");
    const int signal = round % 3 == 0 ? SIGINT : round % 3 == 1 ? SIGTERM : SIGKILL;
    const pid_t child = fork();
    if (child == 0) {
      InstallSignalHandlers();
      _exit(Cli({"fold", in, "-o", out}).code);
    }
    ASSERT_GT(child, 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(4 * round));
    kill(child, signal);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    const bool done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    killed += !done;
    if (WIFEXITED(status) && !done) {
      EXPECT_EQ(WEXITSTATUS(status), 128 + signal);
    }
    const std::string left = dir.Read("out.onnx");
    EXPECT_TRUE(left == folded || (!done && left == "old")) << "round " << round;
    if (signal != SIGKILL) {
      EXPECT_THAT(dir.Names(), ElementsAre("in.onnx", "out.onnx"));
    }
    for (const std::string& name : dir.Names()) {
      if (name != "in.onnx" && name != "out.onnx") std::filesystem::remove(dir.File(name));
    }
  }
  EXPECT_GT(killed, 0);
  EXPECT_EQ(Cli({"fold", in, "-o", out}).code, 0);
  EXPECT_EQ(dir.Read("out.onnx"), folded);
}

TEST(FoldFiles, AnInputThatShrinksOrChangesMeanwhileIsAnError) {
  TempDir dir;
  const std::string in = WriteChain(dir, "in.onnx", 2000);
  const std::string bytes = dir.Read("in.onnx");
  const std::string out = dir.File("out.onnx");
  ASSERT_EQ(Cli({"fold", in, "-o", out}).code, 0);
  const std::string folded = dir.Read("out.onnx");
  int refused = 0;
  for (int round = 0; round < 12; ++round) {
    dir.Write("in.onnx", bytes);
    dir.Write("out.onnx", "old");
    int code = -1;
    std::thread fold([&] { code = Cli({"fold", in, "-o", out}).code; });
    std::this_thread::sleep_for(std::chrono::milliseconds(3 * round));
    if (round % 2 == 0) {
      std::filesystem::resize_file(in, bytes.size() / 2);
    } else {
      dir.Write("in.onnx", bytes);  // the same bytes, but not the same file that was opened
    }
    fold.join();
    const std::string left = dir.Read("out.onnx");
    if (code == 0) {
      EXPECT_TRUE(left == folded) << "round " << round;
    } else {
      ++refused;
      EXPECT_TRUE(code == 3 || code == 5) << code;
      EXPECT_EQ(left, "old") << "round " << round;
    }
    EXPECT_THAT(dir.Names(), ElementsAre("in.onnx", "out.onnx"));
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace dsperse
