#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "circuit_estimate/report_render.h"
#include "circuit_estimate/report_tables.h"
#include "fold/ir/one_line.h"

namespace dsperse {
namespace {

constexpr size_t kMostSlices = 40;
constexpr size_t kMostRemarks = 25;

// A cell or a sentence: names of a model may hold anything.
std::string Escape(absl::string_view text) {
  return absl::StrReplaceAll(OneLine(text), {{"\\", "\\\\"},
                                             {"|", "\\|"},
                                             {"<", "&lt;"},
                                             {"*", "\\*"},
                                             {"_", "\\_"},
                                             {"`", "\\`"},
                                             {"[", "\\["}});
}

std::string TableText(const ReportTable& table) {
  if (table.rows.empty()) return "";
  std::string text = "|";
  for (const ReportTable::Column& column : table.columns)
    absl::StrAppend(&text, " ", Escape(column.title), " |");
  absl::StrAppend(&text, "\n|");
  for (const ReportTable::Column& column : table.columns) {
    absl::StrAppend(&text, column.number ? "--:|" : "---|");
  }
  absl::StrAppend(&text, "\n");
  for (const std::vector<ReportCell>& row : table.rows) {
    absl::StrAppend(&text, "|");
    for (const ReportCell& cell : row) {
      const char* mark = cell.strong && !cell.text.empty() ? "**" : "";
      absl::StrAppend(&text, " ", mark, Escape(cell.text), mark, " |");
    }
    absl::StrAppend(&text, "\n");
  }
  if (!table.note.empty()) absl::StrAppend(&text, "\n", Escape(table.note), "\n");
  return text;
}

// A table under its title; nothing where it has no rows.
std::string Section(const ReportTable& table, absl::string_view level) {
  if (table.rows.empty()) return "";
  return absl::StrCat("\n", level, " ", Escape(table.title), "\n\n", TableText(table));
}

// Folded away: long lists.
std::string Details(const ReportTable& table) {
  if (table.rows.empty()) return "";
  return absl::StrCat("\n<details><summary>", Escape(table.title), "</summary>\n\n",
                      TableText(table), "\n</details>\n");
}

std::string BackendText(const Report& report, const ReportBackend& backend,
                        absl::string_view level) {
  const std::string below = absl::StrCat(level, "#");
  std::string text = absl::StrCat("\n", level, " ", Escape(backend.backend->name()), "\n\n",
                                  Escape(Headline(backend)), "\n\n",
                                  TableText(SummaryTable(backend, report.machine.has_value())),
                                  "\n", Escape(SettingText(report, backend)), "\n");
  for (int stage = 0; stage < kReportStages; ++stage) {
    const ReportColumn& column = backend.columns[static_cast<size_t>(stage)];
    if (!column.error.empty()) {
      absl::StrAppend(&text, "\nThe column \"", StageTitle(stage),
                      "\" could not be made: ", Escape(column.error), "\n");
    }
  }
  if (const std::vector<std::string>& warnings = backend.columns[kFused].warnings;
      !warnings.empty()) {
    absl::StrAppend(&text, "\n<details><summary>", warnings.size(),
                    warnings.size() == 1 ? " warning" : " warnings", "</summary>\n\n");
    for (const std::string& warning : warnings) absl::StrAppend(&text, "* ", Escape(warning), "\n");
    absl::StrAppend(&text, "\n</details>\n");
  }
  absl::StrAppend(&text, Section(UnprovableTable(backend, kAsItCame), below));
  if (!backend.columns[kFused].unprovable.empty()) {
    absl::StrAppend(&text, Section(UnprovableTable(backend, kFused), below));
  }
  absl::StrAppend(
      &text, Section(RemarkTable(backend, kMostRemarks), below),
      Section(OperatorTable(backend), below), Details(SliceTable(backend, kUnfused, kMostSlices)),
      Details(SliceTable(backend, kFused, kMostSlices)), Section(CertaintyTable(backend), below));
  return text;
}

std::string MachineText(const ReportMachine& machine) {
  return absl::StrCat("Times on ", Escape(machine.cpu), ", ", machine.cores, " cores, ",
                      machine.memory_bytes >> 30, " GiB of memory.\n");
}

}  // namespace

std::string RenderMarkdown(const Report& report) {
  const bool many = report.models.size() != 1;
  std::string text = many ? "# Comparison\n" : "";
  if (many && !report.models.empty()) {
    for (size_t i = 0; i < report.models[0].backends.size(); ++i) {
      absl::StrAppend(&text, Section(ComparisonTable(report, i), "##"));
    }
  }
  for (const ReportModel& model : report.models) {
    absl::StrAppend(&text, many ? "\n## " : "# ", Escape(model.name), "\n");
    if (!model.inputs.empty()) {
      absl::StrAppend(&text, "\nInputs: ", Escape(absl::StrJoin(model.inputs, ", ")), "\n");
    }
    for (const std::string& notice : model.notices)
      absl::StrAppend(&text, "\n> ", Escape(notice), "\n");
    for (const ReportBackend& backend : model.backends) {
      absl::StrAppend(&text, BackendText(report, backend, many ? "###" : "##"));
    }
  }
  absl::StrAppend(&text,
                  "\n*Unfused*: every pass but fuse\\_conv\\_batchnorm and fuse\\_affine, then "
                  "lowered; *fused*: "
                  "all of them. ≈ marks what an approximate formula took part in.\n");
  if (report.machine) absl::StrAppend(&text, "\n", MachineText(*report.machine));
  return text;
}

}  // namespace dsperse
