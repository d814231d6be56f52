#include "slicer/slices_json.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "slicer/metadata.h"
#include "slicer/shape_groups.h"

namespace dsperse {
namespace {

using Json = nlohmann::ordered_json;

Json TensorJson(const Graph& graph, Facts& facts, ValueId v) {
  Json out;
  out["name"] = std::string(graph.Name(v));
  out["type"] = std::string(DTypeName(facts.TypeOf(v)));
  out["shape"] = Json::array();
  const Dims dims = facts.StaticShape(v).value_or(Dims());
  for (int64_t d : dims) out["shape"].push_back(d);
  return out;
}

Json TensorsJson(const Graph& graph, Facts& facts, const std::vector<ValueId>& values) {
  Json out = Json::array();
  for (ValueId v : values) out.push_back(TensorJson(graph, facts, v));
  return out;
}

}  // namespace

Json SlicesJson(const Graph& graph, Facts& facts, const Plan& plan, const PlanOptions& options,
                const Extractor& extractor) {
  const std::vector<int> groups = ShapeGroups(graph, facts, plan, extractor);
  Json root;
  root["format"] = "dsperse-slice/slices/1";
  root["policy"] = std::string(PolicyName(options.policy));
  root["minimize"] = std::string(MinimizeName(options.minimize));
  root["target"] = options.target == nullptr ? "none" : std::string(options.target->name());
  if (!options.circuit_ops.empty()) root["circuit_ops"] = options.circuit_ops;
  root["unit"] = plan.unit;
  root["max_bits"] = options.max_bits;
  root["max_nodes"] = options.max_nodes;
  root["budget"] = options.budget ? Json(*options.budget) : Json(nullptr);
  root["order"] = plan.order_name;
  Json slices = Json::array();
  uint64_t largest = 0;
  int provable = 0, arithmetic = 0, over_budget = 0, distinct = 0, unpriced = 0;
  bool exact = true;
  for (size_t i = 0; i < plan.slices.size(); ++i) {
    const Slice& slice = plan.slices[i];
    Json out;
    out["index"] = i;
    out["file"] = SlicePath(static_cast<int>(i));
    out["nodes"] = Json::array();
    std::map<std::string, int> operators;
    for (int p = slice.begin; p < slice.end; ++p) {
      const NodeView node = graph.node(plan.order[static_cast<size_t>(p)]);
      out["nodes"].push_back(std::string(node.name()));
      ++operators[absl::StrCat(node.domain(), node.domain().empty() ? "" : ".", node.op_type())];
    }
    out["operators"] = operators;
    out["inputs"] = TensorsJson(graph, facts, slice.inputs);
    for (size_t k = 0; k < slice.lifts.size(); ++k) {
      out["inputs"][k]["bound"] = slice.lifts[k].bound();
      out["inputs"][k]["bound_source"] = std::string(BoundSourceName(slice.lifts[k].source));
    }
    for (const Narrowing& narrowing : slice.narrowings) {
      out["narrowed"].push_back({{"name", std::string(graph.Name(narrowing.value))},
                                 {"bound", narrowing.to.bound()},
                                 {"bound_source", std::string(BoundSourceName(narrowing.to.source))}});
    }
    out["outputs"] = TensorsJson(graph, facts, slice.outputs);
    out["input_elements"] = slice.input_elements;
    out["output_elements"] = slice.output_elements;
    out["price"] = slice.price;
    out["node_price"] = slice.node_price;
    out["exact"] = slice.exact;
    out["unpriced_nodes"] = slice.unpriced_nodes;
    out["bits"] = slice.bits;
    out["arithmetic"] = slice.arithmetic;
    out["provable"] = slice.provable;
    if (!slice.reason.empty()) out["reason"] = slice.reason;
    out["over_budget"] = slice.over_budget;
    out["shape_group"] = groups[i];
    slices.push_back(std::move(out));
    largest = std::max(largest, slice.price);
    provable += slice.provable && slice.arithmetic;
    arithmetic += slice.arithmetic;
    over_budget += slice.over_budget;
    distinct += groups[i] == static_cast<int>(i);
    exact &= slice.exact;
    unpriced += slice.unpriced_nodes;
  }
  root["totals"] = {{"slices", plan.slices.size()},
                    {"arithmetic_slices", arithmetic},
                    {"provable_slices", provable},
                    {"over_budget", over_budget},
                    {"shape_groups", distinct},
                    {"nodes", plan.order.size()},
                    {"price", plan.total_price},
                    {"largest_price", largest},
                    {"exact", exact},
                    {"unpriced_nodes", unpriced}};
  root["slices"] = std::move(slices);
  return root;
}

}  // namespace dsperse
