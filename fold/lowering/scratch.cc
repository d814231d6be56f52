#include "fold/lowering/scratch.h"

#include <memory>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "fold/ir/status_macros.h"
#include "fold/ir/tensor_proto.h"
#include "onnx/onnx_pb.h"

namespace dsperse {
namespace {

// The nodes as a model of their own: constants are initializers, everything else read is an input.
absl::StatusOr<std::optional<Graph>> CopyOut(const Graph& graph, Facts& facts,
                                             const std::vector<NodeId>& nodes) {
  auto model = std::make_unique<onnx::ModelProto>();
  model->set_ir_version(std::max<int64_t>(graph.ir_version(), 4));
  *model->mutable_opset_import() = graph.header().opset_import();
  onnx::GraphProto* out = model->mutable_graph();
  auto payloads = std::make_shared<PayloadTable>();
  absl::flat_hash_set<ValueId> known;
  auto declare = [&](ValueId v, onnx::ValueInfoProto* info) {
    const std::optional<Dims> dims = facts.StaticShape(v);
    if (!dims) return false;
    info->set_name(std::string(graph.Name(v)));
    auto* type = info->mutable_type()->mutable_tensor_type();
    type->set_elem_type(static_cast<int>(facts.TypeOf(v)));
    type->mutable_shape();
    for (int64_t d : *dims) type->mutable_shape()->add_dim()->set_dim_value(d);
    return true;
  };
  for (NodeId id : nodes) {
    const NodeView node = graph.node(id);
    if (!node.bodies().empty()) return std::nullopt;
    onnx::NodeProto* proto = out->add_node();
    *proto = node.proto();
    proto->clear_input();
    proto->clear_output();
    for (ValueId v : node.inputs()) {
      proto->add_input(v.valid() ? std::string(graph.Name(v)) : "");
      if (!v.valid() || !known.insert(v).second) continue;
      if (const Tensor* constant = facts.ConstantOf(v)) {
        onnx::TensorProto* tensor = out->add_initializer();
        tensor->set_name(std::string(graph.Name(v)));
        DSPERSE_RETURN_IF_ERROR(TensorToProto(*constant, 1024, payloads.get(), tensor));
      } else if (!declare(v, out->add_input())) {
        return std::nullopt;
      }
    }
    for (ValueId v : node.outputs()) {
      proto->add_output(v.valid() ? std::string(graph.Name(v)) : "");
      if (v.valid()) known.insert(v);
    }
  }
  if (!declare(graph.node(nodes.back()).output(0), out->add_output())) return std::nullopt;
  DSPERSE_ASSIGN_OR_RETURN(Graph copy, Graph::Import(std::move(model), payloads, ""));
  return copy;
}

std::optional<uint64_t> PriceAll(const Graph& graph, const PricerFactory& factory, std::string* unit) {
  Facts facts(&graph);
  const std::unique_ptr<RangePricer> pricer = factory(graph, facts);
  if (pricer == nullptr) return std::nullopt;
  *unit = std::string(pricer->unit());
  pricer->Begin();
  RangePrice price;
  for (NodeId n : graph.Nodes(graph.main())) price = pricer->Extend(n);
  if (!price.provable) return std::nullopt;
  return price.price;
}

}  // namespace

absl::StatusOr<std::optional<PriceChange>> PriceOfRewrite(
    const Graph& graph, NodeId node, Facts& facts, const PricerFactory& pricer,
    const std::function<void(Rewriter&)>& rewrite, absl::Span<const NodeId> with) {
  std::vector<NodeId> nodes(with.begin(), with.end());
  nodes.push_back(node);
  DSPERSE_ASSIGN_OR_RETURN(std::optional<Graph> copy, CopyOut(graph, facts, nodes));
  if (!copy) return std::nullopt;
  PriceChange change;
  const std::optional<uint64_t> before = PriceAll(*copy, pricer, &change.unit);
  Rewriter rewriter(*copy, copy->Nodes(copy->main()).back());
  rewrite(rewriter);
  const std::optional<uint64_t> after = PriceAll(*copy, pricer, &change.unit);
  if (!before || !after) return std::nullopt;
  change.before = *before;
  change.after = *after;
  return change;
}

}  // namespace dsperse
