#include "slicer/shape_groups.h"

#include <algorithm>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "onnx/onnx_pb.h"
#include "slicer/reads.h"

namespace dsperse {
namespace {

// A text that two slices share exactly when they are equal in shape.
std::string Signature(const Graph& graph, Facts& facts, const Plan& plan, const Slice& slice,
                      const SliceInterface& face) {
  std::string out;
  absl::flat_hash_map<ValueId, int> number;  // in order of appearance
  auto declare = [&](ValueId v) {
    number.emplace(v, static_cast<int>(number.size()));
    absl::StrAppend(&out, DTypeName(facts.TypeOf(v)), facts.ShapeOf(v).ToString(), ";");
  };
  for (size_t i = 0; i < face.inputs.size(); ++i) {
    declare(face.inputs[i]);
    if (!slice.lifts.empty()) absl::StrAppend(&out, "+", slice.lifts[i].doublings);
  }
  absl::StrAppend(&out, "|");
  for (ValueId v : face.initializers) declare(v);
  absl::StrAppend(&out, "|");
  size_t narrowed = 0;
  for (int p = slice.begin; p < slice.end; ++p) {
    const NodeView node = graph.node(plan.order[static_cast<size_t>(p)]);
    absl::StrAppend(&out, node.domain(), ".", node.op_type(), "(");
    for (; narrowed < slice.narrowings.size() && slice.narrowings[narrowed].node == node.id(); ++narrowed) {
      absl::StrAppend(&out, "^", slice.narrowings[narrowed].to.doublings);
    }
    for (ValueId v : node.inputs()) {
      const auto it = v.valid() ? number.find(v) : number.end();
      absl::StrAppend(&out, it == number.end() ? -1 : it->second, ",");
    }
    absl::StrAppend(&out, ")");
    if (!node.bodies().empty()) {  // their text says the names of what they capture, not where it comes from
      for (ValueId v : ReadsOf(graph, node.id())) absl::StrAppend(&out, number.at(v), ";");
    }
    std::vector<std::string> attributes;
    for (const onnx::AttributeProto& a : node.proto().attribute()) {
      attributes.push_back(a.SerializeAsString());
    }
    std::sort(attributes.begin(), attributes.end());
    for (const std::string& a : attributes) absl::StrAppend(&out, a.size(), ":", a);
    for (ValueId v : node.outputs()) {
      if (v.valid()) declare(v);
    }
  }
  for (ValueId v : face.outputs) absl::StrAppend(&out, "^", number.at(v));
  return out;
}

}  // namespace

std::vector<int> ShapeGroups(const Graph& graph, Facts& facts, const Plan& plan,
                             const Extractor& extractor) {
  std::vector<int> out;
  absl::flat_hash_map<std::string, int> first;
  for (size_t i = 0; i < plan.slices.size(); ++i) {
    const int index = static_cast<int>(i);
    std::string signature =
        Signature(graph, facts, plan, plan.slices[i], extractor.interface(index));
    out.push_back(first.emplace(std::move(signature), index).first->second);
  }
  return out;
}

}  // namespace dsperse
