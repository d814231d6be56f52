#include "tests/property/check_model.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "circuit_estimate/backend.h"
#include "circuit_estimate/estimate_graph.h"
#include "fold/fold_model.h"
#include "fold/ir/model_file.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/compare.h"
#include "fold/ops/interpreter.h"
#include "onnx/defs/printer.h"
#include "onnx/onnx_pb.h"
#include "slicer/extract.h"
#include "slicer/prepare.h"

namespace dsperse::testing {
namespace {

// How far a result may be off, relative to the largest magnitude on the way to it.
double Tolerance(DType type, bool lowered) {
  switch (type) {
    case DType::kDouble: return lowered ? 1e-6 : 1e-9;
    case DType::kFloat16: return lowered ? 1e-1 : 4e-2;
    default: return lowered ? 1e-3 : 1e-4;
  }
}

std::string Text(const Graph& graph) {
  PayloadTable payloads;
  const auto model = graph.Export(&payloads, int64_t{1} << 40);
  return model.ok() ? onnx::ProtoToString(**model) : std::string(model.status().message());
}

absl::Status Broken(absl::string_view what, const Graph& graph) {
  return absl::InternalError(absl::StrCat(what, "\n", Text(graph)));
}

absl::StatusOr<Graph> Import(const RandomModel& random) {
  return Graph::Import(std::make_unique<onnx::ModelProto>(*random.model), nullptr, "random");
}

RunOptions OneThread() {
  RunOptions options;
  options.threads = 1;
  return options;
}

// Nothing, or how the results differ from the sample run.
std::string Compare(const RandomModel& random, const std::vector<Tensor>& results, double tolerance) {
  if (results.size() != random.outputs.size()) return absl::StrCat(results.size(), " outputs");
  for (size_t i = 0; i < results.size(); ++i) {
    const absl::StatusOr<Difference> difference = CompareElements(
        results[i], random.outputs[i], 0, tolerance * std::max(1.0, random.scales[i]));
    if (!difference.ok()) return std::string(difference.status().message());
    if (!difference->agree) {
      return absl::StrCat("output ", i, " is off by ", difference->max_absolute, " at a scale of ",
                          random.scales[i], ": ", difference->reason);
    }
  }
  return "";
}

absl::Status CheckResults(const RandomModel& random, const Graph& graph, double tolerance,
                          absl::string_view what, const Graph& original) {
  const absl::StatusOr<std::vector<Tensor>> results = RunGraph(graph, random.inputs, OneThread());
  const std::string difference = results.ok() ? Compare(random, *results, tolerance)
                                              : std::string(results.status().message());
  if (difference.empty()) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat(what, ": ", difference, "\nfrom\n", Text(original), "\nto\n", Text(graph)));
}

// Folds with these options twice and checks all of it.
absl::Status CheckFold(const RandomModel& random, const FoldOptions& options, absl::string_view what) {
  DSPERSE_ASSIGN_OR_RETURN(const Graph original, Import(random));
  DSPERSE_ASSIGN_OR_RETURN(Graph graph, original.Clone());
  const absl::StatusOr<FoldReport> report = FoldModel(graph, options);
  if (!report.ok()) return Broken(absl::StrCat(what, ": ", report.status().message()), original);
  DSPERSE_RETURN_IF_ERROR(CheckResults(random, graph, Tolerance(random.float_type, options.lower), what, original));
  DSPERSE_ASSIGN_OR_RETURN(const std::string once, SaveModelToBytes(graph));
  const absl::StatusOr<LoadedModel> loaded = LoadModelFromBytes(once, "folded");
  if (!loaded.ok()) return Broken(absl::StrCat(what, ", read back: ", loaded.status().message()), original);
  DSPERSE_ASSIGN_OR_RETURN(Graph again, loaded->graph.Clone());
  const absl::StatusOr<FoldReport> second = FoldModel(again, options);
  if (!second.ok()) return Broken(absl::StrCat(what, " twice: ", second.status().message()), original);
  DSPERSE_ASSIGN_OR_RETURN(const std::string twice, SaveModelToBytes(again));
  if (twice != once) {
    return absl::InternalError(absl::StrCat(what, " twice gives another model\nfrom\n", Text(original), "\nonce\n",
                                            Text(loaded->graph), "\ntwice\n", Text(again)));
  }
  return absl::OkStatus();
}

std::vector<std::string> Names(const Graph& graph, absl::Span<const ValueId> values) {
  std::vector<std::string> names;
  for (ValueId value : values) names.emplace_back(graph.Name(value));
  return names;
}

}  // namespace

absl::Status CheckFolding(const RandomModel& random) {
  absl::StatusOr<Graph> original = Import(random);
  if (!original.ok()) {
    return absl::InternalError(
        absl::StrCat("import: ", original.status().message(), "\n", onnx::ProtoToString(*random.model)));
  }
  if (const absl::Status sound = original->Verify(); !sound.ok()) return Broken(sound.message(), *original);
  // One node after the other or the whole model at once: the same bits.
  DSPERSE_RETURN_IF_ERROR(CheckResults(random, *original, 0, "the unchanged model", *original));
  FoldOptions options;
  options.verify_each = true;
  DSPERSE_RETURN_IF_ERROR(CheckFold(random, options, "folded"));
  options.freeze_inputs = true;
  options.pass_options.duplicate_shared = true;
  return CheckFold(random, options, "folded with frozen inputs and shared producers duplicated");
}

absl::Status CheckLowering(const RandomModel& random, absl::string_view target) {
  FoldOptions options;
  options.verify_each = true;
  options.target = Target::Find(target);
  options.lower = true;
  const Backend* backend = FindBackend(target == "ezkl" ? "ezkl_halo2" : "jstprove_expander");
  if (backend == nullptr) return absl::InternalError("no such backend");
  DSPERSE_ASSIGN_OR_RETURN(options.pricer, MakePricerFactory(*backend, Parameters(backend->parameters())));
  return CheckFold(random, options, absl::StrCat("lowered for ", target));
}

absl::Status CheckPrices(const RandomModel& random) {
  DSPERSE_ASSIGN_OR_RETURN(const Graph graph, Import(random));
  // A difference below zero wraps to nearly 2^64 or is marked as out of range; no model of some dozen small nodes
  // comes near this.
  constexpr uint64_t kMost = uint64_t{1} << 40;
  const std::vector<NodeId> nodes = graph.Nodes(graph.main());
  for (const Backend* backend : AllBackends()) {
    const Parameters parameters(backend->parameters());
    Facts facts(&graph);
    const absl::StatusOr<GraphEstimate> estimate = EstimateGraph(graph, facts, *backend, parameters);
    if (!estimate.ok()) return Broken(absl::StrCat(backend->name(), ": ", estimate.status().message()), graph);
    const auto sane = [&](const Counts& counts) {
      return absl::c_all_of(counts.values, [](Count c) { return !c.overflow() && c.value() < kMost; });
    };
    for (const NodeEstimate& node : estimate->nodes) {
      if (!sane(node.counts)) return Broken(absl::StrCat(backend->name(), ": a node below zero"), graph);
    }
    for (const GroupEstimate& group : estimate->operators) {
      if (!sane(group.counts)) return Broken(absl::StrCat(backend->name(), ": ", group.name, " below zero"), graph);
    }
    if (!sane(estimate->total)) return Broken(absl::StrCat(backend->name(), ": a total below zero"), graph);

    DSPERSE_ASSIGN_OR_RETURN(const PricerFactory factory, MakePricerFactory(*backend, parameters));
    const std::unique_ptr<RangePricer> pricer = factory(graph, facts);
    for (size_t begin = 0; begin < nodes.size(); begin += 1 + begin) {
      pricer->Begin();
      uint64_t last = 0;
      for (NodeId node : absl::MakeConstSpan(nodes).subspan(begin)) {
        const uint64_t price = pricer->Extend(node).price;
        if (price < last || price >= kMost) {
          return Broken(absl::StrCat(backend->name(), ": ", last, ", and with one node more ", price), graph);
        }
        last = price;
      }
    }
  }
  return absl::OkStatus();
}

absl::Status CheckSlicing(const RandomModel& random) {
  DSPERSE_ASSIGN_OR_RETURN(Graph original, Import(random));
  DSPERSE_ASSIGN_OR_RETURN(Graph graph, original.Clone());
  PrepareOptions options;
  if (random.symbolic_dim > 0) options.shapes.dims = {absl::StrCat("N=", random.symbolic_dim)};
  // A name that no input has is an error of the flag's.
  const std::string text = Text(original);
  if (!absl::StrContains(text, "[N,") && !absl::StrContains(text, "[N]")) options.shapes.dims.clear();
  absl::StatusOr<Prepared> prepared = Prepare(std::move(graph), options);
  if (absl::IsUnimplemented(prepared.status())) return absl::OkStatus();  // shapes stay unknown
  if (!prepared.ok()) return Broken(absl::StrCat("cut: ", prepared.status().message()), original);
  DSPERSE_RETURN_IF_ERROR(CheckPlan(*prepared->graph, prepared->plan));

  const absl::StatusOr<Extractor> extractor =
      Extractor::Make(*prepared->graph, *prepared->facts, prepared->plan);
  if (absl::IsUnimplemented(extractor.status())) return absl::OkStatus();
  if (!extractor.ok()) return Broken(absl::StrCat("extract: ", extractor.status().message()), original);
  const auto payloads = std::make_shared<PayloadTable>(extractor->payloads());
  absl::flat_hash_map<std::string, Tensor> values;
  const std::vector<std::string> inputs = Names(*prepared->graph, RequiredInputs(*prepared->graph));
  if (inputs.size() != random.inputs.size()) return Broken("the inputs changed", *prepared->graph);
  for (size_t i = 0; i < inputs.size(); ++i) values[inputs[i]] = random.inputs[i];
  for (size_t i = 0; i < prepared->plan.slices.size(); ++i) {
    DSPERSE_ASSIGN_OR_RETURN(const std::string bytes, extractor->Extract(static_cast<int>(i)));
    auto model = std::make_unique<onnx::ModelProto>();
    if (!model->ParseFromString(bytes)) return Broken("a slice is no model", *prepared->graph);
    absl::StatusOr<Graph> slice = Graph::Import(std::move(model), payloads, absl::StrCat("slice ", i));
    if (!slice.ok()) return Broken(slice.status().message(), *prepared->graph);
    std::vector<Tensor> feed;
    for (const std::string& name : Names(*slice, RequiredInputs(*slice))) {
      const auto it = values.find(name);
      if (it == values.end()) return Broken(absl::StrCat("slice ", i, " reads '", name, "' too early"), *prepared->graph);
      feed.push_back(it->second);
    }
    const absl::StatusOr<std::vector<Tensor>> results = RunGraph(*slice, feed, OneThread());
    if (!results.ok()) {
      return absl::InternalError(absl::StrCat("slice ", i, ": ", results.status().message(), "\n", Text(*slice),
                                              "\nof\n", Text(*prepared->graph), "\nfrom\n", Text(original)));
    }
    const std::vector<std::string> names = Names(*slice, slice->Outputs(slice->main()));
    for (size_t k = 0; k < names.size(); ++k) values[names[k]] = (*results)[k];
  }
  std::vector<Tensor> outputs;
  for (const std::string& name : Names(*prepared->graph, prepared->graph->Outputs(prepared->graph->main()))) {
    const auto it = values.find(name);
    if (it == values.end()) return Broken(absl::StrCat("no slice makes '", name, "'"), *prepared->graph);
    outputs.push_back(it->second);
  }
  const std::string difference = Compare(random, outputs, Tolerance(random.float_type, true));
  if (!difference.empty()) {
    return absl::InternalError(absl::StrCat("sliced: ", difference, "\nfrom\n", Text(original), "\nto\n",
                                            Text(*prepared->graph)));
  }
  return absl::OkStatus();
}

}  // namespace dsperse::testing
