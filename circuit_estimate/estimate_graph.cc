#include "circuit_estimate/estimate_graph.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"

namespace dsperse {
namespace {

absl::Status CheckOverflow(const Counts& counts, absl::string_view where) {
  if (!counts.overflow()) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(where, ": a count exceeds 64 bits"));
}

std::string NameOf(const NodeView& node, int64_t position) {
  return node.name().empty() ? absl::StrCat("node_", position) : std::string(node.name());
}

// A guess at sizes, or a node without a price, makes all metrics approximate.
void MarkApproximate(bool guessed, Counts* counts) {
  if (guessed) counts->approximate = (uint32_t{1} << counts->values.size()) - 1;
}

bool LacksAPrice(const RangeCounts& counts) {
  return std::any_of(counts.nodes.begin(), counts.nodes.end(),
                     [](const NodeCounts& node) { return !node.unsupported.empty(); });
}

}  // namespace

uint64_t GraphEstimate::TotalOf(absl::string_view metric) const {
  for (size_t i = 0; i < backend->metrics().size() && i < total.values.size(); ++i) {
    if (backend->metrics()[i].name == metric) return total.values[i].value();
  }
  return 0;
}

bool GraphEstimate::IsExact(absl::string_view metric) const {
  for (size_t i = 0; i < backend->metrics().size(); ++i) {
    if (backend->metrics()[i].name == metric) return (total.approximate >> i & 1) == 0;
  }
  return false;
}

absl::StatusOr<GraphEstimate> EstimateGraph(const Graph& graph, Facts& facts,
                                            const Backend& backend, const Parameters& parameters,
                                            absl::Span<const NodeRange> slices) {
  ModelView view(&graph, &facts);
  const std::vector<NodeId> all = graph.Nodes(graph.main());
  std::vector<int64_t> positions(static_cast<size_t>(graph.NodeLimit()));  // by node
  for (size_t i = 0; i < all.size(); ++i) {
    positions[static_cast<size_t>(all[i].index)] = static_cast<int64_t>(i);
  }

  GraphEstimate result;
  result.backend = &backend;
  result.parameters = parameters;
  const Range range = WholeRange(view);
  DSPERSE_ASSIGN_OR_RETURN(RangeCounts counts, backend.CountRange(view, range, parameters));
  result.inputs = counts.inputs;
  result.outputs = counts.outputs;
  result.fixed = counts.fixed;
  result.total = counts.total;
  result.bits = counts.bits;
  result.note = counts.note;
  MarkApproximate(view.guessed_sizes() || LacksAPrice(counts), &result.total);

  result.nodes.reserve(counts.nodes.size());
  std::map<std::string, GroupEstimate> by_operator;
  for (NodeCounts& node : counts.nodes) {
    const NodeView seen = graph.node(node.node);
    MarkApproximate(!node.unsupported.empty(), &node.counts);
    NodeEstimate& estimate = result.nodes.emplace_back();
    estimate.node = node.node;
    estimate.name = NameOf(seen, positions[static_cast<size_t>(node.node.index)]);
    estimate.op = std::string(seen.op_type());
    estimate.counts = node.counts;
    estimate.bits = node.bits;
    if (node.counts.overflow()) {
      return CheckOverflow(node.counts, absl::StrCat("node '", estimate.name, "' (", estimate.op, ")"));
    }
    if (!node.unsupported.empty()) {
      result.unsupported.push_back({estimate.name, estimate.op, std::move(node.unsupported)});
    }
    GroupEstimate& group = by_operator[estimate.op];
    group.name = estimate.op;
    ++group.nodes;
    group.counts += node.counts;
    group.bits = std::max(group.bits, node.bits);
  }
  DSPERSE_RETURN_IF_ERROR(CheckOverflow(result.total, "the model"));
  for (auto& [name, group] : by_operator) result.operators.push_back(std::move(group));
  const size_t price = backend.price_metric();
  std::stable_sort(result.operators.begin(), result.operators.end(),
                   [price](const GroupEstimate& a, const GroupEstimate& b) {
                     return b.counts.values[price] < a.counts.values[price];
                   });

  for (size_t i = 0; i < slices.size(); ++i) {
    const NodeRange& slice = slices[i];
    if (slice.begin < 0 || slice.end < slice.begin ||
        slice.end > static_cast<int64_t>(all.size())) {
      return absl::InvalidArgumentError(absl::StrCat("slice ", i, ": nodes ", slice.begin, " … ",
                                                     slice.end, " of a graph of ", all.size()));
    }
    const Range part =
        MakeRange(view, all, static_cast<size_t>(slice.begin), static_cast<size_t>(slice.end));
    DSPERSE_ASSIGN_OR_RETURN(RangeCounts slice_counts, backend.CountRange(view, part, parameters));
    GroupEstimate group;
    group.name = absl::StrCat("slice_", i);
    group.nodes = static_cast<int64_t>(part.nodes.size());
    group.counts = slice_counts.total;
    group.bits = slice_counts.bits;
    group.note = slice_counts.note;
    MarkApproximate(view.guessed_sizes() || LacksAPrice(slice_counts), &group.counts);
    DSPERSE_RETURN_IF_ERROR(CheckOverflow(group.counts, group.name));
    result.slices.push_back(std::move(group));
  }
  return result;
}

}  // namespace dsperse
