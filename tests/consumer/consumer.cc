// consumer IN.onnx OUT.onnx SLICES: folds a model, says what both cost, cuts it into slices. The whole library from
// outside of its tree.
#include <cstdio>
#include <string>
#include <utility>

#include "circuit_estimate/backend.h"
#include "circuit_estimate/estimate_graph.h"
#include "fold/fold_model.h"
#include "fold/ir/model_file.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/facts.h"
#include "slicer/prepare.h"

namespace {

absl::StatusOr<unsigned long long> Constraints(dsperse::Graph& graph) {
  const dsperse::Backend& backend = *dsperse::FindBackend("jstprove_expander");
  dsperse::Facts facts(&graph);
  DSPERSE_ASSIGN_OR_RETURN(
      const dsperse::GraphEstimate estimate,
      dsperse::EstimateGraph(graph, facts, backend, dsperse::Parameters(backend.parameters())));
  return estimate.TotalOf("constraints");
}

absl::Status Run(const std::string& in, const std::string& out, const std::string& slices) {
  DSPERSE_ASSIGN_OR_RETURN(dsperse::LoadedModel model, dsperse::LoadModel(in));
  DSPERSE_ASSIGN_OR_RETURN(const auto before, Constraints(model.graph));
  DSPERSE_ASSIGN_OR_RETURN(const dsperse::FoldReport report, dsperse::FoldModel(model.graph));
  DSPERSE_ASSIGN_OR_RETURN(const auto after, Constraints(model.graph));
  DSPERSE_RETURN_IF_ERROR(dsperse::SaveModel(model.graph, out).status());
  std::printf("%lld → %lld nodes, %llu → %llu constraints\n", static_cast<long long>(report.before.nodes),
              static_cast<long long>(report.after.nodes), before, after);
  // Prepare folds by itself (and lowers); folding what is folded changes nothing.
  DSPERSE_ASSIGN_OR_RETURN(const dsperse::Prepared prepared, dsperse::Prepare(std::move(model.graph)));
  DSPERSE_RETURN_IF_ERROR(dsperse::WriteSlices(prepared, slices).status());
  for (const std::string& assumption : prepared.assumptions) std::printf("%s\n", assumption.c_str());
  std::printf("%d slices\n", static_cast<int>(prepared.plan.slices.size()));
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const absl::Status status = Run(argv[1], argv[2], argv[3]);
  if (!status.ok()) std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
