#include "fold/fold_model.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/lowering/lowerings.h"
#include "fold/ops/range.h"
#include "fold/passes/drop_unreachable_bounds.h"
#include "fold/registry.h"

namespace dsperse {
namespace {

std::string QualifiedType(const NodeView& node) {
  if (node.domain().empty()) return std::string(node.op_type());
  return absl::StrCat(node.domain(), ".", node.op_type());
}

// Adds the statistics of a later run.
void Merge(const PipelineResult& later, PipelineResult& result) {
  result.changed |= later.changed;
  result.rounds += later.rounds;
  for (const PassStats& stats : later.passes) {
    const auto same = std::find_if(result.passes.begin(), result.passes.end(),
                                   [&](const PassStats& s) { return s.pass == stats.pass; });
    if (same == result.passes.end()) {
      result.passes.push_back(stats);
      continue;
    }
    same->runs += stats.runs;
    same->changes += stats.changes;
    same->nodes += stats.nodes;
    same->initializers += stats.initializers;
    same->bytes += stats.bytes;
    same->seconds += stats.seconds;
  }
}

}  // namespace

ModelCounts CountModel(const Graph& graph) {
  ModelCounts counts;
  // By the characters' place: the graph keeps each operator's name once, so no string is made for a node.
  absl::flat_hash_map<std::pair<const char*, const char*>, std::pair<NodeId, int64_t>> by_place;
  for (NodeId id : graph.AllNodes()) {
    const NodeView node = graph.node(id);
    ++counts.nodes;
    auto& entry = by_place[std::make_pair(node.domain().data(), node.op_type().data())];
    entry.first = id;
    ++entry.second;
  }
  for (const auto& [place, entry] : by_place) {
    counts.by_operator[QualifiedType(graph.node(entry.first))] += entry.second;
  }
  const auto count = [&](const char* type) {
    const auto it = counts.by_operator.find(type);
    return it == counts.by_operator.end() ? 0 : it->second;
  };
  counts.constant_nodes = count("Constant") + count("ConstantOfShape");
  counts.batch_norms = count("BatchNormalization");
  counts.initializers = CountInitializers(graph);
  counts.constant_bytes = graph.ConstantBytes();
  return counts;
}

absl::StatusOr<FoldReport> FoldModel(Graph& graph, const FoldOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  DSPERSE_ASSIGN_OR_RETURN(const PassList list, ParsePassList(options.passes));
  std::vector<const Pass*> passes = PassesOf(list, options.target != nullptr);
  FoldReport report;
  report.before = CountModel(graph);
  if (list.batchnorm_needs_constant_node && report.before.by_operator.count("Constant") == 0) {
    passes.erase(std::remove(passes.begin(), passes.end(), FindPass("fuse_conv_batchnorm")),
                 passes.end());
  }
  if (options.freeze_inputs) report.frozen_inputs = graph.FreezeInputs();

  DSPERSE_ASSIGN_OR_RETURN(const InputRanges ranges,
                           ParseInputRanges(options.input_ranges, graph));
  const DropUnreachableBounds drop_unreachable_bounds(&ranges);
  if (!ranges.empty()) passes.push_back(&drop_unreachable_bounds);
  PassContext context(&graph, options.pass_options);
  context.target = options.target;
  context.pricer = options.pricer;
  PipelineOptions pipeline;
  pipeline.verify_each = options.verify_each;
  DSPERSE_ASSIGN_OR_RETURN(PipelineResult result,
                           RunPipeline(passes, graph, context, pipeline));
  if (options.lower && options.target != nullptr) {
    // What a lowering makes is folded again, so both run to one fixed point. Only now: a
    // BatchNormalization that folding absorbs must not have become Mul and Add before.
    report.provable_before = MeasureProvability(graph, context.facts(), *options.target);
    passes.insert(passes.end(), Lowerings().begin(), Lowerings().end());
    DSPERSE_ASSIGN_OR_RETURN(const PipelineResult lowered,
                             RunPipeline(passes, graph, context, pipeline));
    Merge(lowered, result);
    report.provable_after = MeasureProvability(graph, context.facts(), *options.target);
  }
  report.changed = result.changed || !report.frozen_inputs.empty();
  report.rounds = result.rounds;
  report.passes = std::move(result.passes);
  report.remarks = std::move(context.remarks());
  report.after = CountModel(graph);
  report.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return report;
}

}  // namespace dsperse
