#include <cmath>

#include "circuit_estimate/report_render.h"
#include "nlohmann/json.hpp"

namespace dsperse {
namespace {

using Json = nlohmann::ordered_json;

Json MetricsJson(const Backend& backend, const Counts& counts, bool steps = true) {
  Json json = Json::object();
  for (size_t i = 0; i < backend.metrics().size(); ++i) {
    const MetricInfo& metric = backend.metrics()[i];
    if (metric.additive || steps) json[std::string(metric.name)] = ValueOf(counts, i);
  }
  return json;
}

// Names of the metrics that an approximate formula took part in.
Json ApproximateJson(const Backend& backend, const Counts& counts) {
  Json list = Json::array();
  for (size_t i = 0; i < backend.metrics().size(); ++i) {
    if (!IsExact(counts, i)) list.push_back(std::string(backend.metrics()[i].name));
  }
  return list;
}

Json CountsJson(const ReportCounts& counts) {
  return {{"nodes", counts.nodes},
          {"batch_normalizations", counts.batch_normalizations},
          {"initializers", counts.initializers},
          {"bytes", counts.bytes}};
}

Json OperatorsJson(const Backend& backend, const std::vector<ReportOperator>& operators) {
  Json list = Json::array();
  for (const ReportOperator& op : operators) {
    list.push_back({{"op", op.op},
                    {"nodes", op.nodes},
                    {"counts", MetricsJson(backend, op.counts, false)},
                    {"approximate", ApproximateJson(backend, op.counts)}});
  }
  return list;
}

Json SliceJson(const Backend& backend, const ReportSlice& slice, size_t index) {
  Json json;
  json["index"] = index;
  json["nodes"] = slice.nodes;
  json["operators"] = OperatorsJson(backend, slice.operators);
  json["counts"] = MetricsJson(backend, slice.counts);
  json["approximate"] = ApproximateJson(backend, slice.counts);
  json["bits"] = slice.bits;
  json["input_elements"] = slice.input_elements;
  json["output_elements"] = slice.output_elements;
  json["arithmetic"] = slice.arithmetic;
  json["provable"] = slice.provable;
  if (!slice.reason.empty()) json["reason"] = slice.reason;
  return json;
}

Json RemarksJson(const std::vector<ReportRemark>& remarks) {
  Json list = Json::array();
  for (const ReportRemark& remark : remarks) {
    Json json = {{"kind", remark.kind}, {"pass", remark.pass},   {"operator", remark.op},
                 {"text", remark.text}, {"count", remark.count}, {"examples", remark.examples}};
    if (remark.gains) json["gains"] = {{"least", remark.gains->first}, {"most", remark.gains->second}};
    list.push_back(std::move(json));
  }
  return list;
}

Json ColumnJson(const ReportBackend& entry, const ReportColumn& column, bool times) {
  const Backend& backend = *entry.backend;
  Json json;
  json["model"] = CountsJson(column.model);
  if (!column.error.empty()) {
    json["error"] = column.error;
    return json;
  }
  if (column.lowered) json["lowered"] = CountsJson(*column.lowered);
  json["complete"] = column.complete();
  json["circuit_nodes"] = column.circuit_nodes;
  json["priced_nodes"] = column.priced_nodes;
  json["unprovable_nodes"] = column.unprovable.size();
  json["slice_count"] = column.slices.size();
  json["arithmetic_slices"] = column.arithmetic_slices();
  json["provable_slices"] = column.provable_slices();
  const int largest = column.largest_slice(entry.price_metric());
  json["largest_slice"] = largest < 0 ? Json(nullptr) : Json(largest);
  json["totals"] = MetricsJson(backend, column.total);
  json["approximate"] = ApproximateJson(backend, column.total);
  json["boundary"] = {{"inputs", MetricsJson(backend, column.inputs, false)},
                      {"outputs", MetricsJson(backend, column.outputs, false)},
                      {"fixed", MetricsJson(backend, column.fixed, false)}};
  json["operators"] = OperatorsJson(backend, column.operators);
  Json& slices = json["slices"] = Json::array();
  for (size_t i = 0; i < column.slices.size(); ++i) {
    slices.push_back(SliceJson(backend, column.slices[i], i));
  }
  Json& unprovable = json["unprovable"] = Json::array();
  for (const ReportUnprovable& node : column.unprovable) {
    unprovable.push_back(
        {{"node", node.node}, {"op", node.op}, {"reason", node.reason}, {"priced", node.priced}});
  }
  json["remarks"] = RemarksJson(column.remarks);
  json["warnings"] = column.warnings;
  if (times) json["seconds"] = column.seconds;
  return json;
}

// From unfused to fused; null where either side is no price of the whole model.
Json ChangeJson(const ReportBackend& entry) {
  const ReportColumn& before = entry.columns[kUnfused];
  const ReportColumn& after = entry.columns[kFused];
  if (!before.complete() || !after.complete()) return nullptr;
  Json json = Json::object();
  for (size_t i = 0; i < entry.backend->metrics().size(); ++i) {
    const uint64_t from = ValueOf(before.total, i);
    const uint64_t to = ValueOf(after.total, i);
    Json percent = nullptr;  // from 0 to anything else
    if (from == to) {
      percent = 0;
    } else if (from != 0) {
      const double change = static_cast<double>(to) - static_cast<double>(from);
      percent = std::round(10000 * change / static_cast<double>(from)) / 100;
    }
    json[std::string(entry.backend->metrics()[i].name)] = {
        {"before", from},
        {"after", to},
        {"percent", percent},
        {"exact", IsExact(before.total, i) && IsExact(after.total, i)}};
  }
  return json;
}

Json BackendJson(const ReportBackend& entry, bool times) {
  const Backend& backend = *entry.backend;
  Json json;
  json["name"] = std::string(backend.name());
  json["tool"] = std::string(backend.summary());
  json["unit"] = std::string(backend.metrics()[entry.price_metric()].name);
  json["target"] = entry.target;
  Json& parameters = json["parameters"] = Json::object();
  for (const auto& [name, value] : entry.parameters) parameters[name] = value;
  Json& metrics = json["metrics"] = Json::array();
  for (const MetricInfo& metric : backend.metrics()) {
    Json row = {{"name", std::string(metric.name)},
                {"help", std::string(metric.help)},
                {"total", metric.additive ? "sum" : "largest"},
                {"check", CheckText(backend.name(), metric.name)}};
    if (const ReportCheck* check = FindCheck(backend.name(), metric.name)) {
      row["equal"] = check->equal;
      row["compared"] = check->of;
    }
    metrics.push_back(std::move(row));
  }
  Json& columns = json["columns"] = Json::object();
  for (int stage = 0; stage < kReportStages; ++stage) {
    columns[std::string(StageId(stage))] =
        ColumnJson(entry, entry.columns[static_cast<size_t>(stage)], times);
  }
  json["change"] = ChangeJson(entry);
  return json;
}

}  // namespace

Json RenderJson(const Report& report) {
  const bool times = report.machine.has_value();
  Json json;
  json["format"] = "dsperse-slice/report/1";
  json["tool"] = {{"name", "dsperse-slice"}, {"version", report.version}};
  json["policy"] = report.policy;
  json["minimize"] = report.minimize;
  json["budget"] = report.budget ? Json(*report.budget) : Json(nullptr);
  Json& models = json["models"] = Json::array();
  for (const ReportModel& model : report.models) {
    Json entry;
    entry["name"] = model.name;
    entry["inputs"] = model.inputs;
    entry["notices"] = model.notices;
    Json& backends = entry["backends"] = Json::array();
    for (const ReportBackend& backend : model.backends) backends.push_back(BackendJson(backend, times));
    if (times) entry["load_seconds"] = model.load_seconds;
    models.push_back(std::move(entry));
  }
  if (report.machine) {
    json["machine"] = {{"cpu", report.machine->cpu},
                       {"cores", report.machine->cores},
                       {"memory_bytes", report.machine->memory_bytes}};
  }
  return json;
}

}  // namespace dsperse
