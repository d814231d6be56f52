// What loading and saving alone take, in process: the share of fold/ir in every command.
//
// Each benchmark makes its model once in a temporary folder, so files are in the page cache.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "bench/model_file.h"
#include "fold/ir/file.h"
#include "fold/ir/model_file.h"
#include "fold/ir/proto_file.h"
#include "fold/ir/skeleton.h"
#include "onnx/onnx_pb.h"

namespace dsperse {
namespace {

void SetBytes(const std::string& path, benchmark::State& state) {
  state.SetBytesProcessed(static_cast<int64_t>(std::filesystem::file_size(path)) *
                          static_cast<int64_t>(state.iterations()));
}

// The walk over the file, without parsing what it finds.
void ReadSkeletonOf(benchmark::State& state, const std::string& name, int64_t blocks) {
  const std::string path = ModelFile(name, blocks);
  for (auto _ : state) {
    const auto file = InputFile::Open(path);
    std::string skeleton;
    PayloadTable payloads;
    if (!file.ok() || !ReadSkeleton(*file, (*file)->size(), INT32_MAX, &skeleton, &payloads).ok()) {
      state.SkipWithError("cannot read");
      break;
    }
    state.counters["skeleton"] = static_cast<double>(skeleton.size());
  }
  SetBytes(path, state);
}

void ReadProtoOf(benchmark::State& state, const std::string& name, int64_t blocks) {
  const std::string path = ModelFile(name, blocks);
  for (auto _ : state) {
    const auto file = InputFile::Open(path);
    if (!file.ok() || !ReadModelProto(*file, (*file)->size(), int64_t{1} << 40).ok()) {
      state.SkipWithError("cannot read");
      break;
    }
  }
  SetBytes(path, state);
}

void LoadOf(benchmark::State& state, const std::string& name, int64_t blocks) {
  const std::string path = ModelFile(name, blocks);
  for (auto _ : state) {
    if (!LoadModel(path).ok()) {
      state.SkipWithError("cannot load");
      break;
    }
  }
  SetBytes(path, state);
}

void SaveOf(benchmark::State& state, const std::string& name, int64_t blocks) {
  const std::string path = ModelFile(name, blocks);
  const absl::StatusOr<LoadedModel> loaded = LoadModel(path);
  const std::string out = absl::StrCat(BenchFolder(), "/out.onnx");
  for (auto _ : state) {
    if (!loaded.ok() || !SaveModel(loaded->graph, out).ok()) {
      state.SkipWithError("cannot save");
      break;
    }
    state.PauseTiming();
    std::filesystem::remove(out);  // the target is absent each time
    state.ResumeTiming();
  }
  SetBytes(path, state);
}

// Every float weight of two or more dimensions times a factor per channel, as fusion leaves them.
void SaveScaledOf(benchmark::State& state, const std::string& name, int64_t blocks) {
  const std::string path = ModelFile(name, blocks);
  absl::StatusOr<LoadedModel> loaded = LoadModel(path);
  if (!loaded.ok()) return state.SkipWithError("cannot load");
  Graph& graph = loaded->graph;
  for (const ValueId value : graph.Initializers(graph.main())) {
    const Tensor* tensor = graph.ConstantValue(value);
    if (tensor == nullptr || tensor->dtype() != DType::kFloat || tensor->rank() < 2) continue;
    std::vector<double> factors(static_cast<size_t>(tensor->dims()[0]), 1.0000001);
    absl::StatusOr<Tensor> scaled = Tensor::Scaled(*tensor, 0, std::move(factors));
    if (!scaled.ok()) return state.SkipWithError("cannot scale");
    const ValueId fresh = graph.AddConstant("scaled", *std::move(scaled));
    graph.ReplaceUses(value, fresh);
    graph.RemoveInitializer(value);
  }
  const std::string out = absl::StrCat(BenchFolder(), "/out.onnx");
  for (auto _ : state) {
    if (!SaveModel(graph, out).ok()) {
      state.SkipWithError("cannot save");
      break;
    }
    state.PauseTiming();
    std::filesystem::remove(out);
    state.ResumeTiming();
  }
  SetBytes(path, state);
}

// What the system takes to copy the file.
void Copy(benchmark::State& state, const std::string& name, int64_t blocks) {
  const std::string path = ModelFile(name, blocks);
  const std::string out = absl::StrCat(BenchFolder(), "/copy.onnx");
  const std::string command = absl::StrCat("cp --reflink=never ", path, " ", out);
  for (auto _ : state) {
    if (std::system(command.c_str()) != 0) state.SkipWithError("cannot copy");
    state.PauseTiming();
    std::filesystem::remove(out);
    state.ResumeTiming();
  }
  SetBytes(path, state);
}

#define IO_BENCHMARKS(label, ...)                                                              \
  BENCHMARK_CAPTURE(ReadSkeletonOf, label, __VA_ARGS__)->Unit(benchmark::kMillisecond);        \
  BENCHMARK_CAPTURE(ReadProtoOf, label, __VA_ARGS__)->Unit(benchmark::kMillisecond);           \
  BENCHMARK_CAPTURE(LoadOf, label, __VA_ARGS__)->Unit(benchmark::kMillisecond);                \
  BENCHMARK_CAPTURE(SaveOf, label, __VA_ARGS__)->Unit(benchmark::kMillisecond)->UseRealTime(); \
  BENCHMARK_CAPTURE(SaveScaledOf, label, __VA_ARGS__)                                          \
      ->Unit(benchmark::kMillisecond)                                                          \
      ->UseRealTime();                                                                         \
  BENCHMARK_CAPTURE(Copy, label, __VA_ARGS__)->Unit(benchmark::kMillisecond)->UseRealTime()

IO_BENCHMARKS(resnet152, "resnet152", 0);
IO_BENCHMARKS(chain10000, "conv_bn_relu_chain", 10000);
IO_BENCHMARKS(chain3, "conv_bn_relu_chain", 3);

}  // namespace
}  // namespace dsperse

BENCHMARK_MAIN();
