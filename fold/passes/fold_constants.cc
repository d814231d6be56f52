#include "fold/passes/fold_constants.h"

#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/op.h"
#include "fold/passes/constants.h"
#include "fold/passes/match.h"

namespace dsperse {
namespace {

// A uniform tensor of up to this many bytes is as well an initializer as a ConstantOfShape.
constexpr int64_t kSmallUniform = 1024;

// Nodes that inference may know the results of, in order: found without any inference.
std::vector<NodeId> Candidates(const Graph& graph) {
  std::vector<NodeId> found;
  std::vector<bool> maybe(static_cast<size_t>(graph.ValueLimit()));
  const auto maybe_constant = [&](ValueId value) {
    return maybe[static_cast<size_t>(value.index)] || graph.ConstantValue(value) != nullptr;
  };
  for (NodeId id : graph.AllNodes()) {
    const NodeView node = graph.node(id);
    if (!node.bodies().empty()) continue;
    bool candidate = node.Is("Constant") || node.Is("Shape") || node.Is("Size");
    if (!candidate) {
      bool any = false;
      candidate = true;
      for (ValueId input : node.inputs()) {
        if (!input.valid()) continue;
        any = true;
        candidate = maybe_constant(input);
        if (!candidate) break;
      }
      candidate = candidate && any;
    }
    if (!candidate) continue;
    found.push_back(id);
    for (ValueId output : node.outputs()) {
      if (output.valid()) maybe[static_cast<size_t>(output.index)] = true;
    }
  }
  return found;
}

bool AllInputsConstant(const Graph& graph, const NodeView& node) {
  for (ValueId input : node.inputs()) {
    if (input.valid() && !ConstantOf(graph, input)) return false;
  }
  return true;
}

// Bytes of the constants that nobody reads any more when the node is gone.
int64_t FreedBytes(const Graph& graph, const NodeView& node) {
  int64_t freed = 0;
  for (ValueId input : node.inputs()) {
    if (!input.valid() || graph.Uses(input).size() != 1) continue;
    if (const Tensor* tensor = graph.ConstantValue(input)) freed += tensor->num_bytes();
  }
  return freed;
}

// May a ConstantOfShape hold such elements?
bool FitsConstantOfShape(DType type, int64_t opset) {
  return opset >= 9 && (type == DType::kFloat || type == DType::kDouble || type == DType::kFloat16 ||
                        IsInteger(type) || type == DType::kBool);
}

struct Folding {
  std::vector<std::pair<ValueId, Tensor>> values;  // in the order of the outputs that are read
};

class Folder {
 public:
  Folder(Graph& graph, PassContext& context) : graph_(graph), context_(context) {}
  int64_t constant_nodes() const { return constant_nodes_; }

  absl::StatusOr<bool> Fold(NodeId id) {
    const NodeView node = graph_.node(id);
    if (node.Is("ConstantOfShape")) return false;
    DSPERSE_ASSIGN_OR_RETURN(const Matched<Folding> found, MatchFolding(node));
    if (!found) {
      if (!found.why_not.empty()) context_.Missed(node, found.why_not);
      return false;
    }
    if (node.Is("Constant")) {
      ++constant_nodes_;
    } else {
      context_.Applied(node, "replaced by its value");
    }
    for (const auto& [value, tensor] : found->values) Replace(id, value, tensor);
    RemoveIfDead(id);
    return true;
  }

 private:
  absl::StatusOr<Matched<Folding>> MatchFolding(const NodeView& node) {
    Folding folding;
    const bool is_constant = node.Is("Constant");
    std::vector<ValueId> unknown;
    for (ValueId output : node.outputs()) {
      if (!output.valid() || graph_.Uses(output).empty()) continue;
      if (is_constant) {
        // It stays where a block's output needs a node.
        const Tensor* tensor = graph_.ConstantValue(output);
        if (tensor == nullptr || graph_.IsBlockOutput(output)) return NoMatch<Folding>();
        folding.values.emplace_back(output, *tensor);
      } else if (const Tensor* known = context_.facts().ConstantOf(output)) {
        folding.values.emplace_back(output, *known);
      } else {
        unknown.push_back(output);
      }
    }
    if (folding.values.empty() && unknown.empty()) return NoMatch<Folding>();  // dead
    if (!unknown.empty()) {
      if (!AllInputsConstant(graph_, node)) return NoMatch<Folding>();
      DSPERSE_ASSIGN_OR_RETURN(std::string why_not, EvaluateHere(node, folding));
      if (!why_not.empty()) return NoMatch<Folding>(std::move(why_not));
    }
    if (!is_constant) {
      std::string why_not = WhyTooLarge(node, folding);
      if (!why_not.empty()) return NoMatch<Folding>(std::move(why_not));
    }
    return Match(std::move(folding));
  }

  // What inference didn't evaluate: results beyond its limit, and what can't be evaluated.
  absl::StatusOr<std::string> EvaluateHere(const NodeView& node, Folding& folding) {
    const OpDef* op = FindOp(node);
    if (op == nullptr || op->evaluate == nullptr) {
      return absl::StrCat("not computed: ", node.op_type(), " of opset ", node.opset(),
                          " is not evaluated");
    }
    if (!op->foldable) {
      return absl::StrCat("not computed: a result of ", node.op_type(), " may not enter a file");
    }
    const int64_t allowed = AllowedBytes(node);
    for (ValueId output : node.outputs()) {
      if (!output.valid()) continue;
      const std::optional<int64_t> count = context_.facts().ShapeOf(output).NumElements();
      const int64_t width = BitWidth(context_.facts().TypeOf(output)) / 8;
      if (count && width > 0 && *count > allowed / width) {
        return TooLarge(*count, width, allowed);
      }
    }
    std::vector<Tensor> tensors;
    std::vector<const Tensor*> inputs;
    tensors.reserve(node.inputs().size());
    for (ValueId input : node.inputs()) {
      if (input.valid()) tensors.push_back(*ConstantOf(graph_, input));
      inputs.push_back(input.valid() ? &tensors.back() : nullptr);
    }
    EvalContext evaluation;
    evaluation.max_output_bytes = allowed;
    absl::StatusOr<std::vector<Tensor>> results = Evaluate(evaluation, node, inputs);
    if (!results.ok()) {
      if (IsFileError(results.status())) return results.status();
      return absl::StrCat("not computed: ", results.status().message());
    }
    folding.values.clear();
    for (int i = 0; i < node.num_outputs(); ++i) {
      const ValueId output = node.output(i);
      if (!output.valid() || graph_.Uses(output).empty()) continue;
      folding.values.emplace_back(output, (*results)[static_cast<size_t>(i)]);
    }
    return std::string();
  }

  // What the node's results may take: what it frees, and the budget for growth.
  int64_t AllowedBytes(const NodeView& node) const {
    int64_t allowed = 0;
    const bool overflow =
        __builtin_add_overflow(FreedBytes(graph_, node), context_.options().max_constant, &allowed);
    return overflow ? std::numeric_limits<int64_t>::max() : allowed;
  }

  std::string WhyTooLarge(const NodeView& node, const Folding& folding) const {
    int64_t bytes = 0;
    for (const auto& [value, tensor] : folding.values) {
      if (!IsCheapUniform(tensor)) bytes += tensor.num_bytes();
    }
    const int64_t allowed = AllowedBytes(node);
    return bytes > allowed ? TooLarge(bytes, 1, allowed) : "";
  }

  static std::string TooLarge(int64_t count, int64_t width, int64_t allowed) {
    return absl::StrCat("not computed: its result of ",
                        width == 1 ? absl::StrCat(count, " bytes")
                                   : absl::StrCat(count, " elements of ", width, " bytes"),
                        " is larger than the ", allowed,
                        " bytes allowed (what it frees and --max-constant)");
  }

  // Stays a ConstantOfShape?
  bool IsCheapUniform(const Tensor& tensor) const {
    return tensor.is_uniform() && tensor.num_bytes() > kSmallUniform &&
           FitsConstantOfShape(tensor.dtype(), graph_.opset());
  }

  void Replace(NodeId id, ValueId value, const Tensor& tensor) {
    NewNode constant;
    constant.outputs = {value};
    if (IsCheapUniform(tensor)) {
      const std::vector<int64_t> dims(tensor.dims().begin(), tensor.dims().end());
      const ValueId shape = graph_.AddConstant(
          absl::StrCat(graph_.Name(value), "_shape"),
          Tensor::Of<int64_t>({static_cast<int64_t>(dims.size())}, absl::MakeConstSpan(dims)),
          graph_.node(id).block());
      constant.op_type = "ConstantOfShape";
      constant.inputs = {shape};
      constant.attributes = {
          {"value", *Tensor::FromBytes(tensor.dtype(), {1}, std::string(tensor.uniform_element()))}};
    } else if (graph_.IsBlockOutput(value)) {
      constant.op_type = "Constant";
      constant.attributes = {{"value", tensor}};
    } else {
      graph_.MakeConstant(value, tensor);
      return;
    }
    graph_.AddNode(std::move(constant), id);
  }

  void RemoveIfDead(NodeId id) {
    for (ValueId output : graph_.node(id).outputs()) {
      if (output.valid() && !graph_.Uses(output).empty()) return;
    }
    graph_.RemoveNode(id);
  }

  Graph& graph_;
  PassContext& context_;
  int64_t constant_nodes_ = 0;  // that became initializers
};

}  // namespace

absl::StatusOr<bool> FoldConstants::Run(Graph& graph, PassContext& context) const {
  bool changed = false;
  Folder folder(graph, context);
  for (NodeId id : Candidates(graph)) {
    DSPERSE_ASSIGN_OR_RETURN(const bool folded, folder.Fold(id));
    changed |= folded;
  }
  if (folder.constant_nodes() > 0) {
    context.Note(absl::StrCat("Constant nodes that became initializers: ", folder.constant_nodes()));
  }
  return changed;
}

}  // namespace dsperse
