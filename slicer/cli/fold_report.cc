#include "slicer/cli/fold_report.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "fold/ir/one_line.h"
#include "nlohmann/json.hpp"
#include "slicer/cli/lowering_flags.h"
#include "slicer/cli/text_table.h"

namespace dsperse {
namespace {

using Json = nlohmann::ordered_json;

std::string PassesText(const FoldReport& report) {
  std::string out;
  for (const PassStats& pass : report.passes) {
    if (pass.changes == 0) continue;
    absl::StrAppend(&out, out.empty() ? "" : ", ", pass.pass);
  }
  return out.empty() ? "none changed anything" : out;
}

}  // namespace

Json ToJson(const ModelCounts& counts) {
  Json json;
  json["nodes"] = counts.nodes;
  json["constant_nodes"] = counts.constant_nodes;
  json["batch_normalizations"] = counts.batch_norms;
  json["initializers"] = counts.initializers;
  json["constant_bytes"] = counts.constant_bytes;
  Json& operators = json["operators"] = Json::object();
  for (const auto& [name, count] : counts.by_operator) operators[name] = count;
  return json;
}

Json ToJson(const Remark& remark) {
  Json json;
  json["kind"] = std::string(RemarkKindName(remark.kind));
  json["pass"] = remark.pass;
  if (!remark.op.empty()) {
    json["node"] = remark.node;
    json["operator"] = remark.op;
  }
  json["text"] = remark.text;
  if (!remark.gains.empty()) json["gains"] = remark.gains;
  return json;
}

Json ToJson(const FileFold& fold) {
  const FoldReport& report = fold.report;
  Json json;
  json["tool"] = {{"name", "dsperse-slice"}, {"version", DSPERSE_VERSION}};
  json["command"] = "fold";
  json["input"] = fold.input;
  json["output"] = fold.output;
  json["changed"] = report.changed;
  json["before"] = ToJson(report.before);
  json["before"]["file_bytes"] = fold.bytes_before;
  json["after"] = ToJson(report.after);
  json["after"]["file_bytes"] = fold.bytes_after;
  json["rounds"] = report.rounds;
  std::map<std::pair<absl::string_view, Remark::Kind>, int64_t> counts;
  for (const Remark& remark : report.remarks) ++counts[{remark.pass, remark.kind}];
  Json& passes = json["passes"] = Json::array();
  for (const PassStats& pass : report.passes) {
    passes.push_back({{"pass", pass.pass},
                      {"runs", pass.runs},
                      {"changes", pass.changes},
                      {"applied", counts[{pass.pass, Remark::Kind::kApplied}]},
                      {"missed", counts[{pass.pass, Remark::Kind::kMissed}]},
                      {"nodes", pass.nodes},
                      {"initializers", pass.initializers},
                      {"bytes", pass.bytes},
                      {"seconds", pass.seconds}});
  }
  if (report.provable_after.has_value()) {
    json["target"] = fold.target;
    json["provable"] = {{"before_lowering", ProvabilityJson(*report.provable_before)},
                        {"after", ProvabilityJson(*report.provable_after)}};
  }
  json["frozen_inputs"] = report.frozen_inputs;
  json["notes"] = fold.notes;
  Json& remarks = json["remarks"] = Json::array();
  for (const Remark& remark : report.remarks) remarks.push_back(ToJson(remark));
  json["seconds"] = {
      {"load", fold.load_seconds}, {"fold", report.seconds}, {"save", fold.save_seconds}};
  return json;
}

std::string SummaryText(const FileFold& fold, const CliContext& context) {
  const FoldReport& report = fold.report;
  TextTable table("lrrr");
  table.Row({"", "before", "after", "change"});
  const auto row = [&](const char* name, int64_t before, int64_t after) {
    table.Row({name, WithCommas(before), WithCommas(after), PercentChange(before, after)});
  };
  row("nodes", report.before.nodes, report.after.nodes);
  row("BatchNormalizations", report.before.batch_norms, report.after.batch_norms);
  row("initializers", report.before.initializers, report.after.initializers);
  row("bytes", fold.bytes_before, fold.bytes_after);
  std::string out = context.Bold(absl::StrCat(fold.input, " → ", fold.output));
  absl::StrAppend(&out, "\n", table.ToString(2), "  passes applied: ", PassesText(report),
                  "\n  time: load ", HumanSeconds(fold.load_seconds), ", fold ",
                  HumanSeconds(report.seconds), ", save ", HumanSeconds(fold.save_seconds), "\n");
  if (report.provable_after.has_value()) {
    out += ProvabilityText(fold.target, "folded", &*report.provable_before, *report.provable_after);
  }
  const bool frozen_would_help =
      std::any_of(report.remarks.begin(), report.remarks.end(), [](const Remark& r) {
        return r.kind == Remark::Kind::kMissed && r.op == "BatchNormalization" &&
               absl::StrContains(r.text, "--freeze-inputs");
      });
  if (frozen_would_help) {
    absl::StrAppend(&out, "  BatchNormalizations stay because the caller may override their "
                          "constants: --freeze-inputs forbids that\n");
  }
  return out;
}

std::string NodeOf(const Remark& remark) {
  return remark.op.empty() ? "" : absl::StrCat(remark.op, " '", remark.node, "'");
}

std::string ExplainText(const FoldReport& report, const CliContext& context) {
  // By pass and kind, each in the order of the report.
  std::map<std::pair<absl::string_view, Remark::Kind>, std::vector<const Remark*>> remarks;
  for (const Remark& remark : report.remarks) remarks[{remark.pass, remark.kind}].push_back(&remark);
  std::string out;
  for (const PassStats& pass : report.passes) {
    std::string section;
    std::string counts;
    for (Remark::Kind kind : {Remark::Kind::kApplied, Remark::Kind::kMissed, Remark::Kind::kNote}) {
      const std::vector<const Remark*>& here = remarks[{pass.pass, kind}];
      for (const Remark* remark : here) {
        const std::string node = NodeOf(*remark);
        absl::StrAppend(&section, "  ", RemarkKindName(kind), "  ",
                        OneLine(absl::StrCat(node, node.empty() ? "" : ": ", remark->text)), "\n");
      }
      if (here.empty() || kind == Remark::Kind::kNote) continue;
      absl::StrAppend(&counts, counts.empty() ? ": " : ", ", here.size(), " ", RemarkKindName(kind));
    }
    if (!section.empty()) absl::StrAppend(&out, context.Bold(pass.pass), counts, "\n", section);
  }
  return out.empty() ? "no pass has anything to say\n" : out;
}

}  // namespace dsperse
