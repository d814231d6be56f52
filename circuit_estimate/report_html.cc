#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "circuit_estimate/report_page.h"
#include "circuit_estimate/report_render.h"
#include "circuit_estimate/report_tables.h"

namespace dsperse {
namespace {

constexpr size_t kMostRows = 1500;   // of a table
constexpr size_t kDense = 80;        // slices from which on there are no gaps
constexpr size_t kNamesOfHover = 6;  // nodes that a slice's hover names
constexpr size_t kNamesToFind = 20;  // nodes that a search finds a slice by

std::string Escape(absl::string_view text) {
  return absl::StrReplaceAll(
      text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

std::string Names(const std::vector<std::string>& names, size_t most) {
  std::string text;
  for (size_t i = 0; i < names.size() && i < most; ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ", ", names[i]);
  }
  if (names.size() > most) absl::StrAppend(&text, " … and ", names.size() - most, " more");
  return text;
}

// Cost of a slice by family; last what it costs beside its nodes.
std::vector<uint64_t> ByFamily(const ReportSlice& slice, size_t price) {
  std::vector<uint64_t> sums(FamilyNames().size() + 1);
  uint64_t nodes = 0;
  for (const ReportOperator& op : slice.operators) {
    const uint64_t value = ValueOf(op.counts, price);
    sums[static_cast<size_t>(OperatorFamily(op.op))] += value;
    nodes += value;
  }
  const uint64_t total = ValueOf(slice.counts, price);
  sums.back() = total > nodes ? total - nodes : 0;
  return sums;
}

// Hover of a slice: "fused slice 3: 1,234 constraints, Conv×2 Max: /a, /b".
std::string SliceTitle(const ReportBackend& backend, int stage, size_t index) {
  const ReportSlice& slice = backend.columns[static_cast<size_t>(stage)].slices[index];
  const size_t price = backend.price_metric();
  return absl::StrCat(StageTitle(stage), " slice ", index, ": ", CountText(slice.counts, price), " ",
                      backend.backend->metrics()[price].name, ", ", OperatorsText(slice, 60), ": ",
                      Names(slice.nodes, kNamesOfHover), slice.provable ? "" : " (not provable)");
}

// `titles`: hovers of the rows, as far as there are any.
std::string Table(const ReportTable& table, absl::string_view id, const std::vector<std::string>& titles = {}) {
  std::string out = absl::StrCat("<div class=\"scroll\"><table", table.sortable ? " class=\"sortable\"" : "",
                                 " id=\"", id, "\"><thead><tr>");
  for (const ReportTable::Column& column : table.columns) {
    absl::StrAppend(&out, "<th scope=\"col\"", column.number ? " class=\"n\"" : "", ">", Escape(column.title),
                    "</th>");
  }
  absl::StrAppend(&out, "</tr></thead><tbody>\n");
  for (size_t r = 0; r < table.rows.size() && r < kMostRows; ++r) {
    const std::vector<ReportCell>& row = table.rows[r];
    absl::StrAppend(&out, "<tr", !row.empty() && row[0].strong ? " class=\"main\"" : "",
                    r < titles.size() ? absl::StrCat(" title=\"", Escape(titles[r]), "\"") : "", ">");
    for (size_t c = 0; c < row.size(); ++c) {
      const bool number = c < table.columns.size() && table.columns[c].number;
      const bool sentence = row[c].text.size() > 26;
      const char* kind = number ? (sentence ? " class=\"n w\"" : " class=\"n\"") : sentence ? " class=\"what\"" : "";
      absl::StrAppend(&out, "<td", kind, number ? absl::StrCat(" data-k=\"", row[c].key, "\"") : "", ">",
                      Escape(row[c].text), "</td>");
    }
    absl::StrAppend(&out, "</tr>\n");
  }
  absl::StrAppend(&out, "</tbody></table></div>");
  if (!table.note.empty()) absl::StrAppend(&out, "<p class=\"note\">", Escape(table.note), "</p>");
  return out;
}

std::string Details(const ReportTable& table, absl::string_view id, bool open = false) {
  if (table.rows.empty()) return "";
  return absl::StrCat("<details", open ? " open" : "", "><summary>", Escape(table.title), "</summary>",
                      Table(table, id), "</details>\n");
}

std::string ChangeClass(absl::string_view change) {
  return absl::StartsWith(change, "−") ? "less" : absl::StartsWith(change, "+") ? "more" : "";
}

std::string Tile(absl::string_view title, const std::string& before, const std::string& after,
                 const std::string& change, absl::string_view id = "") {
  return absl::StrCat("<div class=\"tile\"", id.empty() ? "" : absl::StrCat(" id=\"", id, "\""), "><b>", Escape(title),
                      "</b><span>", before.empty() ? "" : absl::StrCat("<i>", Escape(before), " →</i> "),
                      "<strong>", Escape(after), "</strong></span><em class=\"", ChangeClass(change), "\">",
                      Escape(change.empty() ? " " : change), "</em></div>\n");
}

std::string Tiles(const ReportBackend& backend, absl::string_view id) {
  const ReportColumn& came = backend.columns[kAsItCame];
  const ReportColumn& before = backend.columns[kUnfused];
  const ReportColumn& after = backend.columns[kFused];
  const size_t price = backend.price_metric();
  const auto number = [](int64_t value) { return Grouped(static_cast<uint64_t>(value)); };
  const auto change = [](int64_t from, int64_t to) {
    return Change(static_cast<uint64_t>(from), static_cast<uint64_t>(to));
  };
  std::string out = "<div class=\"tiles\">\n";
  const bool cut = before.error.empty() && after.error.empty();
  if (cut) {
    const auto text = [&](const ReportColumn& column) {
      return absl::StrCat(IsExact(column.total, price) ? "" : "≈ ", Short(ValueOf(column.total, price)));
    };
    std::string total = TotalChange(backend, price);
    const auto unpriced = [](const ReportColumn& column) { return column.priced_nodes < column.circuit_nodes; };
    if (total.empty() && (unpriced(before) || unpriced(after))) total = "not of all nodes: some have no price";
    absl::StrAppend(&out, Tile(absl::StrCat(backend.backend->metrics()[price].name, ", unfused → fused"),
                               text(before), text(after),
                               total,
                               absl::StrCat(id, "-total")));
  }
  absl::StrAppend(&out,
                  Tile("nodes, folded", number(came.model.nodes), number(after.model.nodes),
                       change(came.model.nodes, after.model.nodes)),
                  Tile("BatchNormalizations", number(came.model.batch_normalizations),
                       number(after.model.batch_normalizations),
                       change(came.model.batch_normalizations, after.model.batch_normalizations)));
  if (came.error.empty() && after.error.empty()) {
    absl::StrAppend(&out, Tile("unprovable nodes", number(static_cast<int64_t>(came.unprovable.size())),
                               number(static_cast<int64_t>(after.unprovable.size())),
                               after.complete() ? "every slice provable" : ""));
  }
  if (cut) {
    const int64_t from = static_cast<int64_t>(before.slices.size());
    const int64_t to = static_cast<int64_t>(after.slices.size());
    absl::StrAppend(&out, Tile("slices, unfused → fused", number(from), number(to), change(from, to)));
  }
  return absl::StrCat(out, "</div>\n");
}

// One row: every slice as wide as it is dear, split by operator family.
std::string Strip(const ReportBackend& backend, int stage, uint64_t widest) {
  const ReportColumn& column = backend.columns[static_cast<size_t>(stage)];
  const size_t price = backend.price_metric();
  const uint64_t total = ValueOf(column.total, price);
  const double percent = widest == 0 ? 0 : 100 * static_cast<double>(total) / static_cast<double>(widest);
  std::string out = absl::StrFormat("<div class=\"track\"><div class=\"strip%s\" style=\"width:%.3f%%\">",
                                    column.slices.size() > kDense ? " dense" : "", percent);
  for (size_t i = 0; i < column.slices.size(); ++i) {
    const uint64_t value = ValueOf(column.slices[i].counts, price);
    if (value == 0) continue;
    absl::StrAppendFormat(&out, "<div style=\"flex:%.5f 1 0\" title=\"%s\">",
                          1000 * static_cast<double>(value) / static_cast<double>(total),
                          Escape(SliceTitle(backend, stage, i)));
    const std::vector<uint64_t> families = ByFamily(column.slices[i], price);
    for (size_t f = 0; f < families.size(); ++f) {
      if (families[f] == 0) continue;
      absl::StrAppendFormat(&out, "<i class=\"f%d\" style=\"flex:%.5f 1 0\"></i>", f,
                            1000 * static_cast<double>(families[f]) / static_cast<double>(value));
    }
    absl::StrAppend(&out, "</div>");
  }
  return absl::StrCat(out, "</div></div>\n");
}

std::string Legend(const ReportBackend& backend) {
  const size_t price = backend.price_metric();
  std::vector<uint64_t> used(FamilyNames().size() + 1);
  for (int stage : {kUnfused, kFused}) {
    for (const ReportSlice& slice : backend.columns[static_cast<size_t>(stage)].slices) {
      const std::vector<uint64_t> families = ByFamily(slice, price);
      for (size_t f = 0; f < used.size(); ++f) used[f] |= families[f];
    }
  }
  std::vector<absl::string_view> names = FamilyNames();
  names.push_back("boundaries and fixed price of slices");
  std::string out = "<ul class=\"legend\">";
  for (size_t f = 0; f < used.size(); ++f) {
    if (used[f] != 0) absl::StrAppend(&out, "<li><i class=\"f", f, "\"></i>", names[f], "</li>");
  }
  return absl::StrCat(out, "</ul>\n");
}

std::string StripFigure(const ReportBackend& backend) {
  const size_t price = backend.price_metric();
  uint64_t widest = 0;
  for (int stage : {kUnfused, kFused}) {
    widest = std::max(widest, ValueOf(backend.columns[static_cast<size_t>(stage)].total, price));
  }
  if (widest == 0) return "";
  std::string out = absl::StrCat(
      "<figure><b>Along the network</b><figcaption>Each block is a slice, as wide as it costs in ",
      backend.backend->metrics()[price].name, ", coloured by what its operators are for.</figcaption><div class=\"rows\">");
  for (int stage : {kUnfused, kFused}) {
    const ReportColumn& column = backend.columns[static_cast<size_t>(stage)];
    if (!column.error.empty()) continue;
    absl::StrAppend(&out, "<span>", StageTitle(stage), "<small>", IsExact(column.total, price) ? "" : "≈ ",
                    Short(ValueOf(column.total, price)), "</small></span>", Strip(backend, stage, widest));
  }
  return absl::StrCat(out, "</div>", Legend(backend), "<output class=\"tip\"></output></figure>\n");
}

std::string BarPanel(const ReportBackend& backend, int stage, uint64_t highest) {
  const ReportColumn& column = backend.columns[static_cast<size_t>(stage)];
  const size_t price = backend.price_metric();
  std::string out = absl::StrCat("<div class=\"panel\"><p><b>", StageTitle(stage), "</b><span>",
                                 column.slices.size(), column.slices.size() == 1 ? " slice" : " slices",
                                 "; top of the scale ", Short(highest), "</span></p><div class=\"bars",
                                 column.slices.size() > kDense ? " dense" : "", "\">");
  for (size_t i = 0; i < column.slices.size(); ++i) {
    const std::vector<uint64_t> families = ByFamily(column.slices[i], price);
    const auto main = std::max_element(families.begin(), families.end()) - families.begin();
    absl::StrAppendFormat(&out, "<div class=\"f%d\" style=\"height:%.3f%%\" title=\"%s\"></div>", main,
                          100 * static_cast<double>(ValueOf(column.slices[i].counts, price)) /
                              static_cast<double>(highest),
                          Escape(SliceTitle(backend, stage, i)));
  }
  absl::StrAppend(&out, "</div>");
  if (column.slices.size() > 1) {
    absl::StrAppend(&out, "<div class=\"ends\"><span>slice 0</span><span>", column.slices.size() - 1, "</span></div>");
  }
  return absl::StrCat(out, "</div>\n");
}

std::string BarFigure(const ReportBackend& backend) {
  const size_t price = backend.price_metric();
  uint64_t highest = 0;
  for (int stage : {kUnfused, kFused}) {
    const ReportColumn& column = backend.columns[static_cast<size_t>(stage)];
    const int largest = column.largest_slice(price);
    if (largest >= 0) {
      highest = std::max(highest, ValueOf(column.slices[static_cast<size_t>(largest)].counts, price));
    }
  }
  if (highest == 0) return "";
  std::string out = absl::StrCat("<figure><b>", backend.backend->metrics()[price].name,
                                 " per slice</b><figcaption>Both panels have the same scale; the colour is that of the "
                                 "dearest family.</figcaption><div class=\"panels\">");
  for (int stage : {kUnfused, kFused}) absl::StrAppend(&out, BarPanel(backend, stage, highest));
  return absl::StrCat(out, "</div><output class=\"tip\"></output></figure>\n");
}

// Slices of all three columns in one table, to be searched and sorted.
std::string SliceSection(const ReportBackend& backend, absl::string_view id) {
  ReportTable all;
  std::vector<std::string> titles;
  for (int stage = kReportStages - 1; stage >= 0; --stage) {
    const ReportColumn& column = backend.columns[static_cast<size_t>(stage)];
    if (!column.error.empty()) continue;
    const ReportTable part = SliceTable(backend, stage, kMostRows / kReportStages);
    if (all.columns.empty()) {
      all.columns = part.columns;
      all.columns.insert(all.columns.begin(), {"column"});
    }
    if (!part.note.empty()) absl::StrAppend(&all.note, StageTitle(stage), ": ", part.note, " ");
    for (std::vector<ReportCell> row : part.rows) {
      const size_t index = static_cast<size_t>(row[0].key);
      titles.push_back(Names(column.slices[index].nodes, kNamesToFind));
      row.insert(row.begin(), std::string(StageTitle(stage)));
      all.rows.push_back(std::move(row));
    }
  }
  if (all.rows.empty()) return "";
  const std::string table = absl::StrCat(id, "-slices");
  return absl::StrCat(
      "<h3>Slices</h3><div class=\"find\"><input type=\"search\" data-of=\"", table,
      "\" placeholder=\"Find: operator, node, fused …\" aria-label=\"Find slices\"><span class=\"soft\"></span></div>",
      Table(all, table, titles), "\n");
}

std::string BackendPart(const Report& report, const ReportBackend& backend, absl::string_view id) {
  std::string out = absl::StrCat("<p class=\"lead\">", Escape(Headline(backend)), "</p>\n", Tiles(backend, id));
  for (int stage = 0; stage < kReportStages; ++stage) {
    const ReportColumn& column = backend.columns[static_cast<size_t>(stage)];
    if (!column.error.empty()) {
      absl::StrAppend(&out, "<p class=\"notice\">The column “", StageTitle(stage), "” could not be made: ",
                      Escape(column.error), "</p>\n");
    }
  }
  absl::StrAppend(&out, StripFigure(backend), BarFigure(backend), "<h3>Side by side</h3>",
                  Table(SummaryTable(backend, report.machine.has_value()), absl::StrCat(id, "-summary")),
                  "<p class=\"note\">", Escape(SettingText(report, backend)), "</p>\n");
  if (const std::vector<std::string>& warnings = backend.columns[kFused].warnings; !warnings.empty()) {
    absl::StrAppend(&out, "<details class=\"warn\"><summary>", warnings.size(),
                    warnings.size() == 1 ? " warning" : " warnings", "</summary><ul class=\"soft\">");
    for (const std::string& warning : warnings) absl::StrAppend(&out, "<li>", Escape(warning), "</li>");
    absl::StrAppend(&out, "</ul></details>\n");
  }
  absl::StrAppend(&out, SliceSection(backend, id),
                  Details(RemarkTable(backend), absl::StrCat(id, "-remarks"), true),
                  Details(OperatorTable(backend), absl::StrCat(id, "-operators"), true),
                  Details(UnprovableTable(backend, kAsItCame), absl::StrCat(id, "-came")),
                  Details(UnprovableTable(backend, kFused), absl::StrCat(id, "-left")),
                  Details(CertaintyTable(backend), absl::StrCat(id, "-sure")));
  return out;
}

std::string ModelPart(const Report& report, size_t index) {
  const ReportModel& model = report.models[index];
  std::string out;
  for (const std::string& notice : model.notices) {
    absl::StrAppend(&out, "<p class=\"notice\">", Escape(notice), "</p>\n");
  }
  for (size_t b = 0; b < model.backends.size(); ++b) {
    const ReportBackend& backend = model.backends[b];
    const std::string id = absl::StrCat("m", index, "b", b);
    const std::string part = BackendPart(report, backend, id);
    if (b == 0) {
      absl::StrAppend(&out, "<section id=\"", id, "\"><h2>", Escape(backend.backend->name()),
                      "</h2><p class=\"soft\">", Escape(backend.backend->summary()), "</p>\n", part, "</section>\n");
    } else {
      const std::string change = TotalChange(backend, backend.price_metric());
      absl::StrAppend(&out, "<details class=\"part\" id=\"", id, "\"><summary>", Escape(backend.backend->name()),
                      "<small>", Escape(change), "</small></summary>\n<p class=\"soft\">",
                      Escape(backend.backend->summary()), "</p>", part, "</details>\n");
    }
  }
  return out;
}

// Totals of all models as pairs of bars, unfused above fused.
std::string ComparisonFigure(const Report& report, size_t backend) {
  uint64_t widest = 0;
  const auto total = [&](const ReportModel& model, int stage) {
    const ReportBackend& entry = model.backends[backend];
    return ValueOf(entry.columns[static_cast<size_t>(stage)].total, entry.price_metric());
  };
  for (const ReportModel& model : report.models) {
    widest = std::max({widest, total(model, kUnfused), total(model, kFused)});
  }
  if (widest == 0) return "";
  const ReportBackend& first = report.models[0].backends[backend];
  std::string out = absl::StrCat("<figure><b>", first.backend->metrics()[first.price_metric()].name,
                                 "</b><figcaption>Unfused (grey) and fused (blue), all models on one scale."
                                 "</figcaption><div class=\"rows\">");
  for (const ReportModel& model : report.models) {
    absl::StrAppend(&out, "<span>", Escape(model.name), "<small>",
                    Escape(TotalChange(model.backends[backend], first.price_metric())), "</small></span><div class=\"pair\">");
    for (int stage : {kUnfused, kFused}) {
      const uint64_t value = total(model, stage);
      absl::StrAppendFormat(&out, "<div class=\"%s\" style=\"width:%.3f%%\" title=\"%s\"></div>",
                            stage == kUnfused ? "was" : "is",
                            100 * static_cast<double>(value) / static_cast<double>(widest),
                            Escape(absl::StrCat(model.name, ", ", StageTitle(stage), ": ", Grouped(value))));
    }
    absl::StrAppend(&out, "</div>\n");
  }
  return absl::StrCat(out, "</div><output class=\"tip\"></output></figure>\n");
}

std::string Comparison(const Report& report) {
  std::string out;
  for (size_t b = 0; b < report.models[0].backends.size(); ++b) {
    const ReportTable table = ComparisonTable(report, b);
    const std::string id = absl::StrCat("all-b", b);
    absl::StrAppend(&out, "<h2>", Escape(table.title), "</h2><p class=\"soft\">",
                    Escape(report.models[0].backends[b].backend->summary()), "</p>", ComparisonFigure(report, b),
                    "<h3>All models</h3>", Table(table, id), "\n");
  }
  return out;
}

}  // namespace

std::string RenderHtml(const Report& report) {
  const bool many = report.models.size() != 1;
  const std::string title = many ? absl::StrCat(report.models.size(), " models compared")
                                 : report.models[0].name;
  std::string out = absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>",
      Escape(title), "</title>\n<style>", PageStyle(), "</style></head>\n<body><main>\n<header><h1>",
      Escape(title), "</h1>");
  if (!many) {
    absl::StrAppend(&out, "<p class=\"soft\">", Escape(absl::StrJoin(report.models[0].inputs, ", ")), "</p>");
  }
  absl::StrAppend(&out, "</header>\n");
  if (many && !report.models.empty()) absl::StrAppend(&out, Comparison(report));
  for (size_t i = 0; i < report.models.size(); ++i) {
    if (many) {
      absl::StrAppend(&out, "<details class=\"part\"><summary>", Escape(report.models[i].name), "</summary>\n");
    }
    absl::StrAppend(&out, ModelPart(report, i), many ? "</details>\n" : "");
  }
  absl::StrAppend(&out,
                  "<footer class=\"soft\"><p>As it came: neither folded nor lowered. Unfused: every pass but "
                  "fuse_conv_batchnorm and fuse_affine, then lowered. Fused: all of them. ≈ marks what an approximate "
                  "formula took part in.</p>");
  if (report.machine) {
    absl::StrAppend(&out, "<p>Times on ", Escape(report.machine->cpu), ", ", report.machine->cores, " cores, ",
                    report.machine->memory_bytes >> 30, " GiB of memory.</p>");
  }
  return absl::StrCat(out, "<p>dsperse-slice ", Escape(report.version), "</p></footer>\n</main>\n<script>",
                      PageScript(), "</script></body></html>\n");
}

}  // namespace dsperse
