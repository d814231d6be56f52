// Tables of a report, as text: what the Markdown and the HTML page show alike.
#ifndef DSPERSE_CIRCUIT_ESTIMATE_REPORT_TABLES_H_
#define DSPERSE_CIRCUIT_ESTIMATE_REPORT_TABLES_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "circuit_estimate/report_data.h"

namespace dsperse {

struct ReportCell {
  ReportCell(std::string words) : text(std::move(words)) {}  // NOLINT: a text is a cell
  ReportCell(const char* words) : text(words) {}             // NOLINT
  ReportCell(std::string words, double number) : text(std::move(words)), key(number) {}

  std::string text;
  double key = 0;       // numbers sort by it
  bool strong = false;  // the row's main figure
};

struct ReportTable {
  struct Column {
    std::string title;
    bool number = false;  // aligned right, sorted by key
  };
  std::string title;
  std::string note;  // a sentence below it, or ""
  bool sortable = true;  // rows may come in any order
  std::vector<Column> columns;
  std::vector<std::vector<ReportCell>> rows;
};

// 102579328 → "102,579,328".
std::string Grouped(uint64_t value);
// "54.98 M": three or four digits, for places where all do not fit.
std::string Short(uint64_t value);
// "−7.0 %", "+0.5 %", "±0 %"; "" where `before` is 0.
std::string Change(uint64_t before, uint64_t after);
// "1.2 s".
std::string Seconds(double seconds);

// "≈ 1,234" (≈ unless exact).
std::string CountText(const Counts& counts, size_t metric);
// A column's total, and never a bare number where it does not cover the model: "not provable; at least 12,345: 3 of
// 69 nodes have no price".
std::string TotalText(const ReportColumn& column, size_t metric);
// Change of a metric's total from unfused to fused; "" where a node of either has no price.
std::string TotalChange(const ReportBackend& backend, size_t metric);
// "Conv×2 Gemm Max×4", the dearest first, at most `width` characters.
std::string OperatorsText(const ReportSlice& slice, size_t width);

// The three columns side by side.
ReportTable SummaryTable(const ReportBackend& backend, bool times);
ReportTable OperatorTable(const ReportBackend& backend);
// The slices of one column in their order; with `most`, only so many, the dearest.
ReportTable SliceTable(const ReportBackend& backend, int stage, size_t most = 0);
// What shrank and why, and what did not.
ReportTable RemarkTable(const ReportBackend& backend, size_t most = 0);
// Nodes that can't be proven, by operator and reason.
ReportTable UnprovableTable(const ReportBackend& backend, int stage);
// How sure each number is.
ReportTable CertaintyTable(const ReportBackend& backend);
// One line a model, for backend `index` of each.
ReportTable ComparisonTable(const Report& report, size_t index);

// The result in one sentence.
std::string Headline(const ReportBackend& backend);
// "policy budget, least total; backend jstprove_expander (…), target jstprove".
std::string SettingText(const Report& report, const ReportBackend& backend);

}  // namespace dsperse

#endif  // DSPERSE_CIRCUIT_ESTIMATE_REPORT_TABLES_H_
