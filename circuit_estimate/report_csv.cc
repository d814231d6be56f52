#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "circuit_estimate/report_render.h"

namespace dsperse {
namespace {

std::string Field(absl::string_view text) {
  if (text.find_first_of(",\"\n\r") == absl::string_view::npos) return std::string(text);
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

class Writer {
 public:
  void Begin(absl::string_view model, absl::string_view backend, absl::string_view column) {
    prefix_ = absl::StrCat(Field(model), ",", backend, ",", column, ",");
  }
  void Line(absl::string_view row, absl::string_view name, int64_t nodes, absl::string_view metric,
            uint64_t value, bool exact) {
    absl::StrAppend(&text_, prefix_, row, ",", Field(name), ",", nodes, ",", metric, ",", value, ",",
                    exact ? "yes" : "no", "\n");
  }
  void Lines(const Backend& backend, absl::string_view row, absl::string_view name, int64_t nodes,
             const Counts& counts, bool steps) {
    for (size_t i = 0; i < backend.metrics().size(); ++i) {
      const MetricInfo& metric = backend.metrics()[i];
      if (!metric.additive && !steps) continue;
      Line(row, name, nodes, metric.name, ValueOf(counts, i), IsExact(counts, i));
    }
  }
  std::string text() const {
    return absl::StrCat("model,backend,column,row,name,nodes,metric,value,exact\n", text_);
  }

 private:
  std::string prefix_, text_;
};

void AddColumn(const Backend& backend, const ReportColumn& column, Writer* out) {
  const auto model = [&](absl::string_view row, const ReportCounts& counts) {
    const auto line = [&](absl::string_view metric, int64_t value) {
      out->Line(row, "", counts.nodes, metric, static_cast<uint64_t>(value), true);
    };
    line("nodes", counts.nodes);
    line("batch_normalizations", counts.batch_normalizations);
    line("initializers", counts.initializers);
    line("bytes", counts.bytes);
  };
  model("model", column.model);
  if (!column.error.empty()) return;
  if (column.lowered) model("lowered", *column.lowered);
  const auto total = [&](absl::string_view metric, int64_t value) {
    out->Line("total", "", column.priced_nodes, metric, static_cast<uint64_t>(value), true);
  };
  total("slices", static_cast<int64_t>(column.slices.size()));
  total("arithmetic_slices", column.arithmetic_slices());
  total("provable_slices", column.provable_slices());
  total("unprovable_nodes", static_cast<int64_t>(column.unprovable.size()));
  total("nodes_without_price", column.circuit_nodes - column.priced_nodes);
  out->Lines(backend, column.complete() ? "total" : "partial", "", column.priced_nodes, column.total, true);
  out->Lines(backend, "boundary", "inputs", 0, column.inputs, false);
  out->Lines(backend, "boundary", "outputs", 0, column.outputs, false);
  out->Lines(backend, "boundary", "fixed", 0, column.fixed, false);
  for (const ReportOperator& op : column.operators) {
    out->Lines(backend, "operator", op.op, op.nodes, op.counts, false);
  }
  for (size_t i = 0; i < column.slices.size(); ++i) {
    const ReportSlice& slice = column.slices[i];
    out->Lines(backend, "slice", absl::StrCat("slice_", i), static_cast<int64_t>(slice.nodes.size()),
               slice.counts, true);
  }
}

}  // namespace

std::string RenderCsv(const Report& report) {
  Writer out;
  for (const ReportModel& model : report.models) {
    for (const ReportBackend& backend : model.backends) {
      for (int stage = 0; stage < kReportStages; ++stage) {
        out.Begin(model.name, backend.backend->name(), StageId(stage));
        AddColumn(*backend.backend, backend.columns[static_cast<size_t>(stage)], &out);
      }
    }
  }
  return out.text();
}

}  // namespace dsperse
