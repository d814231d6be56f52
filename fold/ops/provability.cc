#include "fold/ops/provability.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "fold/ops/node_label.h"
#include "fold/ops/op.h"

namespace dsperse {
namespace {

void AddTo(uint64_t more, uint64_t* sum) {
  if (__builtin_add_overflow(*sum, more, sum)) *sum = std::numeric_limits<uint64_t>::max();
}

}  // namespace

bool ComputesNothing(const Target& target, const NodeView& node, Facts& facts) {
  if (target.MovesData(node) || node.Is("ConstantOfShape") || node.Is("Shape") || node.Is("Size")) {
    return true;
  }
  for (ValueId output : node.outputs()) {
    if (output.valid() && facts.ConstantOf(output) == nullptr) return false;
  }
  return true;
}

Provability MeasureProvability(const Graph& graph, Facts& facts, const Target& target) {
  Provability result;
  for (NodeId id : graph.Nodes(graph.main())) {
    const NodeView node = graph.node(id);
    if (ComputesNothing(target, node, facts)) continue;
    ++result.nodes;
    uint64_t products = 0;
    if (const OpDef* op = FindOp(node); op != nullptr && op->work != nullptr) {
      const absl::StatusOr<Work> work = op->work(graph, node, facts);
      if (work.ok()) {
        AddTo(work->constant_products, &products);
        AddTo(work->variable_products, &products);
      } else {
        ++result.uncounted;
      }
    }
    AddTo(products, &result.multiply_adds);
    std::string reason = target.WhyNot(graph, node, facts);
    if (reason.empty()) {
      ++result.provable_nodes;
      AddTo(products, &result.provable_multiply_adds);
      continue;
    }
    result.unprovable.push_back(
        {std::string(NodeLabel(graph, id)), std::string(node.op_type()), std::move(reason)});
  }
  return result;
}

absl::Status RequireProvable(const Provability& provability, absl::string_view target) {
  if (provability.unprovable.empty()) return absl::OkStatus();
  constexpr size_t kNamed = 5;
  std::string list;
  for (size_t i = 0; i < provability.unprovable.size() && i < kNamed; ++i) {
    const UnprovableNode& node = provability.unprovable[i];
    absl::StrAppend(&list, i == 0 ? "" : "; ", node.op, " '", node.node, "': ", node.reason);
  }
  if (provability.unprovable.size() > kNamed) {
    absl::StrAppend(&list, "; and ", provability.unprovable.size() - kNamed, " more");
  }
  return absl::UnimplementedError(absl::StrCat(target, " can't prove ",
                                               provability.unprovable.size(), " of ",
                                               provability.nodes, " nodes: ", list));
}

}  // namespace dsperse
