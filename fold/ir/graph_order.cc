// Topological order, and the check of all invariants.

#include <algorithm>
#include <queue>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "fold/ir/graph.h"
#include "fold/ir/graph_rep.h"
#include "fold/ir/status_macros.h"

namespace dsperse {
namespace {

// The node of `block` that a use belongs to: the reader itself, or the one whose body holds it. None
// for a use outside (an output of the block itself).
NodeId ReaderIn(const Graph::Rep& rep, const Use& use, BlockId block) {
  NodeId node = use.node;
  BlockId at = use.block;
  while (at != block) {
    if (!at.valid()) return {};
    node = rep.at(at).holder;
    at = rep.at(at).parent;
  }
  return node;
}

absl::Status Broken(absl::string_view what) {
  return absl::InternalError(absl::StrCat("graph invariant broken: ", what));
}

}  // namespace

absl::StatusOr<bool> Graph::SortBlock(BlockId block) {
  const std::vector<NodeId> nodes = Nodes(block);
  // Kept between calls: to clear it for each body would take the square of their number. Places of other
  // blocks' nodes hold anything.
  std::vector<int32_t>& position = rep_->positions;
  position.resize(rep_->nodes.size(), -1);
  for (size_t i = 0; i < nodes.size(); ++i) {
    position[static_cast<size_t>(nodes[i].index)] = static_cast<int32_t>(i);
  }
  auto for_each_reader = [&](NodeId n, auto&& f) {
    for (ValueId v : node(n).outputs()) {
      if (!v.valid()) continue;
      for (const Use& use : Uses(v)) {
        const NodeId reader = ReaderIn(*rep_, use, block);
        if (reader.valid()) f(position[static_cast<size_t>(reader.index)]);
      }
    }
  };
  bool sorted = true;
  for (size_t i = 0; i < nodes.size() && sorted; ++i) {
    for_each_reader(nodes[i], [&](int32_t p) { sorted &= p > static_cast<int32_t>(i); });
  }
  if (sorted) return false;

  std::vector<int64_t> waiting(nodes.size(), 0);
  for (NodeId n : nodes) for_each_reader(n, [&](int32_t p) { ++waiting[static_cast<size_t>(p)]; });
  std::priority_queue<int32_t, std::vector<int32_t>, std::greater<int32_t>> ready;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (waiting[i] == 0) ready.push(static_cast<int32_t>(i));
  }
  std::vector<NodeId> order;
  while (!ready.empty()) {
    const NodeId n = nodes[static_cast<size_t>(ready.top())];
    ready.pop();
    order.push_back(n);
    for_each_reader(n, [&](int32_t p) {
      if (--waiting[static_cast<size_t>(p)] == 0) ready.push(p);
    });
  }
  if (order.size() != nodes.size()) {
    for (size_t i = 0; i < nodes.size(); ++i) {
      if (waiting[i] == 0) continue;
      return absl::InvalidArgumentError(absl::StrCat("the graph has a cycle through node '",
                                                     node(nodes[i]).name(), "' (",
                                                     node(nodes[i]).op_type(), ")"));
    }
  }
  BlockRep& list = rep_->at(block);
  list.first = list.last = NodeId{};
  for (NodeId n : order) rep_->Link(n, block, NodeId{});
  return true;
}

absl::Status Graph::SetOrder(BlockId block, absl::Span<const NodeId> order) {
  const std::vector<NodeId> present = Nodes(block);
  std::vector<int32_t> position(rep_->nodes.size(), -1);
  for (size_t i = 0; i < order.size(); ++i) {
    int32_t& p = position[static_cast<size_t>(order[i].index)];
    if (p >= 0 || rep_->at(order[i]).block != block || !IsLive(order[i])) {
      return absl::InternalError("the order does not hold each node of the block once");
    }
    p = static_cast<int32_t>(i);
  }
  if (order.size() != present.size()) {
    return absl::InternalError("the order does not hold each node of the block once");
  }
  for (NodeId n : order) {
    for (ValueId v : node(n).outputs()) {
      if (!v.valid()) continue;
      for (const Use& use : Uses(v)) {
        const NodeId reader = ReaderIn(*rep_, use, block);
        if (reader.valid() && position[static_cast<size_t>(reader.index)] <=
                                  position[static_cast<size_t>(n.index)]) {
          return absl::InternalError("the order reads a value before it is produced");
        }
      }
    }
  }
  BlockRep& list = rep_->at(block);
  list.first = list.last = NodeId{};
  for (NodeId n : order) rep_->Link(n, block, NodeId{});
  return absl::OkStatus();
}

absl::Status Graph::Verify() const {
  const Rep& rep = *rep_;
  std::vector<int32_t> position(rep.nodes.size(), -1);
  int64_t seen = 0;
  for (BlockId b : Blocks()) {
    NodeId previous;
    int32_t i = 0;
    for (NodeId n = FirstNode(b); n.valid(); n = NextNode(n)) {
      const NodeRep& node_rep = rep.at(n);
      if (!node_rep.live) return Broken("a removed node is in the list");
      if (node_rep.prev != previous || node_rep.block != b) return Broken("the node list is torn");
      position[static_cast<size_t>(n.index)] = i++;
      previous = n;
      ++seen;
    }
    if (rep.at(b).last != previous) return Broken("the end of the node list is wrong");
  }
  if (seen != rep.live_nodes) return Broken("the count of nodes is wrong");
  const std::vector<NodeId> all = AllNodes();
  if (static_cast<int64_t>(all.size()) != seen || !std::all_of(all.begin(), all.end(), [&](NodeId n) {
        return IsLive(n);
      })) {
    return Broken("the list of all nodes is out of date");
  }

  int64_t uses = 0, initializers = 0;
  auto check_use = [&](ValueId v, int32_t slot, const Use& want, absl::string_view who) {
    const ValueRep& value = rep.at(v);
    if (!value.live) return Broken(absl::StrCat(who, " reads the dead value '", value.name, "'"));
    if (slot < 0 || slot >= static_cast<int32_t>(value.uses.size())) return Broken("a use is missing");
    const Use& use = value.uses[static_cast<size_t>(slot)];
    if (use.node != want.node || use.block != want.block || use.index != want.index) {
      return Broken(absl::StrCat("the use index of '", value.name, "' is stale"));
    }
    if (!IsInside(want.block, value.block)) {
      return Broken(absl::StrCat(who, " reads '", value.name, "' from outside its block"));
    }
    ++uses;
    return absl::OkStatus();
  };
  for (BlockId b : Blocks()) {
    absl::flat_hash_set<absl::string_view> local;
    auto check_name = [&](ValueId v) -> absl::Status {
      const absl::string_view name = Name(v);
      if (!local.insert(name).second) return Broken(absl::StrCat("two values are named '", name, "'"));
      return absl::OkStatus();
    };
    for (ValueId v : Inputs(b)) {
      if (!IsLive(v) || !IsInput(v)) return Broken("an input is no input");
      DSPERSE_RETURN_IF_ERROR(check_name(v));
    }
    for (ValueId v : Initializers(b)) {
      if (!IsLive(v) || !IsInitializer(v) || rep.at(v).block != b) return Broken("an initializer is none");
      --initializers;
      if (!IsInput(v)) DSPERSE_RETURN_IF_ERROR(check_name(v));
    }
    for (NodeId n = FirstNode(b); n.valid(); n = NextNode(n)) {
      const NodeRep& node_rep = rep.at(n);
      for (size_t i = 0; i < node_rep.inputs.size(); ++i) {
        const ValueId v = node_rep.inputs[i];
        if (!v.valid()) continue;
        DSPERSE_RETURN_IF_ERROR(check_use(v, node_rep.slots[i], Use{n, b, static_cast<int32_t>(i)},
                                          rep.Where(n)));
      }
      for (size_t i = 0; i < node_rep.outputs.size(); ++i) {
        const ValueId v = node_rep.outputs[i];
        if (!v.valid()) continue;
        const ValueRep& value = rep.at(v);
        if (!value.live || value.producer != n || value.output_index != static_cast<int32_t>(i) ||
            value.block != b || value.initializer) {
          return Broken(absl::StrCat("'", value.name, "' is not what its producer says"));
        }
        DSPERSE_RETURN_IF_ERROR(check_name(v));
        for (const Use& use : value.uses) {
          const NodeId reader = ReaderIn(rep, use, b);
          if (reader.valid() && position[static_cast<size_t>(reader.index)] <=
                                    position[static_cast<size_t>(n.index)]) {
            return Broken(absl::StrCat("'", value.name, "' is read before it is produced"));
          }
        }
      }
    }
    const BlockRep& block = rep.at(b);
    for (size_t i = 0; i < block.outputs.size(); ++i) {
      DSPERSE_RETURN_IF_ERROR(check_use(block.outputs[i], block.output_slots[i],
                                        Use{NodeId{}, b, static_cast<int32_t>(i)}, "an output"));
      if (b == main() &&
          absl::string_view(block.output_infos[i]->name()) != rep.at(block.outputs[i]).name) {
        return Broken(absl::StrCat("output '", block.output_infos[i]->name(), "' changed its name"));
      }
    }
    // Names along the path to the main graph.
    if (b == main()) continue;
    for (absl::string_view name : local) {
      const NameEntry* const found = rep.names.Find(name);
      if (found != nullptr && IsLive(found->main_value)) return Broken(absl::StrCat("'", name, "' shadows an outer value"));
    }
  }
  int64_t constant_bytes = 0;
  for (const ValueRep& value : rep.values) {
    if (value.live && value.initializer) ++initializers;
    if (value.live && value.tensor != nullptr) constant_bytes += value.tensor->num_bytes();
    int32_t outputs = 0, main_outputs = 0, captured = 0;
    for (const Use& use : value.uses) {
      outputs += use.is_block_output();
      main_outputs += use.is_block_output() && use.block == main();
      captured += use.block != value.block;
    }
    if (outputs != value.output_uses || main_outputs != value.main_outputs ||
        captured != value.captured_uses) {
      return Broken(absl::StrCat("the uses of '", value.name, "' are counted wrongly"));
    }
    if (value.live) uses -= static_cast<int64_t>(value.uses.size());
    if (!value.live && !value.uses.empty()) {
      return Broken(absl::StrCat("the dead value '", value.name, "' has uses"));
    }
  }
  if (uses != 0) return Broken("the use index holds uses that nobody has");
  if (initializers != 0) return Broken("an initializer is not in its block's list");
  if (constant_bytes != rep.constant_bytes) return Broken("the bytes of constants are counted wrongly");
  return absl::OkStatus();
}

}  // namespace dsperse
