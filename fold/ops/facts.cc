#include "fold/ops/facts.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ops/constant_values.h"
#include "fold/ops/facts_rep.h"
#include "fold/ops/op.h"
#include "fold/ops/partial_values.h"
#include "fold/ops/plain_shapes.h"

namespace dsperse {
namespace {

std::string Where(const NodeView& node) {
  return absl::StrCat("node '", node.name(), "' (", node.op_type(), ")");
}

Fact OfTensor(const Tensor& tensor) {
  Fact fact;
  fact.dtype = tensor.dtype();
  fact.shape = Shape::Of(tensor.dims());
  fact.value = tensor;
  return fact;
}

bool Complete(const Fact& fact) { return fact.dtype != DType::kUndefined && fact.shape.is_static(); }

bool HoldsBody(const NodeView& node) {
  return node.Is("If") || node.Is("Loop") || node.Is("Scan");
}

}  // namespace

void Facts::Rep::Store(ValueId value, Fact fact) {
  if (facts.size() <= static_cast<size_t>(value.index)) {
    facts.resize(static_cast<size_t>(graph.ValueLimit()));
  }
  std::unique_ptr<Fact>& slot = facts[value.index];
  // In place, as somebody may hold a reference (a node's other output was asked for before).
  if (slot != nullptr) {
    *slot = std::move(fact);
  } else {
    slot = std::make_unique<Fact>(std::move(fact));
  }
  if (trials > 0) journal.push_back(value);
}

Facts::Rep::Rep(const Graph* of, FactsOptions with) : graph(*of), options(with) {
  for (ValueId input : graph.Inputs(graph.main())) {
    open_inputs = open_inputs || !graph.DeclaredShape(input).is_static();
  }
}

void Facts::Rep::Note(const NodeView& node, const absl::Status& status) {
  if (absl::IsInvalidArgument(status) && first_error.ok()) {
    first_error = absl::InvalidArgumentError(absl::StrCat(Where(node), ": ", status.message()));
  }
  problems[node.id()] = std::string(status.message());
}

bool Facts::Rep::MergeDeclared(ValueId value, Fact* fact) const {
  const DType type = graph.DeclaredType(value);
  if (type == DType::kUndefined) return true;
  if (fact->dtype != DType::kUndefined && fact->dtype != type) return false;
  fact->dtype = type;
  const Shape declared = graph.DeclaredShape(value);
  if (!declared.has_rank()) return true;
  if (fact->shape.has_rank() && declared.rank() != fact->shape.rank()) return false;
  absl::InlinedVector<Dim, 4> dims(static_cast<size_t>(declared.rank()));
  if (fact->shape.has_rank()) dims.assign(fact->shape.dims().begin(), fact->shape.dims().end());
  // An input of the model is what it is declared to be. Of a result files tell less: exporters give one name to
  // every open dimension, and sizes stay behind when a batch is opened up. So there a name says nothing, nor does a
  // size of what inference left open in a model whose inputs are open.
  const bool is_input = graph.IsInput(value) && graph.BlockOf(value) == graph.main();
  const bool sizes = !open_inputs || !fact->shape.has_rank();
  for (int i = 0; i < declared.rank(); ++i) {
    const Dim& dim = declared.dim(i);
    Dim& known = dims[static_cast<size_t>(i)];
    if (dim.known() && known.known() && dim != known) return false;
    if (known.known() || !known.name().empty()) continue;
    if (is_input || (dim.known() && sizes)) known = dim;
  }
  fact->shape = Shape(std::move(dims));
  return true;
}

void Facts::Rep::Missing(ValueId value, std::vector<ValueId>* missing) const {
  const auto need = [&](ValueId input) {
    if (input.valid() && !Known(input)) missing->push_back(input);
  };
  NodeId source = graph.Producer(value);
  if (!source.valid()) {
    // A body's input follows from what the node around it is given.
    if (!graph.IsInput(value) || graph.IsInitializer(value)) return;
    source = graph.ParentNode(graph.BlockOf(value));
    if (!source.valid()) return;
  }
  const NodeView node = graph.node(source);
  for (ValueId input : node.inputs()) need(input);
  if (node.Is("If")) {
    for (BlockId body : node.bodies()) {
      for (ValueId output : graph.Outputs(body)) need(output);
    }
  }
}

void Facts::Rep::Resolve(ValueId value) {
  std::vector<ValueId> stack = {value};
  while (!stack.empty()) {
    const ValueId top = stack.back();
    if (Known(top)) {
      stack.pop_back();
      continue;
    }
    const size_t before = stack.size();
    Missing(top, &stack);
    if (stack.size() > before) continue;
    Compute(top);
    stack.pop_back();
  }
}

void Facts::Rep::Compute(ValueId value) {
  if (const Tensor* constant = graph.ConstantValue(value)) {
    Store(value, OfTensor(*constant));
    return;
  }
  const NodeId producer = graph.Producer(value);
  if (producer.valid()) {
    ComputeNode(graph.node(producer));
    return;
  }
  const NodeId parent = graph.ParentNode(graph.BlockOf(value));
  if (parent.valid() && graph.IsInput(value)) {
    const NodeView node = graph.node(parent);
    if (node.Is("Loop")) ComputeLoop(node);
    if (node.Is("Scan")) ComputeScan(node);
    if (Known(value)) return;
  }
  // An input of the model; one with a default value that the caller may override has no value here.
  Fact fact;
  MergeDeclared(value, &fact);
  if (const Tensor* tensor = graph.InitializerTensor(value); tensor && fact.dtype == DType::kUndefined) {
    fact.dtype = tensor->dtype();
    fact.shape = Shape::Of(tensor->dims());
  }
  Store(value, std::move(fact));
}

void Facts::Rep::ComputeNode(const NodeView& node) {
  if (HoldsBody(node)) {
    if (node.Is("If")) return ComputeIf(node);
    return node.Is("Loop") ? ComputeLoop(node) : ComputeScan(node);
  }
  absl::InlinedVector<const Fact*, 8> inputs;
  for (ValueId input : node.inputs()) inputs.push_back(input.valid() ? &At(input) : nullptr);
  std::vector<Fact> outputs(node.outputs().size());
  const OpDef* op = FindOp(node);
  const absl::Status status =
      op != nullptr && op->infer != nullptr
          ? op->infer(graph, node, inputs, absl::MakeSpan(outputs))
          : InferShapes(node, inputs, absl::MakeSpan(outputs));
  if (node.Is("Reshape") && status.ok() && !inputs.empty() && inputs[0] != nullptr) {
    CompleteReshape(inputs[0]->shape, &outputs[0].shape);
  }
  // The library leaves the mask's shape open before opset 10.
  if (node.Is("Dropout") && outputs.size() > 1 && !outputs[1].shape.has_rank()) {
    outputs[1].shape = outputs[0].shape;
  }
  PropagateElements(node, inputs, absl::MakeSpan(outputs));
  if (!outputs.empty() && !outputs[0].value) {
    EvaluateConstants(node, inputs, options.max_value_bytes, absl::MakeSpan(outputs));
  }
  StoreOutputs(node, std::move(outputs), status);
}

void Facts::Rep::StoreOutputs(const NodeView& node, std::vector<Fact> outputs,
                              const absl::Status& status) {
  if (!status.ok()) Note(node, status);
  for (int i = 0; i < node.num_outputs(); ++i) {
    const ValueId output = node.output(i);
    if (!output.valid()) continue;
    Fact& fact = outputs[static_cast<size_t>(i)];
    if (!MergeDeclared(output, &fact)) {
      Note(node, absl::FailedPreconditionError(absl::StrCat(
                     "'", graph.Name(output), "' is declared ",
                     DTypeName(graph.DeclaredType(output)), " ",
                     graph.DeclaredShape(output).ToString(), ", inferred ", DTypeName(fact.dtype),
                     " ", fact.shape.ToString())));
    }
    if (!Complete(fact) && !problems.contains(node.id())) {
      problems[node.id()] = absl::StrCat(
          "'", graph.Name(output), "' is ",
          fact.dtype == DType::kUndefined ? "of unknown type" : DTypeName(fact.dtype), " ",
          fact.shape.ToString());
    }
    Store(output, std::move(fact));
  }
}

Facts::Facts(const Graph* graph, FactsOptions options)
    : rep_(std::make_unique<Rep>(graph, options)) {}
Facts::~Facts() = default;

const Fact& Facts::Of(ValueId value) {
  static const Fact* const nothing = new Fact;
  if (!value.valid() || !rep_->graph.IsLive(value)) return *nothing;
  if (!rep_->Known(value)) rep_->Resolve(value);
  return rep_->At(value);
}

const Tensor* Facts::ConstantOf(ValueId value) {
  const Fact& fact = Of(value);
  return fact.value ? &*fact.value : nullptr;
}

absl::Status Facts::InferAll() {
  const Graph& graph = rep_->graph;
  for (BlockId block : graph.Blocks()) {
    for (ValueId input : graph.Inputs(block)) Of(input);
    for (NodeId id = graph.FirstNode(block); id.valid(); id = graph.NextNode(id)) {
      for (ValueId output : graph.node(id).outputs()) Of(output);
    }
  }
  return rep_->first_error;
}

absl::string_view Facts::Problem(NodeId node) const {
  const auto found = rep_->problems.find(node);
  return found == rep_->problems.end() ? absl::string_view() : absl::string_view(found->second);
}

void Facts::Forget(ValueId value) {
  Rep& rep = *rep_;
  const Graph& graph = rep.graph;
  std::vector<ValueId> stack = {value};
  while (!stack.empty()) {
    const ValueId top = stack.back();
    stack.pop_back();
    if (!top.valid() || !rep.Known(top)) continue;
    rep.facts[top.index].reset();
    if (!graph.IsLive(top)) continue;
    if (graph.Producer(top).valid()) rep.problems.erase(graph.Producer(top));
    for (const Use& use : graph.Uses(top)) {
      // A body's output reaches the outputs of the node around it, and by a loop the body's inputs.
      const NodeId reader = use.is_block_output() ? graph.ParentNode(use.block) : use.node;
      if (!reader.valid()) continue;
      const NodeView node = graph.node(reader);
      stack.insert(stack.end(), node.outputs().begin(), node.outputs().end());
      for (BlockId body : node.bodies()) {
        stack.insert(stack.end(), graph.Inputs(body).begin(), graph.Inputs(body).end());
      }
    }
  }
}

}  // namespace dsperse
