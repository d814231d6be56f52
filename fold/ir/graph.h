// Graph: the whole model, imported once from ONNX and exported once.
//
// One Graph owns everything: the header (opsets, metadata), all nodes and all values of the main
// graph and of every If/Loop/Scan body. A list of nodes with inputs and outputs is a *block*: the main
// graph is one, each body is one. A body reads an outer value simply by using its ValueId, so a
// captured name is a use like any other.
//
// Ids are never reused; a removed node or value stays dead. Only Graph's members edit, so the
// use-def index can't go stale. Edits keep these invariants (`Verify` checks them):
//   - every live value has one origin: an input of its block, an initializer, or a node's output;
//   - `uses` of a value are exactly the node inputs and block outputs that name it;
//   - a node reads values of its own block or of enclosing ones only;
//   - names are unique along every path from a body up to the main graph;
//   - each block's node list is in topological order (edits that break it must call `SortBlock`).
// Complexity: every edit is O(size of the edit) unless said otherwise. Threads may read, all but NodeView::proto().
#ifndef DSPERSE_FOLD_IR_GRAPH_H_
#define DSPERSE_FOLD_IR_GRAPH_H_

#include <cstdint>

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "fold/ir/shape.h"
#include "fold/ir/tensor.h"

namespace onnx {
class AttributeProto;
class GraphProto;
class ModelProto;
class NodeProto;
class TensorProto;
class ValueInfoProto;
}  // namespace onnx

namespace dsperse {

// An index that can't be mixed up with another kind. Default: none.
template <typename Tag>
struct Id {
  int32_t index = -1;
  bool valid() const { return index >= 0; }
  friend bool operator==(Id a, Id b) { return a.index == b.index; }
  friend bool operator!=(Id a, Id b) { return a.index != b.index; }
  friend bool operator<(Id a, Id b) { return a.index < b.index; }
  template <typename H>
  friend H AbslHashValue(H h, Id id) {
    return H::combine(std::move(h), id.index);
  }
};
using NodeId = Id<struct NodeTag>;
using ValueId = Id<struct ValueTag>;
using BlockId = Id<struct BlockTag>;

// One reader of a value: input `index` of `node`, or, where `node` is none, output `index` of `block`.
struct Use {
  NodeId node;
  BlockId block;  // the block of the node, or the block whose output it is
  int32_t index = 0;
  bool is_block_output() const { return !node.valid(); }
};

// An attribute to be set on a node. Tensors may be of any payload kind.
using AttributeValue = std::variant<int64_t, float, std::string, std::vector<int64_t>,
                                    std::vector<float>, std::vector<std::string>, Tensor>;

// Read access to one node. A view: valid until the graph is edited.
class Graph;
class NodeView {
 public:
  NodeId id() const { return id_; }
  absl::string_view name() const;
  absl::string_view op_type() const;
  // "" for the default domain, also where the file spells it "ai.onnx".
  absl::string_view domain() const;
  bool Is(absl::string_view op_type) const;  // in the default domain
  // Opset version of the node's domain in this model; 0 if it is not imported.
  int64_t opset() const;
  BlockId block() const;

  // An absent optional input or output is an invalid id. Trailing ones may be missing altogether:
  // `input(i)` and `output(i)` answer "none" beyond the end.
  absl::Span<const ValueId> inputs() const;
  absl::Span<const ValueId> outputs() const;
  ValueId input(int i) const;
  ValueId output(int i = 0) const;
  int num_inputs() const { return static_cast<int>(inputs().size()); }
  int num_outputs() const { return static_cast<int>(outputs().size()); }

  // Bodies (If: then and else branch, …) in attribute order.
  std::vector<BlockId> bodies() const;
  // The body held by the attribute, or none.
  BlockId body(absl::string_view attribute) const;

  // Attributes. The typed getters answer `fallback` when the attribute is absent or of another type
  // than asked for.
  bool HasAttr(absl::string_view name) const;
  int64_t Int(absl::string_view name, int64_t fallback) const;
  float Float(absl::string_view name, float fallback) const;
  std::string String(absl::string_view name, absl::string_view fallback) const;
  std::vector<int64_t> Ints(absl::string_view name, std::vector<int64_t> fallback = {}) const;
  std::vector<float> Floats(absl::string_view name, std::vector<float> fallback = {}) const;
  std::vector<std::string> Strings(absl::string_view name) const;
  // NotFound when absent.
  absl::StatusOr<Tensor> TensorAttr(absl::string_view name) const;
  std::vector<std::string> AttrNames() const;
  const onnx::NodeProto& proto() const;  // by one thread, until another node's is asked for; value names may be stale

 private:
  friend class Graph;
  NodeView(const Graph* graph, NodeId id) : graph_(graph), id_(id) {}
  const Graph* graph_;
  NodeId id_;
};

// What to add: used by Graph::AddNode.
struct NewNode {
  std::string name;     // a hint; made unique. Empty: derived from the first output's name
  std::string op_type;
  std::string domain;
  std::vector<ValueId> inputs;  // invalid ids: absent optional inputs
  // Values that the node is to produce. Existing ones are taken over from whatever produced them
  // (the old producer keeps an absent output there); `NewOutputs` new ones follow these.
  std::vector<ValueId> outputs;
  // Name hints of fresh output values, appended after `outputs`.
  std::vector<std::string> new_outputs;
  std::vector<std::pair<std::string, AttributeValue>> attributes;
  // Copies all attributes, doc_string and metadata of this node first; `attributes` then override.
  NodeId like;
};

// Large payloads of a model file, addressed by the tokens that stand for them in protos (tensor_proto.h).
class PayloadTable;

class Graph {
 public:
  struct Rep;  // the implementation's (graph_rep.h)

  Graph();
  explicit Graph(std::unique_ptr<Rep> rep);  // the implementation's
  Graph(Graph&&) noexcept;
  Graph& operator=(Graph&&) noexcept;
  ~Graph();

  // Imports `model` (checked: see model_file.h for the list of errors), whose large payloads may be
  // tokens into `payloads`. `name` stands in messages ("resnet50.onnx"). Functions must have been
  // inlined. Nodes out of order are sorted; `notes` (if not null) receives a line for each such event.
  // The graph takes over `model` and `payloads` and edits them in place: nobody else may go on using them.
  // (Shared, so that an arena can own the model. Null payloads: none.)
  static absl::StatusOr<Graph> Import(std::shared_ptr<onnx::ModelProto> model,
                                      std::shared_ptr<PayloadTable> payloads,
                                      absl::string_view name,
                                      std::vector<std::string>* notes = nullptr);
  // The model in wire format, fields in canonical order, with payloads of `inline_limit` bytes and more
  // as tokens into `payloads` (which must be empty and receives every payload).
  absl::StatusOr<std::string> ExportBytes(PayloadTable* payloads, int64_t inline_limit = 1024) const;
  // The same, parsed.
  absl::StatusOr<std::unique_ptr<onnx::ModelProto>> Export(PayloadTable* payloads,
                                                           int64_t inline_limit = 1024) const;
  // An independent copy (payloads are shared, they are immutable).
  absl::StatusOr<Graph> Clone() const;

  // ---- header ----
  int64_t ir_version() const;
  int64_t opset(absl::string_view domain = "") const;  // 0: not imported
  // The header fields of the model: everything but `graph`.
  const onnx::ModelProto& header() const;
  absl::string_view graph_name() const;
  // Treats initializers listed as inputs as constants; drops those inputs. Returns their names. Nothing
  // to do before IR 4, where they are constants and have to be listed.
  std::vector<std::string> FreezeInputs();
  // Replaces the declared shape of a main-graph input (InvalidArgument if there is none of that name).
  absl::Status SetInputShape(ValueId input, const Shape& shape);

  // ---- blocks ----
  BlockId main() const { return BlockId{0}; }
  // All live blocks, outer before inner.
  std::vector<BlockId> Blocks() const;
  BlockId ParentBlock(BlockId block) const;     // none for main
  NodeId ParentNode(BlockId block) const;       // the If/Loop/Scan that holds it; none for main
  bool IsInside(BlockId inner, BlockId outer) const;  // or the same. O(depth)
  absl::Span<const ValueId> Inputs(BlockId block) const;
  absl::Span<const ValueId> Outputs(BlockId block) const;
  // Initializers in file order; dead ones are left out.
  std::vector<ValueId> Initializers(BlockId block) const;

  // ---- nodes ----
  NodeView node(NodeId id) const { return NodeView(this, id); }
  bool IsLive(NodeId id) const;
  // The block's nodes in order: a snapshot, safe to edit under (check IsLive).
  std::vector<NodeId> Nodes(BlockId block) const;
  // Nodes of all blocks, each body's before the node that holds it.
  std::vector<NodeId> AllNodes() const;
  NodeId FirstNode(BlockId block) const;
  NodeId NextNode(NodeId id) const;  // none after the last
  int64_t NumNodes() const;          // live, all blocks
  // One more than the largest index handed out: for side tables.
  int32_t NodeLimit() const;
  int32_t ValueLimit() const;
  int32_t BlockLimit() const;

  // ---- values ----
  bool IsLive(ValueId id) const;
  absl::string_view Name(ValueId id) const;
  NodeId Producer(ValueId id) const;  // none for inputs and initializers
  int OutputIndex(ValueId id) const;  // of its producer
  BlockId BlockOf(ValueId id) const;
  bool IsInput(ValueId id) const;
  bool IsInitializer(ValueId id) const;
  bool IsBlockOutput(ValueId id) const;
  // Of the main graph.
  bool IsGraphOutput(ValueId id) const;
  // An initializer that the caller may override (IR ≥ 4, listed in the inputs, not frozen).
  bool IsOverridable(ValueId id) const;
  absl::Span<const Use> Uses(ValueId id) const;
  // A use by a node of another block than the value's own.
  bool IsCaptured(ValueId id) const;
  // Exactly one reader, which is a node input of the same block.
  bool HasSingleNodeUse(ValueId id) const { return Uses(id).size() == 1 && !IsBlockOutput(id) && !IsCaptured(id); }
  // The value of a constant: an initializer that can't be overridden, or the output of a Constant
  // node in any of its forms; null otherwise. The pointer lives as long as the value.
  const Tensor* ConstantValue(ValueId id) const;
  // The initializer's tensor even if it may be overridden (null for sparse ones and non-initializers).
  const Tensor* InitializerTensor(ValueId id) const;
  // Element type and shape as declared in the file (input, output, value_info); undefined/unranked
  // where nothing is declared or the value is no dense tensor.
  DType DeclaredType(ValueId id) const;
  Shape DeclaredShape(ValueId id) const;
  // The main-graph value of that name, or none. O(1).
  ValueId FindValue(absl::string_view name) const;
  NodeId FindNode(absl::string_view name) const;  // first live node of the main graph with it. O(nodes)

  // ---- edits ----
  // A name no value, node or initializer of any block has: `hint`, else hint_1, hint_2, …
  std::string FreshName(absl::string_view hint);
  // A new initializer in `block`; the name is made unique.
  ValueId AddConstant(absl::string_view name_hint, Tensor tensor, BlockId block);
  ValueId AddConstant(absl::string_view name_hint, Tensor tensor) {
    return AddConstant(name_hint, std::move(tensor), main());
  }
  // Inserts the node before `anchor` (a node of the block it goes to).
  NodeId AddNode(NewNode spec, NodeId before);
  NodeId AddNodeAtEnd(NewNode spec, BlockId block);
  // Points input `index` (< num_inputs, or appended with absent ones between) at `value`, which may be none.
  void SetInput(NodeId node, int index, ValueId value);
  // Drops absent inputs/outputs at the end of the lists.
  void TrimInputs(NodeId node);
  void SetAttribute(NodeId node, absl::string_view name, AttributeValue value);
  void RemoveAttribute(NodeId node, absl::string_view name);
  // Makes `value` (with name, uses and block output) output `index` of `node`; its former producer
  // keeps an absent output. What `node` produced there before must be unused; it dies.
  void TakeOutput(NodeId node, int index, ValueId value);
  // Makes `value`, a node's output that no block has as output, an initializer of its block, with name and
  // uses. Its former producer keeps an absent output.
  void MakeConstant(ValueId value, Tensor tensor);
  // Every use of `from`, block outputs too unless `keep_outputs`, now reads `to`. O(uses).
  // The interface must not change: a main-graph output keeps its name only if `from` keeps producing
  // it, so passes call this with keep_outputs, or TakeOutput.
  void ReplaceUses(ValueId from, ValueId to, bool keep_outputs = true);
  // Points output `index` of `block` at `value`. Not for the main block (its output names are the interface).
  void SetBlockOutput(BlockId block, int index, ValueId value);
  // Its outputs must be unused (or absent). Bodies go with it.
  void RemoveNode(NodeId node);
  // Must be unused, an initializer, and not an input that may be overridden. IR < 4: an input entry of
  // the same name goes with it.
  void RemoveInitializer(ValueId value);
  // Moves all of a body's nodes and initializers into `before`'s block just before it (for
  // inlining a constant If); names stay, they are unique already. The body is left empty.
  void InlineBody(BlockId body, NodeId before);
  // Restores topological order, stable by the present order; true if anything moved. InvalidArgument
  // on a cycle. O(block with its bodies).
  absl::StatusOr<bool> SortBlock(BlockId block);
  // Puts the block's nodes in the given order: each once, producers first (Internal otherwise, and
  // nothing is changed). O(block with its bodies).
  absl::Status SetOrder(BlockId block, absl::Span<const NodeId> order);
  // Drops value_info and quantization annotations that name nothing alive; true if there were any.
  // (Those of values that an edit removed are never exported.)
  bool DropStaleInfo();

  // Checks every invariant in the class comment: Internal, naming the first that fails. O(size).
  absl::Status Verify() const;

  // Bytes of all live initializers and Constant payloads.
  int64_t ConstantBytes() const;

 private:
  friend class NodeView;
  std::unique_ptr<Rep> rep_;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_IR_GRAPH_H_
