#include "circuit_estimate/report_tables.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace dsperse {
namespace {

using Row = std::vector<ReportCell>;

ReportCell Number(int64_t value) {
  return {Grouped(static_cast<uint64_t>(value)), static_cast<double>(value)};
}

std::string ChangeOf(int64_t before, int64_t after) {
  return Change(static_cast<uint64_t>(before), static_cast<uint64_t>(after));
}

std::string MetricTitle(const MetricInfo& metric) {
  return metric.additive ? std::string(metric.name)
                         : absl::StrCat(metric.name, " of the largest slice");
}

Row NumberRow(std::string title, const ReportBackend& backend, int64_t (*of)(const ReportColumn&)) {
  Row row = {std::move(title)};
  for (const ReportColumn& column : backend.columns) {
    row.push_back(column.error.empty() ? Number(of(column)) : ReportCell("–"));
  }
  const ReportColumn& before = backend.columns[kUnfused];
  const ReportColumn& after = backend.columns[kFused];
  row.emplace_back(before.error.empty() && after.error.empty() ? ChangeOf(of(before), of(after)) : "");
  return row;
}

std::string Examples(const std::vector<std::string>& names, int64_t count) {
  std::string text = absl::StrJoin(names, ", ");
  if (count > static_cast<int64_t>(names.size()) && !names.empty()) absl::StrAppend(&text, ", …");
  return text;
}

const ReportOperator* FindOperator(const std::vector<ReportOperator>& list, const std::string& op) {
  for (const ReportOperator& entry : list) {
    if (entry.op == op) return &entry;
  }
  return nullptr;
}

bool AnyExact(const ReportColumn& column, size_t metric) {
  return column.error.empty() && IsExact(column.total, metric);
}

}  // namespace

std::string Grouped(uint64_t value) {
  std::string digits = absl::StrCat(value);
  for (size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

std::string Short(uint64_t value) {
  static constexpr std::pair<double, const char*> kUnits[] = {{1e12, " T"}, {1e9, " G"}, {1e6, " M"}};
  const double number = static_cast<double>(value);
  for (const auto& [size, name] : kUnits) {
    if (number < size) continue;
    const double scaled = number / size;
    const int decimals = scaled < 10 ? 2 : scaled < 100 ? 1 : 0;
    return absl::StrFormat("%.*f%s", decimals, scaled, name);
  }
  return Grouped(value);
}

std::string Change(uint64_t before, uint64_t after) {
  if (before == 0) return "";
  const double percent =
      100 * (static_cast<double>(after) - static_cast<double>(before)) / static_cast<double>(before);
  if (before == after) return "±0 %";
  return absl::StrFormat("%s%.1f %%", percent < 0 ? "−" : "+", std::fabs(percent));
}

std::string Seconds(double seconds) {
  return seconds < 0.1 ? absl::StrFormat("%.0f ms", 1000 * seconds)
                       : absl::StrFormat("%.2f s", seconds);
}

std::string CountText(const Counts& counts, size_t metric) {
  return absl::StrCat(IsExact(counts, metric) ? "" : "≈ ", Grouped(ValueOf(counts, metric)));
}

std::string TotalText(const ReportColumn& column, size_t metric) {
  if (!column.error.empty()) return "–";
  const std::string number = CountText(column.total, metric);
  if (column.complete()) return number;
  const int64_t missing = column.circuit_nodes - column.priced_nodes;
  if (missing == 0) return absl::StrCat("not provable; ", number, " if it were");
  return absl::StrCat("not provable; ", missing, " of ", Grouped(static_cast<uint64_t>(column.circuit_nodes)),
                      " nodes have no price, the others ", number);
}

std::string TotalChange(const ReportBackend& backend, size_t metric) {
  const ReportColumn& before = backend.columns[kUnfused];
  const ReportColumn& after = backend.columns[kFused];
  const auto priced = [](const ReportColumn& column) {
    return column.error.empty() && column.priced_nodes == column.circuit_nodes;
  };
  if (!priced(before) || !priced(after)) return "";
  const std::string change = Change(ValueOf(before.total, metric), ValueOf(after.total, metric));
  if (change.empty() || (before.complete() && after.complete())) return change;
  return absl::StrCat(change, ", were it provable");
}

std::string OperatorsText(const ReportSlice& slice, size_t width) {
  std::string out;
  for (const ReportOperator& op : slice.operators) {
    std::string word = op.nodes > 1 ? absl::StrCat(op.op, "×", op.nodes) : op.op;
    if (out.size() + word.size() > width && !out.empty()) return absl::StrCat(out, " …");
    absl::StrAppend(&out, out.empty() ? "" : " ", word);
  }
  return out;
}

ReportTable SummaryTable(const ReportBackend& backend, bool times) {
  ReportTable table;
  table.sortable = false;
  table.columns = {{""}};
  for (int stage = 0; stage < kReportStages; ++stage) {
    table.columns.push_back({std::string(StageTitle(stage)), true});
  }
  table.columns.push_back({"unfused → fused", true});
  const auto row = [&](std::string title, int64_t (*of)(const ReportColumn&)) {
    table.rows.push_back(NumberRow(std::move(title), backend, of));
  };
  row("nodes", [](const ReportColumn& c) { return c.model.nodes; });
  row("BatchNormalizations", [](const ReportColumn& c) { return c.model.batch_normalizations; });
  row("initializers", [](const ReportColumn& c) { return c.model.initializers; });
  row("bytes", [](const ReportColumn& c) { return c.model.bytes; });
  if (backend.columns[kFused].lowered || backend.columns[kUnfused].lowered) {
    const auto lowered = [&](std::string title, int64_t ReportCounts::*of) {
      Row cells = {std::move(title)};
      for (const ReportColumn& column : backend.columns) {
        cells.push_back(column.lowered ? Number((*column.lowered).*of) : ReportCell("–"));
      }
      const auto& before = backend.columns[kUnfused].lowered;
      const auto& after = backend.columns[kFused].lowered;
      cells.emplace_back(before && after ? ChangeOf((*before).*of, (*after).*of) : "");
      table.rows.push_back(std::move(cells));
    };
    lowered(absl::StrCat("nodes, lowered for ", backend.target), &ReportCounts::nodes);
    lowered("BatchNormalizations, lowered", &ReportCounts::batch_normalizations);
    lowered("bytes, lowered", &ReportCounts::bytes);
  }
  row("unprovable nodes",
      [](const ReportColumn& c) { return static_cast<int64_t>(c.unprovable.size()); });
  row("slices", [](const ReportColumn& c) { return static_cast<int64_t>(c.slices.size()); });
  row("slices with a circuit", [](const ReportColumn& c) { return c.arithmetic_slices(); });
  row("of these provable", [](const ReportColumn& c) { return c.provable_slices(); });
  for (size_t i = 0; i < backend.backend->metrics().size(); ++i) {
    const MetricInfo& metric = backend.backend->metrics()[i];
    Row cells = {MetricTitle(metric)};
    for (const ReportColumn& column : backend.columns) cells.emplace_back(TotalText(column, i));
    cells.emplace_back(TotalChange(backend, i));
    for (ReportCell& cell : cells) cell.strong = i == backend.price_metric();
    table.rows.push_back(std::move(cells));
  }
  const size_t price = backend.price_metric();
  Row largest = {absl::StrCat(backend.backend->metrics()[price].name, " of the largest slice")};
  for (const ReportColumn& column : backend.columns) {
    const int index = column.largest_slice(price);
    largest.emplace_back(index < 0 ? "–"
                                   : absl::StrCat(CountText(column.slices[static_cast<size_t>(index)].counts, price),
                                                  " (slice ", index, ")"));
  }
  largest.emplace_back("");
  table.rows.push_back(std::move(largest));
  if (times) {
    Row cells = {"time to fold, lower and plan"};
    for (const ReportColumn& column : backend.columns) {
      cells.emplace_back(column.error.empty() ? Seconds(column.seconds) : "–");
    }
    cells.emplace_back("");
    table.rows.push_back(std::move(cells));
  }
  return table;
}

ReportTable OperatorTable(const ReportBackend& backend) {
  const size_t price = backend.price_metric();
  const std::string unit(backend.backend->metrics()[price].name);
  ReportTable table;
  table.title = "By operator";
  table.columns = {{"operator"}};
  for (int stage = 0; stage < kReportStages; ++stage) {
    table.columns.push_back({absl::StrCat("nodes, ", StageTitle(stage)), true});
  }
  for (int stage = 0; stage < kReportStages; ++stage) {
    table.columns.push_back({absl::StrCat(unit, ", ", StageTitle(stage)), true});
  }
  // Every operator of any column, the dearest of the last column first.
  std::vector<std::string> names;
  for (int stage = kReportStages - 1; stage >= 0; --stage) {
    for (const ReportOperator& op : backend.columns[static_cast<size_t>(stage)].operators) {
      if (std::find(names.begin(), names.end(), op.op) == names.end()) names.push_back(op.op);
    }
  }
  for (const std::string& name : names) {
    Row row = {name};
    Row prices;
    for (const ReportColumn& column : backend.columns) {
      const ReportOperator* op = FindOperator(column.operators, name);
      row.push_back(op == nullptr ? ReportCell("") : Number(op->nodes));
      prices.push_back(op == nullptr ? ReportCell("")
                                     : ReportCell(CountText(op->counts, price),
                                                  static_cast<double>(ValueOf(op->counts, price))));
    }
    row.insert(row.end(), prices.begin(), prices.end());
    table.rows.push_back(std::move(row));
  }
  Row boundary = {"beside the nodes: boundary and fixed price of each slice", "", "", ""};
  bool any = false;
  for (const ReportColumn& column : backend.columns) {
    if (!column.error.empty()) {
      boundary.emplace_back("");
      continue;
    }
    Counts sum = column.inputs;
    sum += column.outputs;
    sum += column.fixed;
    any |= ValueOf(sum, price) > 0;
    boundary.emplace_back(CountText(sum, price), static_cast<double>(ValueOf(sum, price)));
  }
  if (any) table.rows.push_back(std::move(boundary));
  const ReportColumn& as_it_came = backend.columns[kAsItCame];
  if (!as_it_came.complete() && as_it_came.error.empty()) {
    table.note = absl::StrCat("As it came, ", as_it_came.unprovable.size(),
                              " nodes can't be proven; a 0 there may be a node without a price.");
  }
  return table;
}

ReportTable SliceTable(const ReportBackend& backend, int stage, size_t most) {
  const ReportColumn& column = backend.columns[static_cast<size_t>(stage)];
  const size_t price = backend.price_metric();
  const uint64_t total = ValueOf(column.total, price);
  ReportTable table;
  table.title = absl::StrCat("Slices, ", StageTitle(stage));
  table.columns = {{"slice", true},
                   {"nodes", true},
                   {"operators"},
                   {std::string(backend.backend->metrics()[price].name), true},
                   {"share", true},
                   {"bits", true},
                   {"in → out", true},
                   {"provable"}};
  std::vector<size_t> order(column.slices.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  if (most > 0 && order.size() > most) {
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return ValueOf(column.slices[b].counts, price) < ValueOf(column.slices[a].counts, price);
    });
    order.resize(most);
    table.note = absl::StrCat("The ", most, " dearest of ", column.slices.size(), " slices.");
  }
  for (const size_t i : order) {
    const ReportSlice& slice = column.slices[i];
    const uint64_t value = ValueOf(slice.counts, price);
    const double share =
        total == 0 ? 0 : 100 * static_cast<double>(value) / static_cast<double>(total);
    table.rows.push_back(
        {Number(static_cast<int64_t>(i)), Number(static_cast<int64_t>(slice.nodes.size())),
         OperatorsText(slice, 48),
         ReportCell(CountText(slice.counts, price), static_cast<double>(value)),
         ReportCell(absl::StrFormat("%.1f %%", share), share),
         slice.bits > 0 ? Number(slice.bits) : ReportCell(""),
         ReportCell(absl::StrCat(Grouped(static_cast<uint64_t>(slice.input_elements)), " → ",
                                 Grouped(static_cast<uint64_t>(slice.output_elements))),
                    static_cast<double>(slice.input_elements)),
         slice.provable ? (slice.arithmetic ? "yes" : "only moves data: no circuit")
                        : absl::StrCat("no: ", slice.reason)});
  }
  return table;
}

ReportTable RemarkTable(const ReportBackend& backend, size_t most) {
  ReportTable table;
  table.title = "What changed and why";
  table.columns = {{"count", true}, {"", false}, {"pass"}, {"operator"}, {"what"}, {"nodes"}};
  const std::vector<ReportRemark>& remarks = backend.columns[kFused].remarks;
  for (size_t i = 0; i < remarks.size() && (most == 0 || i < most); ++i) {
    const ReportRemark& remark = remarks[i];
    std::string text = remark.text;
    if (remark.gains) {
      absl::StrAppend(&text, absl::StrFormat("; factors of %.3g to %.3g", remark.gains->first,
                                             remark.gains->second));
    }
    table.rows.push_back({Number(remark.count), remark.kind, remark.pass, remark.op, std::move(text),
                          Examples(remark.examples, remark.count)});
  }
  if (table.rows.size() < remarks.size()) {
    table.note = absl::StrCat("And ", remarks.size() - table.rows.size(), " more kinds.");
  }
  return table;
}

ReportTable UnprovableTable(const ReportBackend& backend, int stage) {
  const ReportColumn& column = backend.columns[static_cast<size_t>(stage)];
  ReportTable table;
  table.title = absl::StrCat("Not provable, ", StageTitle(stage));
  table.columns = {{"nodes", true}, {"operator"}, {"reason"}, {"which"}, {"in the totals"}};
  std::map<std::tuple<std::string, std::string, bool>, std::vector<std::string>> groups;
  for (const ReportUnprovable& node : column.unprovable) {
    groups[{node.op, node.reason, node.priced}].push_back(node.node);
  }
  for (auto& [key, names] : groups) {
    const auto& [op, reason, priced] = key;
    const int64_t count = static_cast<int64_t>(names.size());
    if (names.size() > 3) names.resize(3);
    table.rows.push_back({Number(count), op, reason, Examples(names, count), priced ? "yes" : "no"});
  }
  std::stable_sort(table.rows.begin(), table.rows.end(),
                   [](const Row& a, const Row& b) { return b[0].key < a[0].key; });
  return table;
}

ReportTable CertaintyTable(const ReportBackend& backend) {
  ReportTable table;
  table.title = "How sure the numbers are";
  table.sortable = false;
  table.columns = {{"number"}, {"unfused"}, {"fused"}, {"rests on"}};
  table.rows.push_back({"nodes, BatchNormalizations, initializers, bytes, slices", "exact", "exact",
                        "counted in the graph at hand"});
  for (size_t i = 0; i < backend.backend->metrics().size(); ++i) {
    const MetricInfo& metric = backend.backend->metrics()[i];
    const auto word = [&](int stage) {
      const ReportColumn& column = backend.columns[static_cast<size_t>(stage)];
      return std::string(!column.error.empty()      ? "–"
                         : AnyExact(column, i)      ? "by exact formulas"
                                                    : "approximate");
    };
    table.rows.push_back({std::string(metric.name), word(kUnfused), word(kFused),
                          absl::StrCat(CheckText(backend.backend->name(), metric.name), "; ",
                                       metric.help)});
  }
  return table;
}

ReportTable ComparisonTable(const Report& report, size_t index) {
  ReportTable table;
  if (report.models.empty() || report.models[0].backends.size() <= index) return table;
  const Backend& backend = *report.models[0].backends[index].backend;
  const size_t price = report.models[0].backends[index].price_metric();
  const std::string unit(backend.metrics()[price].name);
  table.title = std::string(backend.name());
  table.columns = {{"model"},
                   {"nodes, folded", true},
                   {"BNs, folded", true},
                   {"slices, unfused → fused", true},
                   {absl::StrCat(unit, ", unfused"), true},
                   {"fused", true},
                   {"change", true},
                   {"largest slice", true}};
  for (const ReportModel& model : report.models) {
    const ReportBackend& entry = model.backends[index];
    const ReportColumn& came = entry.columns[kAsItCame];
    const ReportColumn& before = entry.columns[kUnfused];
    const ReportColumn& after = entry.columns[kFused];
    const auto total = [&](const ReportColumn& column) {
      return ReportCell(TotalText(column, price), static_cast<double>(ValueOf(column.total, price)));
    };
    const auto arrow = [](int64_t from, int64_t to) {
      return ReportCell(absl::StrCat(Grouped(static_cast<uint64_t>(from)), " → ",
                                     Grouped(static_cast<uint64_t>(to))),
                        static_cast<double>(to));
    };
    const bool cut = before.error.empty() && after.error.empty();
    const int largest = after.largest_slice(price);
    table.rows.push_back(
        {model.name, arrow(came.model.nodes, after.model.nodes),
         arrow(came.model.batch_normalizations, after.model.batch_normalizations),
         cut ? arrow(static_cast<int64_t>(before.slices.size()), static_cast<int64_t>(after.slices.size()))
             : ReportCell("–"),
         total(before), total(after),
         ReportCell(TotalChange(entry, price),
                    before.complete() && after.complete() && ValueOf(before.total, price) > 0
                        ? static_cast<double>(ValueOf(after.total, price)) /
                              static_cast<double>(ValueOf(before.total, price))
                        : 2),
         largest < 0 ? ReportCell("–")
                     : ReportCell(CountText(after.slices[static_cast<size_t>(largest)].counts, price),
                                  static_cast<double>(ValueOf(
                                      after.slices[static_cast<size_t>(largest)].counts, price)))});
  }
  return table;
}

std::string Headline(const ReportBackend& backend) {
  const ReportColumn& came = backend.columns[kAsItCame];
  const ReportColumn& before = backend.columns[kUnfused];
  const ReportColumn& after = backend.columns[kFused];
  if (!after.error.empty()) return absl::StrCat("It could not be prepared: ", after.error, ".");
  const size_t price = backend.price_metric();
  const std::string unit(backend.backend->metrics()[price].name);
  const auto number = [](int64_t value) { return Grouped(static_cast<uint64_t>(value)); };
  std::string text =
      absl::StrCat("Folding leaves ", number(after.model.nodes), " of ", number(came.model.nodes),
                   " nodes and ", number(after.model.batch_normalizations), " of ",
                   number(came.model.batch_normalizations), " BatchNormalizations. ");
  if (came.error.empty() && !came.unprovable.empty()) {
    absl::StrAppend(&text, number(static_cast<int64_t>(came.unprovable.size())),
                    " nodes could not be proven as they came; ",
                    after.unprovable.empty() ? "now all can"
                                             : absl::StrCat(number(static_cast<int64_t>(
                                                                after.unprovable.size())),
                                                            " still can't"),
                    ". ");
  }
  const std::string change = TotalChange(backend, price);
  if (!change.empty() && before.complete() && after.complete()) {
    absl::StrAppend(&text, "Fusing what is affine takes ", CountText(before.total, price), " ", unit,
                    " in ", before.slices.size(), " slices to ", CountText(after.total, price), " in ",
                    after.slices.size(), " (", change, ").");
  } else {
    absl::StrAppend(&text, unit, ": ", TotalText(after, price), ".");
  }
  return text;
}

std::string SettingText(const Report& report, const ReportBackend& backend) {
  std::string text = absl::StrCat(
      backend.backend->name(), ": ", backend.backend->summary(), "; lowered for: ", backend.target,
      "; cut by policy ", report.policy,
      report.policy == "budget" ? absl::StrCat(", least ", report.minimize) : "");
  if (report.budget) absl::StrAppend(&text, ", budget ", Grouped(*report.budget));
  for (const auto& [name, value] : backend.parameters) {
    if (value.size() < 24) absl::StrAppend(&text, ", ", name, " ", value.empty() ? "unset" : value);
  }
  return text;
}

}  // namespace dsperse
