// The inside of Graph: shared by graph*.cc and node_view.cc, nobody else.
#ifndef DSPERSE_FOLD_IR_GRAPH_REP_H_
#define DSPERSE_FOLD_IR_GRAPH_REP_H_

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "fold/ir/graph.h"
#include "fold/ir/tensor_proto.h"
#include "onnx/onnx_pb.h"

namespace dsperse {

struct NodeRep {
  onnx::NodeProto* proto = nullptr;  // owned by Rep::model or Rep::made_nodes
  absl::string_view op_type;  // in Rep::words, so that a scan for an operator needs no look at the proto
  absl::string_view domain;   // likewise; "" for the default domain however it is spelt
  BlockId block;
  NodeId prev, next;
  absl::InlinedVector<ValueId, 4> inputs;
  absl::InlinedVector<int32_t, 4> slots;  // inputs[i] is uses[slots[i]] of its value
  absl::InlinedVector<ValueId, 1> outputs;
  // Bodies with the index of the attribute that holds each.
  absl::InlinedVector<std::pair<BlockId, int>, 1> bodies;
  bool live = true;
  bool stale = false;  // the proto's input and output names are out of date
};

struct ValueRep {
  absl::string_view name;  // in Rep::names
  NodeId producer;
  int32_t output_index = -1;
  BlockId block;
  absl::InlinedVector<Use, 2> uses;
  bool live = true;
  bool input = false;
  bool initializer = false;
  // Of an initializer read from a file; null for those that passes made.
  const onnx::TensorProto* tensor_proto = nullptr;
  const onnx::SparseTensorProto* sparse_proto = nullptr;
  std::unique_ptr<const Tensor> tensor;  // initializer or Constant node; null if opaque
  const onnx::ValueInfoProto* info = nullptr;
};

struct BlockRep {
  onnx::GraphProto* proto = nullptr;  // name, doc_string, metadata, annotations; lists are ours
  BlockId parent;
  NodeId holder;
  NodeId first, last;
  bool live = true;
  std::vector<ValueId> inputs;
  std::vector<onnx::ValueInfoProto*> input_infos;
  std::vector<ValueId> outputs;
  std::vector<int32_t> output_slots;  // as NodeRep::slots
  std::vector<onnx::ValueInfoProto*> output_infos;
  std::vector<ValueId> initializers;  // dead ones are skipped
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

struct NameEntry {
  ValueId main_value;  // the value of that name in the main graph
  int32_t count = 0;   // nodes that have or had the name and values that have it, of any block
};

struct Graph::Rep {
  std::string file_name;
  std::shared_ptr<onnx::ModelProto> model;  // owner of imported protos; lists in it are not kept up
  std::deque<onnx::NodeProto> made_nodes;
  std::shared_ptr<PayloadTable> payloads;
  std::vector<NodeRep> nodes;
  std::vector<ValueRep> values;
  std::vector<BlockRep> blocks;
  StringPool pool;
  absl::flat_hash_map<absl::string_view, NameEntry> names;
  absl::flat_hash_set<absl::string_view> words;  // operator types and domains
  absl::flat_hash_map<absl::string_view, int64_t> next_suffix;  // FreshName: per hint
  int64_t live_nodes = 0;
  bool frozen = false;

  NodeRep& at(NodeId id) { return nodes[static_cast<size_t>(id.index)]; }
  const NodeRep& at(NodeId id) const { return nodes[static_cast<size_t>(id.index)]; }
  ValueRep& at(ValueId id) { return values[static_cast<size_t>(id.index)]; }
  const ValueRep& at(ValueId id) const { return values[static_cast<size_t>(id.index)]; }
  BlockRep& at(BlockId id) { return blocks[static_cast<size_t>(id.index)]; }
  const BlockRep& at(BlockId id) const { return blocks[static_cast<size_t>(id.index)]; }

  // The entry of `name` with one more count, and the name as the graph keeps it.
  std::pair<const absl::string_view, NameEntry>& Intern(absl::string_view name);
  absl::string_view Word(absl::string_view word);
  std::string FreshName(absl::string_view hint);
  ValueId NewValue(absl::string_view name, BlockId block);
  // The same where the caller has interned the name.
  ValueId NewValue(std::pair<const absl::string_view, NameEntry>& name, BlockId block);
  // Appends the node to the block's list and returns its id.
  NodeId NewNode(onnx::NodeProto* proto, BlockId block, NodeId before);
  void Link(NodeId id, BlockId block, NodeId before);
  void Unlink(NodeId id);
  void Rename(ValueId value, absl::string_view name);
  // The value is gone; its name is free again (a fused weight takes over the name of the one it replaces).
  void Kill(ValueId value);

  int32_t AddUse(ValueId value, Use use);
  void DropUse(ValueId value, int32_t slot);
  void SetOutputAt(NodeId node, int index, ValueId value);
  // Decodes the constant of a Constant node into its output value.
  absl::Status DecodeConstant(NodeId id, absl::string_view where);
  std::string Where(NodeId id) const;  // "model.onnx: node 'conv1' (Conv)"
  void RefreshNames(NodeId id);
  // Inserts a block; `holder` none for main.
  BlockId NewBlock(onnx::GraphProto* proto, BlockId parent, NodeId holder);
};

const onnx::AttributeProto* FindAttribute(const onnx::NodeProto& node, absl::string_view name);
void StoreAttribute(AttributeValue value, PayloadTable* payloads, onnx::AttributeProto* attribute);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_IR_GRAPH_REP_H_
