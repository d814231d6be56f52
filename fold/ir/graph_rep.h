// The inside of Graph: shared by graph*.cc and node_view.cc, nobody else.
#ifndef DSPERSE_FOLD_IR_GRAPH_REP_H_
#define DSPERSE_FOLD_IR_GRAPH_REP_H_

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"
#include "fold/ir/graph.h"
#include "fold/ir/tensor_proto.h"
#include "onnx/onnx_pb.h"

namespace dsperse {

// Passes go over all nodes and values again and again, and of a large graph most of that time is spent waiting for
// memory. So what such a look needs lies in one line of the processor's cache, in front.
struct alignas(64) NodeRep {
  absl::string_view op_type;  // in Rep::words, so that a scan for an operator stays in the cache
  absl::string_view domain;   // likewise; "" for the default domain however it is spelt
  NodeId next;
  bool live = true;
  bool stale = false;
  // Bodies with the index of the attribute that holds each.
  absl::InlinedVector<std::pair<BlockId, int>, 1> bodies;

  absl::InlinedVector<ValueId, 4> inputs;
  absl::InlinedVector<ValueId, 1> outputs;
  // Its NodeProto, serialised (node_wire.h), in Rep::bytes or Rep::pool. Input and output names in it are out
  // of date where `stale`.
  absl::string_view wire;

  absl::InlinedVector<int32_t, 4> slots;  // inputs[i] is uses[slots[i]] of its value
  absl::string_view name;
  BlockId block;
  NodeId prev;
};

struct alignas(64) ValueRep {
  absl::InlinedVector<Use, 2> uses;
  int32_t output_uses = 0;    // of these: outputs of blocks
  int32_t main_outputs = 0;   // of these: outputs of the main graph
  int32_t captured_uses = 0;  // uses in other blocks than the value's
  BlockId block;
  NodeId producer;
  int32_t output_index = -1;
  bool live = true;
  bool input = false;
  bool initializer = false;
  bool renamed = false;

  std::unique_ptr<const Tensor> tensor;  // initializer or Constant node; null if opaque. Rep::SetTensor
  absl::string_view name;                // in Rep::names
  int32_t name_place = -1;               // in Rep::names
  // The TensorProto of an initializer read from a file, serialised; empty for those that passes made.
  absl::string_view tensor_wire;
  const onnx::SparseTensorProto* sparse_proto = nullptr;
  const onnx::ValueInfoProto* info = nullptr;
};

struct BlockRep {
  const onnx::GraphProto* proto = nullptr;  // all but the lists below
  BlockId parent;
  NodeId holder;
  NodeId first, last;
  bool live = true;
  std::vector<ValueId> inputs;
  std::vector<onnx::ValueInfoProto*> input_infos;
  bool dead_inputs = false;  // some have been removed and are to be dropped from both lists
  std::vector<ValueId> outputs;
  std::vector<int32_t> output_slots;  // as NodeRep::slots
  std::vector<onnx::ValueInfoProto*> output_infos;
  std::vector<ValueId> initializers;
  bool dead_initializers = false;  // some are none of the block's any more: Graph::Initializers drops them
  // value_info entries in file order; an invalid id names nothing.
  std::vector<std::pair<ValueId, const onnx::ValueInfoProto*>> infos;
  struct Annotation {
    const onnx::TensorAnnotation* proto;
    std::vector<ValueId> values;  // the annotated tensor and its parameters; invalid: names nothing
  };
  std::vector<Annotation> annotations;
};

// Strings that live as long as the graph, in blocks that never move.
class StringPool {
 public:
  absl::string_view Add(absl::string_view s);

 private:
  std::deque<std::string> blocks_;
};

// Payloads of small tensors, aligned, in blocks that live as long as a tensor of theirs.
class PayloadPool {
 public:
  // A copy of `bytes`; `owner` keeps it alive.
  absl::string_view Add(absl::string_view bytes, std::shared_ptr<const void>* owner);

 private:
  std::shared_ptr<char> block_;
  size_t used_ = 0;
};

struct NameEntry {
  absl::string_view name;  // lives as long as the graph
  ValueId main_value;      // the value of that name in the main graph
  int32_t count = 0;       // nodes that have or had the name and values that have it, of any block; 0: it is free
};

// Names in the order they came, found by a table of their places: four bytes for each, so that the table of a large
// graph stays in the cache. A name that is free again keeps its place: most are taken again, and a value that goes
// knows the place, while a look-up costs several waits for memory.
class NameTable {
 public:
  void Reserve(size_t names) {
    entries_.reserve(names);
    places_.reserve(names);
  }
  NameEntry& at(int32_t place) { return entries_[static_cast<size_t>(place)]; }
  // Null if it never was there.
  const NameEntry* Find(absl::string_view name) const {
    const auto it = places_.find(name);
    return it == places_.end() ? nullptr : &entries_[static_cast<size_t>(*it)];
  }
  // The place of `name`; where it is new, of `keep(name)`, the same characters in a place that lasts.
  template <typename Keep>
  int32_t PlaceOf(absl::string_view name, const Keep& keep) {
    return *places_.lazy_emplace(name, [&](const auto& make) {
      entries_.emplace_back().name = keep(name);
      make(static_cast<int32_t>(entries_.size()) - 1);
    });
  }

 private:
  struct Hash {
    using is_transparent = void;
    const std::vector<NameEntry>* entries;
    size_t operator()(absl::string_view name) const { return absl::HashOf(name); }
    size_t operator()(int32_t place) const { return (*this)((*entries)[static_cast<size_t>(place)].name); }
  };
  struct Equal {
    using is_transparent = void;
    const std::vector<NameEntry>* entries;
    bool operator()(int32_t a, int32_t b) const { return a == b; }
    bool operator()(int32_t place, absl::string_view name) const {
      return (*entries)[static_cast<size_t>(place)].name == name;
    }
    bool operator()(absl::string_view name, int32_t place) const { return (*this)(place, name); }
  };

  std::vector<NameEntry> entries_;
  absl::flat_hash_set<int32_t, Hash, Equal> places_{0, Hash{&entries_}, Equal{&entries_}};
};

struct Graph::Rep {
  std::string file_name;
  std::string bytes;  // the model as it was imported: names, nodes and tensors lie in it
  google::protobuf::Arena arena;
  onnx::ModelProto* model = nullptr;  // all but the graph; like all protos of the graph in `arena`
  std::shared_ptr<PayloadTable> payloads;
  std::vector<NodeRep> nodes;
  std::vector<ValueRep> values;
  std::vector<BlockRep> blocks;
  StringPool pool;
  NameTable names;
  absl::flat_hash_set<absl::string_view> words;  // operator types and domains
  absl::flat_hash_map<absl::string_view, int64_t> next_suffix;  // FreshName: per hint
  int64_t live_nodes = 0;
  int64_t constant_bytes = 0;  // of the tensors of live values
  bool frozen = false;
  std::vector<int32_t> positions;  // SortBlock's

  // The wire of one node, parsed: inference asks for one after the other, and all of them would be the most of what a
  // large graph takes.
  onnx::NodeProto parsed;
  NodeId parsed_node;

  // What AllNodes answered, until a list of nodes changes: following the lists of a large graph takes as long as
  // a simple pass.
  std::vector<NodeId> all_nodes;
  bool all_nodes_known = false;
  // Of lists that are put right when they are asked for, maybe by several threads.
  std::mutex lists_mutex;

  NodeRep& at(NodeId id) { return nodes[static_cast<size_t>(id.index)]; }
  const NodeRep& at(NodeId id) const { return nodes[static_cast<size_t>(id.index)]; }
  ValueRep& at(ValueId id) { return values[static_cast<size_t>(id.index)]; }
  const ValueRep& at(ValueId id) const { return values[static_cast<size_t>(id.index)]; }
  BlockRep& at(BlockId id) { return blocks[static_cast<size_t>(id.index)]; }
  const BlockRep& at(BlockId id) const { return blocks[static_cast<size_t>(id.index)]; }

  template <typename Message>
  Message* NewMessage() {
    return google::protobuf::Arena::CreateMessage<Message>(&arena);
  }

  // Counts `name` once more and answers its place in `names`. `lasting`: the characters live as long as the graph.
  int32_t Intern(absl::string_view name, bool lasting = false);
  absl::string_view Word(absl::string_view word);
  std::string FreshName(absl::string_view hint);
  ValueId NewValue(absl::string_view name, BlockId block);
  // The same where the caller has interned the name.
  ValueId NewValue(int32_t name_place, BlockId block);
  // Inserts a node without bytes, names, inputs and outputs into the block's list and returns its id.
  NodeId NewNode(absl::string_view op_type, absl::string_view domain, BlockId block, NodeId before);
  void Link(NodeId id, BlockId block, NodeId before);
  void Unlink(NodeId id);
  void DropDeadInputs(BlockId block);
  void Rename(ValueId value, absl::string_view name);
  // The value is gone; its name is free again (a fused weight takes over the name of the one it replaces).
  void Kill(ValueId value);
  // Of a live value.
  void SetTensor(ValueId value, std::unique_ptr<const Tensor> tensor);
  void AddInitializer(ValueId value);
  // `value` is none any more, or of another block.
  void DropInitializer(ValueId value);

  int32_t AddUse(ValueId value, Use use);
  void DropUse(ValueId value, int32_t slot);
  void CountUse(ValueRep& value, const Use& use, int32_t change);
  // After the value has moved to another block.
  void RecountUses(ValueId value);
  void SetOutputAt(NodeId node, int index, ValueId value);
  // Decodes the constant of a Constant node into its output value.
  absl::Status DecodeConstant(NodeId id, absl::string_view where);
  absl::StatusOr<Tensor> DecodeTensor(absl::string_view wire, absl::string_view where);
  absl::StatusOr<Tensor> DecodeSparse(absl::string_view wire, absl::string_view where);
  std::string Where(NodeId id) const;  // "model.onnx: node 'conv1' (Conv)"
  // Valid until another node's is asked for.
  const onnx::NodeProto& Proto(NodeId id);
  // Replaces the node's bytes by those of `proto`.
  void Store(NodeId id, const onnx::NodeProto& proto);
  // Inserts a block; `holder` none for main.
  BlockId NewBlock(const onnx::GraphProto* proto, BlockId parent, NodeId holder);
};

// Imports a serialised model, whose large payloads may be tokens into `payloads`, like Graph::Import.
// ResourceExhausted: it may need more than `max_memory` bytes.
absl::StatusOr<Graph> ImportBytes(std::string bytes, std::shared_ptr<PayloadTable> payloads,
                                  absl::string_view name, std::vector<std::string>* notes = nullptr,
                                  int64_t max_memory = int64_t{1} << 62);

// `name` for a message: what is too long for a line ends in its length.
std::string Shown(absl::string_view name);

void StoreAttribute(AttributeValue value, PayloadTable* payloads, onnx::AttributeProto* attribute);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_IR_GRAPH_REP_H_
