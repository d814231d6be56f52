#include "circuit_estimate/report.h"

#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "nlohmann/json.hpp"

namespace dsperse {
namespace {

using Json = nlohmann::ordered_json;

Json Metrics(const Backend& backend, const Counts& counts, bool steps) {
  Json json = Json::object();
  for (size_t i = 0; i < backend.metrics().size() && i < counts.values.size(); ++i) {
    const MetricInfo& metric = backend.metrics()[i];
    if (metric.additive || steps) json[std::string(metric.name)] = counts.values[i].value();
  }
  return json;
}

Json Approximate(const Backend& backend, const Counts& counts, bool steps) {
  Json list = Json::array();
  for (size_t i = 0; i < backend.metrics().size(); ++i) {
    const MetricInfo& metric = backend.metrics()[i];
    if ((metric.additive || steps) && (counts.approximate >> i & 1) != 0)
      list.push_back(std::string(metric.name));
  }
  return list;
}

void Append(Json* object, Json members) {
  for (auto& [key, value] : members.items()) (*object)[key] = std::move(value);
}

Json GroupJson(const Backend& backend, const GroupEstimate& group, absl::string_view key,
               bool steps) {
  Json json;
  json[std::string(key)] = group.name;
  json["node_count"] = group.nodes;
  Append(&json, Metrics(backend, group.counts, steps));
  json["approximate"] = Approximate(backend, group.counts, steps);
  if (group.bits > 0) json["bits"] = group.bits;
  if (!group.note.empty()) json["note"] = group.note;
  return json;
}

std::string CsvField(absl::string_view text) {
  if (text.find_first_of(",\"\n\r") == absl::string_view::npos) return std::string(text);
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

std::string CsvLine(const Backend& backend, absl::string_view stage, absl::string_view row,
                    absl::string_view op, const Counts& counts, bool steps) {
  std::string line =
      absl::StrCat(backend.name(), ",", stage, ",", CsvField(row), ",", CsvField(op));
  std::string approximate;
  for (size_t i = 0; i < backend.metrics().size(); ++i) {
    const MetricInfo& metric = backend.metrics()[i];
    absl::StrAppend(&line, ",");
    if (!metric.additive && !steps) continue;
    absl::StrAppend(&line, i < counts.values.size() ? counts.values[i].value() : 0);
    if ((counts.approximate >> i & 1) != 0) {
      absl::StrAppend(&approximate, approximate.empty() ? "" : " ", metric.name);
    }
  }
  return absl::StrCat(line, ",", approximate, "\n");
}

}  // namespace

Json ToJson(const GraphEstimate& estimate, EstimateRows rows) {
  const Backend& backend = *estimate.backend;
  Json json;
  json["backend"] = std::string(backend.name());
  json["tool"] = std::string(backend.summary());
  json["unit"] = std::string(backend.metrics()[backend.price_metric()].name);
  json["parameters"] = Json::object();
  for (const auto& [name, value] : estimate.parameters.values()) json["parameters"][name] = value;
  json["totals"] = Metrics(backend, estimate.total, true);
  json["exactness"] = Json::object();
  for (const MetricInfo& metric : backend.metrics()) {
    json["exactness"][std::string(metric.name)] =
        estimate.IsExact(metric.name) ? "exact" : "approximate";
  }
  if (estimate.bits > 0) json["bits"] = estimate.bits;
  if (!estimate.note.empty()) json["note"] = estimate.note;
  json["boundary"] = Json::object();
  json["boundary"]["inputs"] = Metrics(backend, estimate.inputs, false);
  json["boundary"]["outputs"] = Metrics(backend, estimate.outputs, false);
  json["boundary"]["fixed"] = Metrics(backend, estimate.fixed, false);
  json["unsupported"] = Json::array();
  for (const Unsupported& node : estimate.unsupported) {
    json["unsupported"].push_back({{"node", node.node}, {"op", node.op}, {"reason", node.reason}});
  }
  if (rows == EstimateRows::kOperators) {
    json["operators"] = Json::array();
    for (const GroupEstimate& group : estimate.operators) {
      json["operators"].push_back(GroupJson(backend, group, "op", false));
    }
  } else if (rows == EstimateRows::kSlices) {
    json["slices"] = Json::array();
    for (const GroupEstimate& group : estimate.slices) {
      json["slices"].push_back(GroupJson(backend, group, "slice", true));
    }
  } else if (rows == EstimateRows::kNodes) {
    json["nodes"] = Json::array();
    for (const NodeEstimate& node : estimate.nodes) {
      Json entry;
      entry["node"] = node.name;
      entry["op"] = node.op;
      Append(&entry, Metrics(backend, node.counts, false));
      entry["approximate"] = Approximate(backend, node.counts, false);
      if (node.bits > 0) entry["bits"] = node.bits;
      json["nodes"].push_back(std::move(entry));
    }
  }
  return json;
}

std::vector<MetricChange> Changes(const GraphEstimate& before, const GraphEstimate& after) {
  std::vector<MetricChange> changes;
  for (size_t i = 0; i < before.backend->metrics().size(); ++i) {
    MetricChange change;
    change.metric = std::string(before.backend->metrics()[i].name);
    change.before = before.total.values[i].value();
    change.after = after.total.values[i].value();
    if (change.before == change.after) {
      change.percent = 0;
    } else if (change.before != 0) {
      const double difference =
          static_cast<double>(change.after) - static_cast<double>(change.before);
      change.percent = 100 * difference / static_cast<double>(change.before);
    }
    change.exact = before.IsExact(change.metric) && after.IsExact(change.metric);
    changes.push_back(std::move(change));
  }
  return changes;
}

Json ComparisonJson(const GraphEstimate& before, const GraphEstimate& after, EstimateRows rows) {
  Json json;
  json["before"] = ToJson(before, rows);
  json["after"] = ToJson(after, rows);
  json["change"] = Json::object();
  for (const MetricChange& change : Changes(before, after)) {
    Json entry;
    entry["before"] = change.before;
    entry["after"] = change.after;
    entry["difference"] = static_cast<int64_t>(change.after) - static_cast<int64_t>(change.before);
    entry["percent"] = change.percent ? Json(std::round(*change.percent * 100) / 100) : Json(nullptr);
    entry["exact"] = change.exact;
    json["change"][change.metric] = std::move(entry);
  }
  return json;
}

std::string CsvHeader(const Backend& backend) {
  std::string line = "backend,stage,row,op";
  for (const MetricInfo& metric : backend.metrics()) absl::StrAppend(&line, ",", metric.name);
  return absl::StrCat(line, ",approximate\n");
}

std::string ToCsv(const GraphEstimate& estimate, EstimateRows rows, absl::string_view stage) {
  const Backend& backend = *estimate.backend;
  std::string text;
  if (rows == EstimateRows::kOperators) {
    for (const GroupEstimate& group : estimate.operators) {
      text += CsvLine(backend, stage, group.name, group.name, group.counts, false);
    }
  } else if (rows == EstimateRows::kSlices) {
    for (const GroupEstimate& group : estimate.slices) {
      text += CsvLine(backend, stage, group.name, "", group.counts, true);
    }
  } else if (rows == EstimateRows::kNodes) {
    for (const NodeEstimate& node : estimate.nodes) {
      text += CsvLine(backend, stage, node.name, node.op, node.counts, false);
    }
  }
  text += CsvLine(backend, stage, "inputs", "", estimate.inputs, false);
  text += CsvLine(backend, stage, "outputs", "", estimate.outputs, false);
  text += CsvLine(backend, stage, "fixed", "", estimate.fixed, false);
  text += CsvLine(backend, stage, "total", "", estimate.total, true);
  return text;
}

}  // namespace dsperse
