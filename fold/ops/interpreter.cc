#include "fold/ops/interpreter.h"

#include <algorithm>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/function_body.h"
#include "fold/ops/interpreter_internal.h"

namespace dsperse {
namespace {

std::string DescribeNode(const NodeView& node) {
  std::string op = node.domain().empty() ? std::string(node.op_type())
                                         : absl::StrCat(node.domain(), ".", node.op_type());
  if (node.name().empty()) return op;
  return absl::StrCat("node '", node.name(), "' (", op, ")");
}

absl::Status Prefixed(const absl::Status& status, absl::string_view where) {
  return absl::Status(status.code(), absl::StrCat(where, ": ", status.message()));
}

// Checks that `tensor` may stand for the graph's input.
absl::Status CheckInput(const Graph& graph, ValueId input, const Tensor& tensor) {
  const DType type = graph.DeclaredType(input);
  if (type != DType::kUndefined && type != tensor.dtype()) {
    return absl::InvalidArgumentError(absl::StrCat("input '", graph.Name(input), "' is of type ",
                                                   DTypeName(type), ", given is ",
                                                   DTypeName(tensor.dtype())));
  }
  const Shape shape = graph.DeclaredShape(input);
  if (!shape.has_rank()) return absl::OkStatus();
  bool fits = shape.rank() == tensor.rank();
  for (int i = 0; fits && i < shape.rank(); ++i) {
    fits = !shape.dim(i).known() || shape.dim(i).size() == tensor.dims()[i];
  }
  if (!fits) {
    return absl::InvalidArgumentError(absl::StrCat("input '", graph.Name(input), "' has shape ",
                                                   shape.ToString(), ", given is ",
                                                   DimsToString(tensor.dims())));
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<ValueId> RequiredInputs(const Graph& graph) {
  std::vector<ValueId> inputs;
  for (ValueId value : graph.Inputs(graph.main())) {
    if (!graph.IsInitializer(value)) inputs.push_back(value);
  }
  return inputs;
}

Runner::Runner(const Graph& graph, const RunOptions& options, int threads, int depth)
    : graph_(graph),
      options_(options),
      depth_(depth),
      values_(graph.ValueLimit()),
      present_(graph.ValueLimit()) {
  context_.mode = options.mode;
  context_.threads = threads;
  context_.max_output_bytes = options.max_output_bytes;
  MakePlans();
}

void Runner::MakePlans() {
  plans_.resize(graph_.BlockLimit());
  std::vector<int> position(graph_.NodeLimit(), -1);
  for (BlockId block : graph_.Blocks()) {
    Plan& plan = plans_[block.index];
    plan.nodes = graph_.Nodes(block);
    plan.free_after.resize(plan.nodes.size());
    for (size_t i = 0; i < plan.nodes.size(); ++i) {
      position[plan.nodes[i].index] = static_cast<int>(i);
    }
  }
  for (int32_t index = 0; index < graph_.ValueLimit(); ++index) {
    const ValueId value{index};
    if (!graph_.IsLive(value)) continue;
    const BlockId home = graph_.BlockOf(value);
    // A body runs many times: what it has as initializers is loaded once.
    if (graph_.IsInitializer(value) && home != graph_.main()) continue;
    const NodeId producer = graph_.Producer(value);
    int last = producer.valid() ? position[producer.index] : -1;
    bool keep = false;
    for (const Use& use : graph_.Uses(value)) {
      if (use.is_block_output() && use.block == home) {
        keep = true;
        break;
      }
      // The node of the value's own block that reads it, itself or by one of its bodies.
      NodeId reader = use.node;
      for (BlockId block = use.block; block != home; block = graph_.node(reader).block()) {
        reader = graph_.ParentNode(block);
      }
      last = std::max(last, position[reader.index]);
    }
    if (!keep && last >= 0) plans_[home.index].free_after[last].push_back(value);
  }
}

absl::Status Runner::Set(ValueId value, Tensor tensor) {
  if (options_.tap) DSPERSE_RETURN_IF_ERROR(options_.tap(value, tensor));
  values_[value.index] = std::move(tensor);
  present_[value.index] = true;
  return absl::OkStatus();
}

absl::StatusOr<const Tensor*> Runner::Get(ValueId value) {
  Tensor& slot = values_[value.index];
  if (!present_[value.index]) {
    const Tensor* constant = graph_.InitializerTensor(value);
    if (constant == nullptr) {
      return absl::UnimplementedError(
          absl::StrCat("value '", graph_.Name(value), "' is no dense tensor"));
    }
    slot = *constant;
    present_[value.index] = true;
  }
  if (slot.dtype() != DType::kString && !slot.in_memory()) {
    DSPERSE_ASSIGN_OR_RETURN(slot, slot.Load(options_.max_output_bytes));
  }
  return &slot;
}

absl::StatusOr<std::vector<Tensor>> Runner::RunMain(absl::Span<const Tensor> inputs) {
  const std::vector<ValueId> wanted = RequiredInputs(graph_);
  if (wanted.size() != inputs.size()) {
    return absl::InvalidArgumentError(absl::StrCat("the model has ", wanted.size(), " inputs, ",
                                                   inputs.size(), " are given"));
  }
  for (size_t i = 0; i < wanted.size(); ++i) {
    DSPERSE_RETURN_IF_ERROR(CheckInput(graph_, wanted[i], inputs[i]));
    DSPERSE_RETURN_IF_ERROR(Set(wanted[i], inputs[i]));
  }
  DSPERSE_RETURN_IF_ERROR(RunBlock(graph_.main(), depth_));
  std::vector<Tensor> outputs;
  for (ValueId output : graph_.Outputs(graph_.main())) {
    DSPERSE_ASSIGN_OR_RETURN(const Tensor* tensor, Get(output));
    outputs.push_back(*tensor);
  }
  return outputs;
}

absl::Status Runner::RunBlock(BlockId block, int depth) {
  const Plan& plan = plans_[block.index];
  const bool report = block == graph_.main() && options_.progress;
  for (size_t i = 0; i < plan.nodes.size(); ++i) {
    const NodeView node = graph_.node(plan.nodes[i]);
    if (absl::Status status = RunNode(node, depth); !status.ok()) {
      return Prefixed(status, DescribeNode(node));
    }
    for (ValueId value : plan.free_after[i]) {
      values_[value.index] = Tensor();
      present_[value.index] = false;
    }
    if (report) {
      options_.progress(static_cast<int64_t>(i) + 1, static_cast<int64_t>(plan.nodes.size()));
    }
  }
  return absl::OkStatus();
}

absl::Status Runner::RunNode(const NodeView& node, int depth) {
  DSPERSE_ASSIGN_OR_RETURN(std::vector<Tensor> results, Compute(node, depth));
  if (results.size() < node.outputs().size()) {
    return absl::InternalError(absl::StrCat("gives ", results.size(), " of ", node.num_outputs(),
                                            " outputs"));
  }
  for (int i = 0; i < node.num_outputs(); ++i) {
    const ValueId output = node.output(i);
    if (!output.valid()) continue;
    if (results[i].dtype() == DType::kUndefined) {
      return absl::UnimplementedError(absl::StrCat("output ", i, " is not computed"));
    }
    DSPERSE_RETURN_IF_ERROR(Set(output, std::move(results[i])));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Tensor>> Runner::Compute(const NodeView& node, int depth) {
  if (!node.bodies().empty()) {
    if (node.Is("If")) return RunIf(node, depth);
    if (node.Is("Loop")) return RunLoop(node, depth);
    if (node.Is("Scan")) return RunScan(node, depth);
    return absl::UnimplementedError("operators with bodies other than If, Loop and Scan");
  }
  if (node.num_outputs() == 1 && node.Is("Constant")) {
    const Tensor* constant = graph_.ConstantValue(node.output());
    if (constant == nullptr) return absl::UnimplementedError("a constant that is no dense tensor");
    return std::vector<Tensor>{*constant};
  }
  absl::InlinedVector<const Tensor*, 8> inputs;
  for (ValueId input : node.inputs()) {
    if (input.valid()) {
      // Fetching one may not move another: the slots are stable.
      DSPERSE_ASSIGN_OR_RETURN(const Tensor* tensor, Get(input));
      inputs.push_back(tensor);
    } else {
      inputs.push_back(nullptr);
    }
  }
  const OpDef* op = FindOp(node);
  if (op != nullptr && op->evaluate != nullptr) {
    absl::StatusOr<std::vector<Tensor>> results = Evaluate(context_, node, inputs);
    if (results.ok() || !absl::IsUnimplemented(results.status())) return results;
    absl::StatusOr<std::vector<Tensor>> by_function = RunFunction(node, inputs, depth);
    return by_function.ok() ? std::move(by_function) : std::move(results);
  }
  return RunFunction(node, inputs, depth);
}

absl::StatusOr<std::vector<Tensor>> Runner::RunFunction(const NodeView& node,
                                                        absl::Span<const Tensor* const> inputs,
                                                        int depth) {
  if (depth >= kMaxRunDepth) {
    return absl::ResourceExhaustedError(
        absl::StrCat("bodies and functions nest deeper than ", kMaxRunDepth));
  }
  DSPERSE_ASSIGN_OR_RETURN(Graph body, ExpandFunction(node, inputs));
  std::vector<Tensor> given;
  for (const Tensor* input : inputs) {
    if (input != nullptr) given.push_back(*input);
  }
  RunOptions options = options_;
  options.progress = nullptr;
  options.tap = nullptr;
  Runner runner(body, options, context_.threads, depth + 1);
  DSPERSE_ASSIGN_OR_RETURN(std::vector<Tensor> present, runner.RunMain(given));
  std::vector<Tensor> results(node.outputs().size());
  size_t next = 0;
  for (int i = 0; i < node.num_outputs(); ++i) {
    if (node.output(i).valid()) results[i] = std::move(present[next++]);
  }
  return results;
}

absl::StatusOr<std::vector<Tensor>> Runner::RunBody(BlockId body, std::vector<Tensor> inputs,
                                                    int depth) {
  if (depth >= kMaxRunDepth) {
    return absl::ResourceExhaustedError(
        absl::StrCat("bodies and functions nest deeper than ", kMaxRunDepth));
  }
  const absl::Span<const ValueId> formal = graph_.Inputs(body);
  if (formal.size() != inputs.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("its body has ", formal.size(), " inputs, not ", inputs.size()));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    DSPERSE_RETURN_IF_ERROR(Set(formal[i], std::move(inputs[i])));
  }
  DSPERSE_RETURN_IF_ERROR(RunBlock(body, depth + 1));
  std::vector<Tensor> outputs;
  for (ValueId output : graph_.Outputs(body)) {
    DSPERSE_ASSIGN_OR_RETURN(const Tensor* tensor, Get(output));
    outputs.push_back(*tensor);
  }
  return outputs;
}

absl::StatusOr<std::vector<Tensor>> RunGraph(const Graph& graph, absl::Span<const Tensor> inputs,
                                             const RunOptions& options) {
  int threads = options.threads;
  if (threads <= 0) threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  try {
    return Runner(graph, options, threads, 0).RunMain(inputs);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory while the model was run");
  }
}

}  // namespace dsperse
