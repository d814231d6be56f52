#include "fold/passes/eliminate_common_subexpressions.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "fold/passes/rewire.h"
#include "onnx/onnx_pb.h"

namespace dsperse {
namespace {

bool IsRandom(const NodeView& node) {
  for (absl::string_view type : {"RandomNormal", "RandomNormalLike", "RandomUniform",
                                 "RandomUniformLike", "Multinomial", "Bernoulli", "Dropout"}) {
    if (node.op_type() == type) return true;
  }
  return false;
}

bool MayMerge(const NodeView& node) {
  if (!node.bodies().empty() || !(node.domain().empty() || node.domain() == "ai.onnx.ml")) {
    return false;
  }
  if (node.Is("BatchNormalization")) return node.num_outputs() == 1;
  return !node.Is("Constant") && !IsRandom(node);
}

// Operator, inputs and which outputs there are: few nodes agree even in these. Bytes, for looking up alone.
std::string Key(const NodeView& node) {
  std::string key;
  const auto append = [&](const auto& value) {
    key.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  key.reserve(node.domain().size() + node.op_type().size() + 16 + 4 * node.inputs().size() + node.outputs().size());
  append(static_cast<uint32_t>(node.domain().size()));
  append(static_cast<uint32_t>(node.op_type().size()));
  append(static_cast<uint32_t>(node.inputs().size()));
  key.append(node.domain().data(), node.domain().size());
  key.append(node.op_type().data(), node.op_type().size());
  for (ValueId input : node.inputs()) append(input.index);
  for (ValueId output : node.outputs()) key += output.valid() ? 'o' : '-';
  return key;
}

// All else that decides what the node computes, as bytes. A tensor attribute is in it with its payload; large
// payloads stay in the file, and the token that stands for one differs between two of them.
std::string Attributes(const NodeView& node) {
  std::string key;
  std::vector<std::string> attributes;
  for (const onnx::AttributeProto& attribute : node.proto().attribute()) {
    if (attribute.doc_string().empty()) {
      attributes.push_back(attribute.SerializeAsString());
    } else {
      onnx::AttributeProto plain = attribute;
      plain.clear_doc_string();
      attributes.push_back(plain.SerializeAsString());
    }
  }
  std::sort(attributes.begin(), attributes.end());
  for (const std::string& attribute : attributes) {
    absl::StrAppend(&key, "|", attribute.size(), ":", attribute);
  }
  return key;
}

// Nodes of a block that agree in Key, by their attributes. Those of the first are only looked at when there is
// a second.
class Alike {
 public:
  explicit Alike(NodeId first) : first_(first) {}
  // The node that has the same attributes as `node`, or none.
  NodeId Find(const Graph& graph, const std::string& attributes) {
    if (by_attributes_.empty()) by_attributes_.emplace(Attributes(graph.node(first_)), first_);
    const auto it = by_attributes_.find(attributes);
    return it == by_attributes_.end() ? NodeId{} : it->second;
  }
  void Add(std::string attributes, NodeId node) { by_attributes_.emplace(std::move(attributes), node); }

 private:
  const NodeId first_;
  absl::flat_hash_map<std::string, NodeId> by_attributes_;
};

// Why the outputs of `second` can't all be those of `first`, or "".
std::string WhyNotMerge(const Graph& graph, const NodeView& first, const NodeView& second) {
  for (int i = 0; i < second.num_outputs(); ++i) {
    if (!second.output(i).valid()) continue;
    std::string why = WhyNotForward(graph, second.output(i), first.output(i));
    if (!why.empty()) return why;
  }
  return "";
}

void Merge(Graph& graph, NodeId first, NodeId second) {
  for (int i = 0; i < graph.node(second).num_outputs(); ++i) {
    const ValueId from = graph.node(second).output(i);
    const ValueId to = graph.node(first).output(i);
    if (!from.valid()) continue;
    if (graph.IsBlockOutput(from)) {
      graph.ReplaceUses(to, from);
      graph.TakeOutput(first, i, from);
    } else {
      graph.ReplaceUses(from, to);
    }
  }
  graph.RemoveNode(second);
}

}  // namespace

absl::StatusOr<bool> EliminateCommonSubexpressions::Run(Graph& graph, PassContext& context) const {
  // For each block the first node of each kind. A body's nodes come before the node that holds it, so what
  // is found around a body comes before it.
  std::vector<absl::flat_hash_map<std::string, Alike>> seen(
      static_cast<size_t>(graph.BlockLimit()));
  const std::vector<NodeId> nodes = graph.AllNodes();
  seen[static_cast<size_t>(graph.main().index)].reserve(nodes.size());
  bool changed = false;
  for (NodeId id : nodes) {
    const NodeView node = graph.node(id);
    if (!MayMerge(node)) continue;
    std::string key = Key(node);
    std::string attributes;
    bool have_attributes = false;
    NodeId first;
    for (BlockId block = node.block(); block.valid() && !first.valid();
         block = graph.ParentBlock(block)) {
      auto& map = seen[static_cast<size_t>(block.index)];
      const auto it = map.find(key);
      if (it == map.end()) continue;
      if (!have_attributes) attributes = Attributes(node);
      have_attributes = true;
      first = it->second.Find(graph, attributes);
    }
    if (!first.valid()) {
      auto& map = seen[static_cast<size_t>(node.block().index)];
      const auto [it, is_new] = map.try_emplace(std::move(key), id);
      if (!is_new) it->second.Add(std::move(attributes), id);
      continue;
    }
    const std::string why_not = WhyNotMerge(graph, graph.node(first), node);
    if (!why_not.empty()) {
      context.Missed(node, why_not);
      continue;
    }
    context.Applied(node, absl::StrCat("merged with ", Describe(graph, first)));
    Merge(graph, first, id);
    changed = true;
  }
  return changed;
}

}  // namespace dsperse
