// Disks that are full or read-only, targets that are no files, descriptors that run out, two runs at once: an
// error in one line; what was there stays, nothing else is left; and the next run works.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/models/models.h"
#include "bench/models/write_model.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/hostile/child.h"
#include "tests/support/sanitized.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace dsperse {
namespace {

namespace fs = std::filesystem;
using ::dsperse::testing::ChildResult;
using ::dsperse::testing::Cli;
using ::dsperse::testing::CliInChild;
using ::dsperse::testing::CliResult;
using ::dsperse::testing::ReadAll;
using ::dsperse::testing::TempDir;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

using Tree = std::map<std::string, std::string>;

// Content of every file below `path`; folders end in "/" and have none.
Tree TreeOf(const std::string& path) {
  Tree out;
  for (const auto& entry : fs::recursive_directory_iterator(path)) {
    const std::string name = fs::relative(entry.path(), path).string();
    if (entry.is_directory()) {
      out[name + "/"];
    } else {
      out[name] = ReadAll(entry.path().string());
    }
  }
  return out;
}

void ExpectOneLine(const std::string& err) {
  EXPECT_THAT(err, Not(HasSubstr("this is a bug")));
  EXPECT_THAT(err, HasSubstr("error"));
}

// The steps of a run that write: each name is followed by what the command line gets, with out/ for the folder.
struct Command {
  const char* name;
  std::vector<std::string> arguments;  // the target is "OUT/…", the model "IN"
};

const std::vector<Command>& Commands() {
  static const auto& commands = *new std::vector<Command>{
      {"fold", {"fold", "IN", "-o", "OUT/m.onnx"}},
      {"fold with external data and accounts",
       {"fold", "IN", "-o", "OUT/m.onnx", "--external-data", "--report", "OUT/report.json", "--receipt",
        "OUT/receipt.json"}},
      {"slice", {"slice", "IN", "-o", "OUT/slices", "--policy", "layer"}},
      {"report", {"report", "IN", "--format", "html", "-o", "OUT/page.html"}},
  };
  return commands;
}

class HostileFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    models::ModelOptions options;
    options.blocks = 3;
    const auto spec = models::BuildModel("conv_bn_relu_chain", options);
    ASSERT_TRUE(spec.ok()) << spec.status();
    ASSERT_TRUE(models::WriteModel(*spec, dir_.File("in.onnx")).ok());
    fs::create_directory(out());
  }
  std::string out() const { return dir_.File("out"); }
  void EmptyOut() const {
    fs::remove_all(out());
    fs::create_directory(out());
  }
  std::vector<std::string> With(const Command& command, const std::string& folder = "") const {
    std::vector<std::string> arguments = command.arguments;
    for (std::string& argument : arguments) {
      if (argument == "IN") argument = dir_.File("in.onnx");
      if (argument.rfind("OUT", 0) == 0) argument = (folder.empty() ? out() : folder) + argument.substr(3);
    }
    return arguments;
  }

  TempDir dir_;
};

// ---- a disk that is full ----

// Gives this process a file system of its own at `path`. False where the system doesn't let it.
bool MountSmall(const std::string& path, const std::string& options) {
  const std::string uids = absl::StrCat("0 ", getuid(), " 1"), gids = absl::StrCat("0 ", getgid(), " 1");
  if (unshare(CLONE_NEWNS) != 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    for (const auto& [file, text] :
         {std::pair<const char*, std::string>{"/proc/self/setgroups", "deny"}, {"/proc/self/uid_map", uids},
          {"/proc/self/gid_map", gids}}) {
      const int fd = open(file, O_WRONLY);
      if (fd < 0 || write(fd, text.data(), text.size()) < 0) return false;
      close(fd);
    }
  }
  return mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount("tmpfs", path.c_str(), "tmpfs", 0, options.c_str()) == 0;
}

// Runs the command where the disk has that room only: it works, or fails and leaves nothing but what is whole (of
// several files, those before the one that failed), as in `complete`. True if it worked; `*possible` is false
// where no such disk can be had.
bool RunOnSmallDisk(const std::vector<std::string>& arguments, const std::string& folder, const std::string& options,
                    const Tree& complete, bool* possible) {
  int ends[2];
  if (pipe(ends) != 0) return *possible = false;
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    std::string said;
    int code = 99;
    if (MountSmall(folder, options)) {
      std::ofstream(folder + "/old") << "stays";
      const CliResult result = Cli(arguments);
      code = result.code;
      said = absl::StrCat(result.err, "\n");
      if (result.code != 0) {
        for (const auto& [name, content] : TreeOf(folder)) {
          const auto whole = complete.find(name);
          if (name != "old" && (whole == complete.end() || whole->second != content)) {
            absl::StrAppend(&said, "LEFT ", name, "\n");
          }
        }
      }
      if (ReadAll(folder + "/old") != "stays") absl::StrAppend(&said, "LOST old\n");
    }
    (void)!write(ends[1], said.data(), said.size());
    _exit(code);
  }
  close(ends[1]);
  std::string said;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) said.append(buffer, static_cast<size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  const int code = WEXITSTATUS(status);
  *possible = code != 99;
  if (!*possible) return false;
  EXPECT_THAT(code, AnyOf(0, 5)) << said;
  EXPECT_THAT(said, Not(HasSubstr("LEFT"))) << options;
  EXPECT_THAT(said, Not(HasSubstr("LOST"))) << options;
  if (code != 0) {
    EXPECT_THAT(said, HasSubstr("No space left on device"));
  }
  return code == 0;
}

TEST_F(HostileFiles, AFullDiskAtEveryWrite) {
  for (const Command& command : Commands()) {
    SCOPED_TRACE(command.name);
    Tree complete;
    if (command.arguments[0] == std::string("fold")) {
      ASSERT_EQ(Cli(With(command)).code, 0);
      complete = TreeOf(out());
      EmptyOut();
    }
    bool possible = true;
    int failed = 0, pages = 1;
    for (bool done = false; !done && possible && pages < 2000; ++pages) {
      done = RunOnSmallDisk(With(command), out(), absl::StrCat("size=", pages * 4096), complete, &possible);
      if (possible) failed += !done;
    }
    if (!possible) GTEST_SKIP() << "no file system can be mounted here";
    EXPECT_GT(failed, 0);
    EXPECT_LT(pages, 2000);
    // And one that has room, but for no more files.
    failed = 0;
    int files = 2;
    for (bool done = false; !done && files < 100; ++files) {
      done = RunOnSmallDisk(With(command), out(), absl::StrCat("size=16m,nr_inodes=", files), complete,
                            &possible);
      failed += !done;
    }
    EXPECT_GT(failed, 0);
    EXPECT_LT(files, 100);
  }
}

// The same by a limit that needs no rights, though one for each file.
TEST_F(HostileFiles, AFileThatMayNotGrow) {
  for (const Command& command : Commands()) {
    SCOPED_TRACE(command.name);
    int failed = 0;
    ASSERT_EQ(Cli(With(command)).code, 0);
    const Tree complete = TreeOf(out());
    for (rlim_t size = 0;; size = size * 5 / 4 + 512) {
      const ChildResult result = CliInChild(With(command), [&] {
        const rlimit limit = {size, size};
        return setrlimit(RLIMIT_FSIZE, &limit) == 0;
      });
      ASSERT_TRUE(result.prepared);
      if (result.code == 0) break;
      ++failed;
      ASSERT_EQ(result.code, 5) << size << ": " << result.err;
      ExpectOneLine(result.err);
      // All that is there is whole, and the old or the new: the same here.
      for (const auto& [name, content] : TreeOf(out())) {
        ASSERT_EQ(complete.count(name), 1u) << size << ": " << name;
        if (name != "report.json") {
          ASSERT_EQ(content, complete.at(name)) << size << ": " << name;
        }
      }
      ASSERT_EQ(TreeOf(out()).size(), complete.size());
    }
    EXPECT_GT(failed, 2);
    EmptyOut();
  }
}

// ---- a target that can't be written ----

TEST_F(HostileFiles, ATargetThatIsAFolder) {
  fs::create_directories(out() + "/m.onnx/inside");
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"fold", dir_.File("in.onnx"), "-o", out() + "/m.onnx"},
        std::vector<std::string>{"fold", dir_.File("in.onnx"), "-o", out() + "/f.onnx", "--report", out() + "/m.onnx"}}) {
    const CliResult result = Cli(arguments);
    EXPECT_EQ(result.code, 5) << result.err;
    EXPECT_THAT(result.err, HasSubstr("is a directory"));
    EXPECT_TRUE(fs::is_directory(out() + "/m.onnx/inside"));
  }
  // A folder that holds something else is no slices directory, and a file is none either.
  for (const auto& [name, code] : {std::pair("out/m.onnx", 5), std::pair("in.onnx", 2)}) {
    const CliResult result = Cli({"slice", dir_.File("in.onnx"), "-o", dir_.File(name)});
    EXPECT_EQ(result.code, code) << result.err;
    EXPECT_TRUE(fs::exists(dir_.File(name)));
  }
  EXPECT_TRUE(fs::is_directory(out() + "/m.onnx/inside"));
  EXPECT_THAT(dir_.Names(), ElementsAre("in.onnx", "out"));
}

TEST_F(HostileFiles, ATargetThatIsTheModel) {
  const std::string model = ReadAll(dir_.File("in.onnx"));
  fs::create_symlink("../in.onnx", out() + "/link");
  for (const std::string& target : {dir_.File("in.onnx"), out() + "/../in.onnx", out() + "/link"}) {
    const CliResult result = Cli({"report", dir_.File("in.onnx"), "-o", target});
    EXPECT_EQ(result.code, 2) << result.err;
    EXPECT_THAT(result.err, HasSubstr("is the model itself"));
    EXPECT_TRUE(ReadAll(dir_.File("in.onnx")) == model);
  }
}

// Without the rights of root, which may write everywhere.
bool BeNobody() {
  if (geteuid() != 0) return true;
  constexpr uid_t kNobody = 65534;
  return setgid(kNobody) == 0 && setuid(kNobody) == 0;
}

TEST_F(HostileFiles, AFolderThatIsReadOnly) {
  ASSERT_EQ(chmod(dir_.path().c_str(), 0755), 0);
  ASSERT_EQ(chmod(out().c_str(), 0555), 0);
  for (const Command& command : Commands()) {
    SCOPED_TRACE(command.name);
    const ChildResult result = CliInChild(With(command), BeNobody);
    if (!result.prepared) GTEST_SKIP() << "rights can't be given up here";
    EXPECT_EQ(result.code, 5) << result.err;
    EXPECT_THAT(result.err, HasSubstr("Permission denied"));
    EXPECT_TRUE(TreeOf(out()).empty());
  }
  ASSERT_EQ(chmod(out().c_str(), 0755), 0);
}

TEST_F(HostileFiles, AFolderThatIsNotThere) {
  const std::string missing = dir_.File("missing");
  for (const Command& command : Commands()) {
    if (command.arguments[0] != std::string("fold")) continue;  // others make it
    SCOPED_TRACE(command.name);
    const CliResult result = Cli(With(command, missing));
    EXPECT_EQ(result.code, 5) << result.err;
    EXPECT_THAT(result.err, HasSubstr("No such file or directory"));
    EXPECT_FALSE(fs::exists(missing));
  }
}

// ---- no more descriptors ----

TEST_F(HostileFiles, DescriptorsRunOut) {
  // To look at an object UndefinedBehaviorSanitizer opens a pipe, and takes the object for broken where it can't.
  if (testing::kSanitized) GTEST_SKIP() << "the sanitizers need descriptors of their own";
  for (const Command& command : Commands()) {
    SCOPED_TRACE(command.name);
    ASSERT_EQ(Cli(With(command)).code, 0);
    const Tree complete = TreeOf(out());
    int failed = 0;
    for (rlim_t most = 3;; ++most) {
      const ChildResult result = CliInChild(With(command), [&] {
        const rlimit limit = {most, most};
        return setrlimit(RLIMIT_NOFILE, &limit) == 0;
      });
      ASSERT_TRUE(result.prepared);
      if (result.code == 0) break;
      ++failed;
      ASSERT_THAT(result.code, AnyOf(3, 5)) << most << ": " << result.err;
      ExpectOneLine(result.err);
      for (const auto& [name, content] : TreeOf(out())) {
        ASSERT_EQ(complete.count(name), 1u) << most << ": " << name << ", " << result.err;
        if (name != "report.json") {
          ASSERT_EQ(content, complete.at(name)) << most << ": " << name;
        }
      }
      ASSERT_LT(most, 64u);
    }
    EXPECT_GT(failed, 0);
    EmptyOut();
  }
}

// ---- two at once ----

TEST_F(HostileFiles, TwoFoldsAtOnceLeaveOneOfTheirFiles) {
  const std::string target = out() + "/m.onnx";
  const std::vector<std::vector<std::string>> runs = {
      {"fold", dir_.File("in.onnx"), "-o", target},
      {"fold", dir_.File("in.onnx"), "-o", target, "--passes", "none"},
  };
  std::vector<std::string> results;
  for (const auto& run : runs) {
    ASSERT_EQ(Cli(run).code, 0);
    results.push_back(ReadAll(target));
  }
  ASSERT_NE(results[0], results[1]);
  for (int trial = 0; trial < 20; ++trial) {
    pid_t children[2];
    for (size_t i = 0; i < 2; ++i) {
      children[i] = fork();
      if (children[i] == 0) _exit(Cli(runs[i]).code);
    }
    for (const pid_t child : children) {
      int status = 0;
      waitpid(child, &status, 0);
      EXPECT_EQ(status, 0);
    }
    EXPECT_THAT(ReadAll(target), AnyOf(results[0], results[1]));
    EXPECT_THAT(TreeOf(out()).size(), 1u);
  }
}

}  // namespace
}  // namespace dsperse
