// What an estimate takes after loading, in process: each backend, and all of them.
//
// The model is made once in a temporary folder, so its weights are in the page cache. Facts and views
// are made anew each time, as a command makes them.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/model_file.h"
#include "circuit_estimate/estimate_graph.h"
#include "fold/ir/model_file.h"

namespace dsperse {
namespace {

// Estimates `name` in `backend`, or in all where that is null.
void EstimateOf(benchmark::State& state, const std::string& name, int64_t blocks,
                const Backend* backend) {
  const absl::StatusOr<LoadedModel> model = LoadModel(ModelFile(name, blocks));
  if (!model.ok()) {
    state.SkipWithError("cannot load");
    return;
  }
  for (auto _ : state) {
    Facts facts(&model->graph);
    for (const Backend* each : AllBackends()) {
      if (backend != nullptr && each != backend) continue;
      const absl::StatusOr<GraphEstimate> estimate =
          EstimateGraph(model->graph, facts, *each, Parameters(each->parameters()));
      if (!estimate.ok()) state.SkipWithError("cannot estimate");
      benchmark::DoNotOptimize(estimate);
    }
  }
  state.counters["nodes"] =
      static_cast<double>(model->graph.Nodes(model->graph.main()).size());
}

void RegisterAll() {
  const auto add = [](const std::string& model, int64_t blocks, const Backend* backend) {
    benchmark::RegisterBenchmark(
        absl::StrCat("Estimate/", model, blocks > 0 ? absl::StrCat("-", blocks) : "", "/",
                     backend == nullptr ? "all" : backend->name())
            .c_str(),
        [=](benchmark::State& state) { EstimateOf(state, model, blocks, backend); })
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  };
  for (const char* model : {"resnet18", "resnet152", "efficientnet_b0"}) {
    for (const Backend* backend : AllBackends()) add(model, 0, backend);
    add(model, 0, nullptr);
  }
  // Linear in nodes: a chain of small blocks.
  for (int64_t blocks : {1000, 4000, 16000}) add("conv_bn_relu_chain", blocks, nullptr);
}

}  // namespace
}  // namespace dsperse

int main(int argc, char** argv) {
  dsperse::RegisterAll();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
