// Real models with seeded damage, through all the stages: an error of the four kinds that a file can cause, or a
// result that ONNX's checker takes if it took the input. In bounded time and memory.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "circuit_estimate/estimate_graph.h"
#include "fold/fold_model.h"
#include "fold/ir/model_file.h"
#include "fold/ir/status_macros.h"
#include "gtest/gtest.h"
#include "onnx/checker.h"
#include "onnx/onnx_pb.h"
#include "slicer/prepare.h"
#include "tests/hostile/mutate.h"
#include "tests/support/sanitized.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace dsperse {
namespace {

namespace fs = std::filesystem;
using ::dsperse::testing::kSanitized;
using ::dsperse::testing::Mutator;
using ::dsperse::testing::ReadAll;
using ::dsperse::testing::TempDir;

constexpr int64_t kMemory = int64_t{512} << 20;  // beyond the size of the file
constexpr double kMostSeconds = 2;               // of processor time, for one mutation

// Of this process, whatever else the machine does.
double CpuSeconds() {
  timespec now = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

int64_t PeakBytes() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} << 10;
}

// Nothing, or what ONNX's checker says of the model.
std::string CheckerSays(const std::string& bytes) {
  onnx::ModelProto model;
  if (!model.ParseFromString(bytes)) return "cannot be parsed";
  try {
    onnx::checker::check_model(model);
  } catch (const std::exception& e) {
    return absl::StrCat("refused: ", e.what());
  }
  return "";
}

class MutationTest : public ::testing::TestWithParam<std::string> {
 protected:
  // True if `status` is ok; an error must be one that a file may cause.
  static bool Accepted(const char* stage, const absl::Status& status) {
    if (status.ok()) return true;
    EXPECT_TRUE(absl::IsInvalidArgument(status) || absl::IsDataLoss(status) || absl::IsUnimplemented(status) ||
                absl::IsResourceExhausted(status))
        << stage << ": " << status;
    EXPECT_LT(status.message().size(), 2000u) << stage << ": " << status;
    return false;
  }

  static constexpr char kOutOfRange[] = "out of range";

  // How far it came.
  std::string Run(const std::string& bytes, bool written_out) {
    LoadOptions load;
    load.max_memory = static_cast<int64_t>(bytes.size()) + kMemory;
    absl::StatusOr<LoadedModel> model = LoadModelFromBytes(bytes, "mutated", load);
    if (!Accepted("load", model.status())) return "not loaded";
    EXPECT_TRUE(model->graph.Verify().ok()) << model->graph.Verify();
    const bool valid = CheckerSays(bytes).empty();

    const Backend& backend = *AllBackends()[0];
    {
      Facts facts(&model->graph);
      (void)Accepted("estimate", EstimateGraph(model->graph, facts, backend, Parameters(backend.parameters())).status());
    }
    absl::StatusOr<std::string> folded = Fold(bytes, load, /*check_weights=*/false);
    // A product that isn't finite shows when it is written; the command line folds anew with an eye on the weights.
    if (absl::IsOutOfRange(folded.status())) folded = Fold(bytes, load, /*check_weights=*/true);
    if (!Accepted("fold", folded.status())) return "not folded";
    if (valid) {
      EXPECT_EQ(CheckerSays(*folded), "");
    }

    const std::string sliced = Slice(bytes, load, /*check_weights=*/false, written_out, valid);
    return sliced == kOutOfRange ? Slice(bytes, load, /*check_weights=*/true, written_out, valid) : sliced;
  }

  static absl::StatusOr<std::string> Fold(const std::string& bytes, const LoadOptions& load, bool check_weights) {
    DSPERSE_ASSIGN_OR_RETURN(LoadedModel model, LoadModelFromBytes(bytes, "mutated", load));
    FoldOptions options;
    options.verify_each = true;
    options.pass_options.check_weights = check_weights;
    DSPERSE_RETURN_IF_ERROR(FoldModel(model.graph, options).status());
    return SaveModelToBytes(model.graph);
  }

  // How far it came; kOutOfRange where it is to be done again with an eye on the weights.
  static std::string Slice(const std::string& bytes, const LoadOptions& load, bool check_weights, bool written_out,
                           bool valid) {
    absl::StatusOr<LoadedModel> model = LoadModelFromBytes(bytes, "mutated", load);
    if (!Accepted("load again", model.status())) return "loaded only once";
    PrepareOptions options;
    options.fold_options.pass_options.check_weights = check_weights;
    const absl::StatusOr<Prepared> prepared = Prepare(std::move(model->graph), options);
    if (!Accepted("prepare", prepared.status())) return "not sliced";
    if (!Accepted("account", SlicesAccount(*prepared).status())) return "not accounted for";
    if (!written_out) return "planned";
    TempDir dir;
    const absl::StatusOr<WrittenDirectory> written = WriteSlices(*prepared, dir.File("slices"));
    if (!written.ok()) {
      EXPECT_TRUE(dir.Names().empty()) << dir.Names()[0];
    }
    if (!check_weights && absl::IsOutOfRange(written.status())) return kOutOfRange;
    if (!Accepted("write", written.status())) return "not written";
    for (const std::string& name : written->files) {
      if (valid && fs::path(name).extension() == ".onnx") {
        EXPECT_EQ(CheckerSays(dir.Read("slices/" + name)), "") << name;
      }
    }
    return "written";
  }

  void RunAll(uint64_t count) {
    const fs::path path(GetParam());
    if (path.empty()) GTEST_SKIP() << "no models in " << DSPERSE_SHARED_DIR << "/corpus";
    const Mutator mutator(ReadAll(path.string()));
    ASSERT_GT(mutator.num_fields(), 10u);
    const bool written_out = path.parent_path().filename() == "zk";
    const std::string whole = Run(mutator.original(), written_out);
    const int64_t peak = PeakBytes();
    std::map<std::string, int> outcomes;
    double slowest = 0;
    uint64_t slowest_seed = 0;
    for (uint64_t seed = 0; seed < count && !HasFailure(); ++seed) {
      SCOPED_TRACE(absl::StrCat(path.filename().string(), ", seed ", seed));
      const std::string mutated = mutator.Mutate(seed);
      std::string outcome;
      const auto run = [&] {
        const double start = CpuSeconds();
        outcome = Run(mutated, written_out);
        return CpuSeconds() - start;
      };
      double seconds = run();
      // What shares the machine makes processor time longer too, but not each time: what is slow stays slow.
      for (int again = 0; again < 4 && seconds >= kMostSeconds && !kSanitized; ++again) seconds = std::min(seconds, run());
      ++outcomes[outcome];
      if (seconds > slowest) {
        slowest = seconds;
        slowest_seed = seed;
      }
      if (!kSanitized) {
        EXPECT_LT(seconds, kMostSeconds);
      }
    }
    for (const auto& [outcome, times] : outcomes) RecordProperty(outcome, times);
    std::printf("%s: whole: %s; mutated:", path.filename().c_str(), whole.c_str());
    for (const auto& [outcome, times] : outcomes) std::printf(" %d %s,", times, outcome.c_str());
    std::printf(" slowest %.2f s (seed %llu), memory +%lld MiB\n", slowest, static_cast<unsigned long long>(slowest_seed),
                static_cast<long long>((PeakBytes() - peak) >> 20));
    EXPECT_GT(outcomes["not loaded"], 0);
    EXPECT_GT(outcomes.size(), 1u);
    if (!kSanitized) {
      EXPECT_LT(PeakBytes() - peak, kMemory);
    }
  }
};

// Sanitizers are some six times as slow, and the fuzzers run under them too.
TEST_P(MutationTest, IsRefusedOrWorks) { RunAll(kSanitized ? 15 : 50); }
TEST_P(MutationTest, IsRefusedOrWorksFullRun) { RunAll(2000); }

std::vector<std::string> Corpus() {
  std::vector<std::string> out;
  std::error_code error;
  for (const char* folder : {"zk", "light"}) {
    for (const auto& entry : fs::directory_iterator(absl::StrCat(DSPERSE_SHARED_DIR, "/corpus/", folder), error)) {
      if (entry.path().extension() == ".onnx") out.push_back(entry.path().string());
    }
  }
  std::sort(out.begin(), out.end());
  if (out.empty()) out.emplace_back();
  return out;
}

INSTANTIATE_TEST_SUITE_P(Corpus, MutationTest, ::testing::ValuesIn(Corpus()), [](const auto& file) {
  return file.param.empty() ? "Missing" : fs::path(file.param).stem().string();
});

}  // namespace
}  // namespace dsperse
