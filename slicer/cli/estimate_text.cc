#include "slicer/cli/estimate_text.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "slicer/cli/text_table.h"

namespace dsperse {
namespace {

constexpr int kBarWidth = 24;
constexpr size_t kMostUnsupported = 10;  // lines, before "and … more"

struct Row {
  std::string name;
  std::string op;
  int64_t nodes = 0;
  const Counts* counts = nullptr;
  int bits = 0;
};

std::string Number(uint64_t value) {
  return value > static_cast<uint64_t>(INT64_MAX) ? absl::StrCat(value)
                                                  : WithCommas(static_cast<int64_t>(value));
}

std::string Value(const Counts& counts, size_t metric) {
  return absl::StrCat((counts.approximate >> metric & 1) != 0 ? "≈ " : "",
                      Number(counts.values[metric].value()));
}

// Eighths of a block, so that small rows still differ.
std::string Bar(uint64_t value, uint64_t largest) {
  static constexpr const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  if (largest == 0 || value == 0) return "";
  const double share = static_cast<double>(value) / static_cast<double>(largest);
  const int eighths = std::max(1, static_cast<int>(std::lround(share * kBarWidth * 8)));
  std::string bar;
  for (int i = 0; i < eighths / 8; ++i) bar += "█";
  return bar + kEighths[eighths % 8];
}

std::string Percent(uint64_t part, uint64_t whole) {
  if (whole == 0) return "";
  return absl::StrFormat("%.1f %%", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::vector<Row> RowsOf(const GraphEstimate& estimate, EstimateRows rows, int64_t top) {
  std::vector<Row> list;
  if (rows == EstimateRows::kOperators) {
    for (const GroupEstimate& group : estimate.operators) {
      list.push_back({group.name, "", group.nodes, &group.counts, group.bits});
    }
  } else if (rows == EstimateRows::kSlices) {
    for (const GroupEstimate& group : estimate.slices) {
      list.push_back({group.name, "", group.nodes, &group.counts, group.bits});
    }
  } else if (rows == EstimateRows::kNodes) {
    for (const NodeEstimate& node : estimate.nodes) {
      list.push_back({node.name, node.op, 1, &node.counts, node.bits});
    }
  }
  if (top > 0 && static_cast<size_t>(top) < list.size()) {
    const size_t price = estimate.backend->price_metric();
    std::stable_sort(list.begin(), list.end(), [price](const Row& a, const Row& b) {
      return b.counts->values[price] < a.counts->values[price];
    });
    list.resize(static_cast<size_t>(top));
  }
  return list;
}

std::string RowTable(const GraphEstimate& estimate, EstimateRows rows, int64_t top) {
  const std::vector<Row> list = RowsOf(estimate, rows, top);
  if (list.empty()) return "";
  const Backend& backend = *estimate.backend;
  const size_t price = backend.price_metric();
  const bool by_node = rows == EstimateRows::kNodes;
  const bool with_bits =
      std::any_of(list.begin(), list.end(), [](const Row& row) { return row.bits > 0; });
  TextTable table(by_node ? "llrrrl" : "lrrrrl");
  std::vector<std::string> header{rows == EstimateRows::kSlices ? "slice"
                                  : by_node                     ? "node"
                                                                : "operator",
                                  by_node ? "operator" : "nodes",
                                  std::string(backend.metrics()[price].name), "share",
                                  with_bits ? "bits" : ""};
  table.Row(header);
  uint64_t largest = 0;
  for (const Row& row : list) largest = std::max(largest, row.counts->values[price].value());
  // Slices are circuits of their own, which cost more together than the model as one.
  Count whole = estimate.total.values[price];
  if (rows == EstimateRows::kSlices) {
    whole = Count(0);
    for (const GroupEstimate& slice : estimate.slices) whole += slice.counts.values[price];
  }
  for (const Row& row : list) {
    const uint64_t value = row.counts->values[price].value();
    table.Row({row.name, by_node ? row.op : Number(static_cast<uint64_t>(row.nodes)),
               Value(*row.counts, price), Percent(value, whole.value()),
               row.bits > 0 ? absl::StrCat(row.bits) : "", Bar(value, largest)});
  }
  return absl::StrCat("\n", table.ToString());
}

std::string UnsupportedText(const GraphEstimate& estimate) {
  if (estimate.unsupported.empty()) return "";
  std::string text =
      absl::StrCat("\nunsupported by the prover, priced with 0 or as an approximation: ", estimate.unsupported.size(),
                   " of ", estimate.nodes.size(), " nodes\n");
  TextTable table("l");
  for (size_t i = 0; i < estimate.unsupported.size() && i < kMostUnsupported; ++i) {
    const Unsupported& node = estimate.unsupported[i];
    table.Row({node.node, node.op, node.reason});
  }
  absl::StrAppend(&text, table.ToString(2));
  if (estimate.unsupported.size() > kMostUnsupported) {
    absl::StrAppend(&text, "  … and ", estimate.unsupported.size() - kMostUnsupported,
                    " more (--json lists them)\n");
  }
  return text;
}

// The boundary of the circuit and what it costs whatever is in it: with the nodes, the total.
Counts BesideTheNodes(const GraphEstimate& estimate) {
  Counts sum = estimate.inputs;
  sum += estimate.outputs;
  sum += estimate.fixed;
  return sum;
}

std::string Heading(const GraphEstimate& estimate, const CliContext& context) {
  return absl::StrCat(context.Bold(estimate.backend->name()), ": ", estimate.backend->summary(),
                      estimate.note.empty() ? "" : absl::StrCat(" (", estimate.note, ")"), "\n");
}

}  // namespace

std::string EstimateText(const GraphEstimate& estimate, EstimateRows rows, int64_t top,
                         const CliContext& context) {
  const Backend& backend = *estimate.backend;
  std::string text = Heading(estimate, context);
  TextTable totals("lrl");
  for (size_t i = 0; i < backend.metrics().size(); ++i) {
    totals.Row({std::string(backend.metrics()[i].name), Value(estimate.total, i),
                std::string(backend.metrics()[i].help)});
  }
  absl::StrAppend(&text, totals.ToString(2), RowTable(estimate, rows, top));
  const size_t price = backend.price_metric();
  TextTable boundary("lr");
  if (estimate.inputs.values[price].value() != 0)
    boundary.Row({"inputs", Value(estimate.inputs, price)});
  if (estimate.outputs.values[price].value() != 0)
    boundary.Row({"outputs", Value(estimate.outputs, price)});
  if (estimate.fixed.values[price].value() != 0)
    boundary.Row({"fixed", Value(estimate.fixed, price)});
  if (!boundary.empty() && rows != EstimateRows::kSlices) {
    absl::StrAppend(&text, "\nbeside the nodes, in ", backend.metrics()[price].name, "\n",
                    boundary.ToString(2));
  }
  return absl::StrCat(text, UnsupportedText(estimate));
}

std::string ComparisonText(const GraphEstimate& before, const GraphEstimate& after,
                           EstimateRows rows, int64_t top, const CliContext& context) {
  std::string text = Heading(after, context);
  TextTable totals("lrrrr");
  totals.Row({"", "before", "after", "difference", ""});
  for (const MetricChange& change : Changes(before, after)) {
    const bool grows = change.after > change.before;
    const uint64_t difference = grows ? change.after - change.before : change.before - change.after;
    totals.Row({change.metric, absl::StrCat(change.exact ? "" : "≈ ", Number(change.before)),
                absl::StrCat(change.exact ? "" : "≈ ", Number(change.after)),
                absl::StrCat(difference == 0 ? ""
                             : grows         ? "+"
                                             : "-",
                             Number(difference)),
                change.before == 0 ? "" : difference == 0 ? "0.0 %" : absl::StrFormat("%+.1f %%", *change.percent)});
  }
  absl::StrAppend(&text, totals.ToString(2));
  if (rows == EstimateRows::kOperators) {
    const size_t price = before.backend->price_metric();
    // Operators of either side, by falling price before.
    std::vector<std::string> names;
    std::map<std::string, std::pair<const GroupEstimate*, const GroupEstimate*>> both;
    for (const GroupEstimate& group : before.operators) {
      names.push_back(group.name);
      both[group.name].first = &group;
    }
    for (const GroupEstimate& group : after.operators) {
      if (both[group.name].first == nullptr) names.push_back(group.name);
      both[group.name].second = &group;
    }
    if (top > 0 && static_cast<size_t>(top) < names.size()) names.resize(static_cast<size_t>(top));
    TextTable table("lrrrr");
    const std::string unit(before.backend->metrics()[price].name);
    table.Row({"operator", "nodes", unit, "nodes after", absl::StrCat(unit, " after")});
    const auto cells = [&](const GroupEstimate* group) {
      return group == nullptr ? std::pair<std::string, std::string>("", "")
                              : std::make_pair(Number(static_cast<uint64_t>(group->nodes)),
                                               Value(group->counts, price));
    };
    for (const std::string& name : names) {
      const auto left = cells(both[name].first);
      const auto right = cells(both[name].second);
      table.Row({name, left.first, left.second, right.first, right.second});
    }
    const Counts left = BesideTheNodes(before), right = BesideTheNodes(after);
    if (left.values[price].value() != 0 || right.values[price].value() != 0) {
      table.Row({"beside the nodes", "", Value(left, price), "", Value(right, price)});
    }
    absl::StrAppend(&text, "\n", table.ToString());
  } else if (rows != EstimateRows::kTotal) {
    absl::StrAppend(&text, "\nbefore", RowTable(before, rows, top), "\nafter",
                    RowTable(after, rows, top));
  }
  if (!before.unsupported.empty()) {
    absl::StrAppend(&text, "\nbefore, ", before.unsupported.size(), " of ", before.nodes.size(),
                    " nodes are unsupported by the prover, priced with 0 or as an approximation\n");
  }
  return absl::StrCat(text, UnsupportedText(after));
}

std::string ParameterHelp() {
  std::string text = "Parameters (--param name=value), with defaults and units:\n";
  for (const Backend* backend : AllBackends()) {
    if (backend->parameters().empty()) continue;
    absl::StrAppend(&text, "  ", backend->name(), "\n");
    TextTable table("l");
    for (const ParameterInfo& info : backend->parameters()) {
      table.Row({std::string(info.name),
                 info.default_value.empty() ? "-" : std::string(info.default_value),
                 std::string(info.unit), std::string(info.help)});
    }
    absl::StrAppend(&text, table.ToString(4));
  }
  return text;
}

}  // namespace dsperse
