#include "slicer/extract.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "fold/ir/layout.h"
#include "fold/ir/status_macros.h"
#include "onnx/onnx_pb.h"
#include "slicer/reads.h"

namespace dsperse {
namespace {

// Opset domains that a node and its bodies are of.
void CollectDomains(const onnx::NodeProto& root, absl::flat_hash_set<std::string>* domains) {
  std::vector<const onnx::NodeProto*> work = {&root};
  while (!work.empty()) {
    const onnx::NodeProto& node = *work.back();
    work.pop_back();
    domains->insert(node.domain() == "ai.onnx" ? "" : node.domain());
    for (const onnx::AttributeProto& a : node.attribute()) {
      if (!a.has_g()) continue;
      for (const onnx::NodeProto& inner : a.g().node()) work.push_back(&inner);
    }
  }
}

void Describe(absl::string_view name, DType dtype, const Dims& dims, onnx::ValueInfoProto* info) {
  info->set_name(std::string(name));
  onnx::TypeProto::Tensor* type = info->mutable_type()->mutable_tensor_type();
  type->set_elem_type(static_cast<int>(dtype));
  type->mutable_shape();
  for (int64_t d : dims) type->mutable_shape()->add_dim()->set_dim_value(d);
}

}  // namespace

Extractor::Extractor(const Graph& graph, Facts& facts, const Plan& plan)
    : graph_(&graph), facts_(&facts), plan_(&plan), bounds_(graph, facts, plan) {}
Extractor::Extractor(Extractor&&) noexcept = default;
Extractor::~Extractor() = default;

absl::StatusOr<Extractor> Extractor::Make(const Graph& graph, Facts& facts, const Plan& plan) {
  Extractor e(graph, facts, plan);
  e.payloads_ = std::make_unique<PayloadTable>();
  DSPERSE_ASSIGN_OR_RETURN(e.whole_, graph.ExportBytes(e.payloads_.get()));
  // Not the sum of the payloads: those that the model came with are among them, whatever became of them.
  DSPERSE_ASSIGN_OR_RETURN(e.model_bytes_, InlineBytes(e.whole_, *e.payloads_));
  e.model_ = std::make_unique<onnx::ModelProto>();
  if (!e.model_->ParseFromString(e.whole_)) {
    return absl::InternalError("the exported model can't be read back");
  }
  if (graph.Nodes(graph.main()) != plan.order) {
    return absl::InternalError("the graph is not in the plan's order");
  }
  absl::flat_hash_map<absl::string_view, int> place;
  const onnx::GraphProto& proto = e.model_->graph();
  for (int i = 0; i < proto.initializer_size(); ++i) place[proto.initializer(i).name()] = i;
  e.initializer_at_.assign(static_cast<size_t>(graph.ValueLimit()), -1);
  for (ValueId v : graph.Initializers(graph.main())) {
    const auto it = place.find(graph.Name(v));
    if (it != place.end()) e.initializer_at_[static_cast<size_t>(v.index)] = it->second;
  }
  e.FindInterfaces();
  return e;
}

void Extractor::FindInterfaces() {
  for (const Slice& slice : plan_->slices) {
    SliceInterface out{slice.inputs, {}, slice.outputs};
    absl::flat_hash_set<ValueId> seen;
    auto add = [&](ValueId v) {
      if (graph_->IsInitializer(v) && seen.insert(v).second) out.initializers.push_back(v);
    };
    size_t narrowed = 0;
    for (int p = slice.begin; p < slice.end; ++p) {
      const NodeId node = plan_->order[static_cast<size_t>(p)];
      if (narrowed < slice.narrowings.size() && slice.narrowings[narrowed].node == node) {
        add(slice.narrowings[narrowed++].value);
        continue;
      }
      for (ValueId v : ReadsOf(*graph_, node)) add(v);
    }
    interfaces_.push_back(std::move(out));
  }
}

absl::StatusOr<std::string> Extractor::Extract(int index) const {
  const Slice& slice = plan_->slices[static_cast<size_t>(index)];
  const SliceInterface& face = interface(index);
  onnx::ModelProto out;
  out.set_ir_version(std::max<int64_t>(graph_->ir_version(), 4));
  out.set_producer_name("dsperse-slice");
  onnx::GraphProto* graph = out.mutable_graph();
  graph->set_name(absl::StrCat("slice_", index));
  absl::flat_hash_set<std::string> domains;
  BoundNodes::Writer bounds = bounds_.Begin(slice, graph);
  for (int p = slice.begin; p < slice.end; ++p) {
    onnx::NodeProto node = model_->graph().node(p);
    bounds.Adapt(plan_->order[static_cast<size_t>(p)], &node);
    CollectDomains(node, &domains);
    *graph->add_node() = std::move(node);
  }
  for (ValueId v : face.initializers) {
    const int place = initializer_at_[static_cast<size_t>(v.index)];
    if (place < 0) {
      return absl::UnimplementedError(absl::StrCat("initializer '", graph_->Name(v),
                                                   "' is sparse; slices hold dense ones only"));
    }
    *graph->add_initializer() = model_->graph().initializer(place);
  }
  auto describe = [&](ValueId v, onnx::ValueInfoProto* info) -> absl::Status {
    const std::optional<Dims> dims = facts_->StaticShape(v);
    const DType dtype = facts_->TypeOf(v);
    if (!dims || dtype == DType::kUndefined) {
      return absl::UnimplementedError(absl::StrCat(
          "type and shape of '", graph_->Name(v),
          "' are not known in full: fix them with --input-shape or --dim"));
    }
    Describe(graph_->Name(v), dtype, *dims, info);
    return absl::OkStatus();
  };
  for (ValueId v : face.inputs) DSPERSE_RETURN_IF_ERROR(describe(v, graph->add_input()));
  for (ValueId v : face.outputs) DSPERSE_RETURN_IF_ERROR(describe(v, graph->add_output()));
  for (const onnx::OperatorSetIdProto& set : model_->opset_import()) {
    const std::string domain = set.domain() == "ai.onnx" ? "" : set.domain();
    if (domain.empty() || domains.contains(domain)) *out.add_opset_import() = set;
  }
  std::string bytes;
  if (!out.SerializeToString(&bytes)) {
    return absl::ResourceExhaustedError("a slice without its weights exceeds 2 GiB");
  }
  return bytes;
}

}  // namespace dsperse
