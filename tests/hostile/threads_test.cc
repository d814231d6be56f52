// Eight threads, each with models of its own: what each makes is what one thread alone makes. Under ThreadSanitizer
// without a report.
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/models/models.h"
#include "bench/models/write_model.h"
#include "circuit_estimate/estimate_graph.h"
#include "circuit_estimate/report.h"
#include "fold/fold_model.h"
#include "fold/ir/model_file.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "slicer/prepare.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
// Debian's protobuf is not instrumented: that it makes this object once, behind a guard of the language, is not seen.
extern "C" const char* __tsan_default_suppressions();  // NOLINT: the runtime's name
extern "C" const char* __tsan_default_suppressions() {
  return "race:google::protobuf::UnknownFieldSet::default_instance\n";
}
#endif
#endif

namespace dsperse {
namespace {

using ::dsperse::testing::ReadAll;
using ::dsperse::testing::TempDir;

constexpr int kThreads = 8;

// All stages, files included; every byte that comes out, or an error's text.
std::string RunStages(const std::string& model, const TempDir& dir, const std::string& name) {
  std::string out;
  const auto failed = [&](const char* stage, const absl::Status& status) {
    if (!status.ok()) absl::StrAppend(&out, stage, ": ", status.ToString(), "\n");
    return !status.ok();
  };
  absl::StatusOr<LoadedModel> loaded = LoadModel(model);
  if (failed("load", loaded.status())) return out;
  for (const Backend* backend : AllBackends()) {
    Facts facts(&loaded->graph);
    const auto estimate = EstimateGraph(loaded->graph, facts, *backend, Parameters(backend->parameters()));
    if (!failed("estimate", estimate.status())) absl::StrAppend(&out, ToJson(*estimate, EstimateRows::kNodes).dump());
  }
  if (failed("fold", FoldModel(loaded->graph).status())) return out;
  const std::string folded = dir.File(absl::StrCat(name, ".folded.onnx"));
  if (failed("save", SaveModel(loaded->graph, folded).status())) return out;
  out += ReadAll(folded);

  absl::StatusOr<LoadedModel> again = LoadModel(folded);
  if (failed("load again", again.status())) return out;
  const absl::StatusOr<Prepared> prepared = Prepare(std::move(again->graph));
  if (failed("prepare", prepared.status())) return out;
  const std::string slices = absl::StrCat(name, ".slices");
  const auto written = WriteSlices(*prepared, dir.File(slices));
  if (failed("write", written.status())) return out;
  for (const std::string& file : written->files) out += ReadAll(dir.File(absl::StrCat(slices, "/", file)));
  return out;
}

TEST(HostileThreads, EightAtOnceMakeWhatOneMakes) {
  const TempDir dir;
  const std::vector<std::pair<const char*, int64_t>> kinds = {
      {"conv_bn_relu_chain", 3}, {"conv1d_net", 0}, {"transformer_block", 0}, {"resnet18", 0}};
  std::vector<std::string> files;
  for (size_t i = 0; i < kThreads; ++i) {
    const auto& [name, blocks] = kinds[i % kinds.size()];
    models::ModelOptions options;
    options.seed = i + 1;
    if (blocks > 0) options.blocks = blocks + static_cast<int64_t>(i);
    if (name == absl::string_view("resnet18")) options.width = 0.125;
    const auto spec = models::BuildModel(name, options);
    ASSERT_TRUE(spec.ok()) << spec.status();
    files.push_back(dir.File(absl::StrCat(i, ".onnx")));
    ASSERT_TRUE(models::WriteModel(*spec, files.back()).ok());
  }
  // The threads first: what is made only once in a process is made while all want it.
  std::vector<std::string> together(kThreads);
  {
    std::vector<std::thread> threads;
    for (size_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] { together[i] = RunStages(files[i], dir, absl::StrCat("a", i)); });
    }
    for (std::thread& thread : threads) thread.join();
  }
  for (size_t i = 0; i < kThreads; ++i) {
    EXPECT_GT(together[i].size(), 2000u) << together[i];
    // Strings as long as models make no readable message.
    EXPECT_TRUE(together[i] == RunStages(files[i], dir, absl::StrCat("b", i))) << files[i];
  }
}

// One graph, read by many: estimates, plans' prices and saving don't change it.
TEST(HostileThreads, OneModelSavedByAll) {
  const TempDir dir;
  models::ModelOptions options;
  options.blocks = 8;
  const auto spec = models::BuildModel("conv_bn_relu_chain", options);
  ASSERT_TRUE(spec.ok()) << spec.status();
  ASSERT_TRUE(models::WriteModel(*spec, dir.File("m.onnx")).ok());
  absl::StatusOr<LoadedModel> loaded = LoadModel(dir.File("m.onnx"));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ASSERT_TRUE(FoldModel(loaded->graph).ok());
  std::vector<std::string> saved(kThreads);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const absl::StatusOr<std::string> bytes = SaveModelToBytes(loaded->graph);
      saved[i] = bytes.ok() ? *bytes : bytes.status().ToString();
    });
  }
  for (std::thread& thread : threads) thread.join();
  const absl::StatusOr<std::string> alone = SaveModelToBytes(loaded->graph);
  ASSERT_TRUE(alone.ok()) << alone.status();
  for (const std::string& bytes : saved) EXPECT_TRUE(bytes == *alone);
}

}  // namespace
}  // namespace dsperse
