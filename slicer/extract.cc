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

// Writes the nodes of lifts in front of a slice's own.
class LiftWriter {
 public:
  explicit LiftWriter(onnx::GraphProto* out) : out_(*out) {}

  // `names` are those of what it makes: x − x, its doublings, x lifted.
  void Add(const std::string& x, const std::vector<std::string>& names) {
    Node("Sub", x, x, names[0]);
    for (size_t i = 1; i + 1 < names.size(); ++i) Node("Add", names[i - 1], names[i - 1], names[i]);
    Node("Sub", x, names[names.size() - 2], names.back());
    lifted_[x] = names.back();
  }
  // Zeros of bounds up to 2^doublings, made of an element of `x`.
  void AddZeros(const std::string& x, const NarrowingNames& names, int doublings) {
    Ints(names.shape, -1);
    Ints(names.starts, 0);
    Ints(names.ends, 1);
    Node("Reshape", x, names.shape, names.flat);
    Node("Slice", names.flat, names.starts, names.element)->add_input(names.ends);
    Node("Sub", names.element, names.element, names.zeros[0]);
    for (size_t i = 1; i < static_cast<size_t>(doublings); ++i) {
      Node("Add", names.zeros[i - 1], names.zeros[i - 1], names.zeros[i]);
    }
  }
  void AddExpand(const std::string& x, const ExpandNames& names, const Dims& dims) {
    onnx::TensorProto* shape = out_.add_initializer();
    shape->set_name(names.shape);
    shape->set_data_type(onnx::TensorProto::INT64);
    shape->add_dims(static_cast<int64_t>(dims.size()));
    for (int64_t d : dims) shape->add_int64_data(d);
    Node("Expand", x, names.shape, names.expanded);
  }
  // Has `node`, which is not of a lift, read what was lifted.
  void Redirect(onnx::NodeProto* node) const {
    for (std::string& input : *node->mutable_input()) {
      if (const auto it = lifted_.find(input); it != lifted_.end()) input = it->second;
    }
  }

 private:
  void Ints(const std::string& name, int64_t element) {
    onnx::TensorProto* tensor = out_.add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(onnx::TensorProto::INT64);
    tensor->add_dims(1);
    tensor->add_int64_data(element);
  }
  onnx::NodeProto* Node(const char* op_type, const std::string& a, const std::string& b,
                        const std::string& made) {
    onnx::NodeProto* node = out_.add_node();
    node->set_op_type(op_type);
    node->set_name(made);  // the compiler keeps bounds by names of nodes
    node->add_input(a);
    node->add_input(b);
    node->add_output(made);
    return node;
  }

  onnx::GraphProto& out_;
  absl::flat_hash_map<std::string, std::string> lifted_;
};

}  // namespace

Extractor::Extractor(const Graph& graph, Facts& facts, const Plan& plan)
    : graph_(&graph), facts_(&facts), plan_(&plan) {}
Extractor::Extractor(Extractor&&) noexcept = default;
Extractor::~Extractor() = default;

absl::StatusOr<Extractor> Extractor::Make(const Graph& graph, Facts& facts, const Plan& plan) {
  Extractor e(graph, facts, plan);
  e.payloads_ = std::make_unique<PayloadTable>();
  DSPERSE_ASSIGN_OR_RETURN(e.whole_, graph.ExportBytes(e.payloads_.get()));
  // Not the sum of the payloads: those that the model came with are among them, whatever became of them.
  DSPERSE_ASSIGN_OR_RETURN(const FileLayout layout, FileLayout::Inline(e.whole_, *e.payloads_));
  e.model_bytes_ = layout.model_bytes();
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
  e.NameLifts();
  e.NameNarrowings();
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

std::string Extractor::Fresh(std::string name) {
  while (graph_->FindValue(name).valid() || !made_names_.insert(name).second) name += '_';
  return name;
}

namespace {

// What a slice makes zeros of.
ValueId ZeroSource(const Slice& slice) { return slice.inputs.front(); }

int MostDoublings(const Slice& slice) {
  int most = 0;
  for (const Narrowing& narrowing : slice.narrowings) most = std::max(most, narrowing.to.doublings);
  return most;
}

}  // namespace

void Extractor::NameNarrowings() {
  for (const Slice& slice : plan_->slices) {
    if (slice.narrowings.empty()) continue;
    const ValueId source = ZeroSource(slice);
    const absl::string_view x = graph_->Name(source);
    NarrowingNames& names = narrowing_names_[source.index];
    if (names.zeros.empty()) {
      names.shape = Fresh(absl::StrCat(x, "_one_axis"));
      names.starts = Fresh(absl::StrCat(x, "_first"));
      names.ends = Fresh(absl::StrCat(x, "_second"));
      names.flat = Fresh(absl::StrCat(x, "_flat"));
      names.element = Fresh(absl::StrCat(x, "_element"));
    }
    for (int d = static_cast<int>(names.zeros.size()); d < MostDoublings(slice); ++d) {
      names.zeros.push_back(Fresh(absl::StrCat(x, "_element_zero_", d)));
    }
    for (const Narrowing& narrowing : slice.narrowings) {
      const ValueId result = graph_->node(narrowing.node).output(0);
      const absl::string_view y = graph_->Name(result);
      expand_names_[result.index] = {Fresh(absl::StrCat(y, "_shape")), Fresh(absl::StrCat(y, "_first"))};
    }
  }
}

std::vector<std::string> Extractor::OwnInitializers(int slice) const {
  const Slice& planned = plan_->slices[static_cast<size_t>(slice)];
  if (planned.narrowings.empty()) return {};
  const NarrowingNames& names = narrowing_names_.at(ZeroSource(planned).index);
  std::vector<std::string> all = {names.shape, names.starts, names.ends};
  for (const Narrowing& narrowing : planned.narrowings) {
    all.push_back(expand_names_.at(graph_->node(narrowing.node).output(0).index).shape);
  }
  return all;
}

void Extractor::NameLifts() {
  for (const Slice& slice : plan_->slices) {
    for (size_t i = 0; i < slice.lifts.size(); ++i) {
      if (slice.lifts[i].doublings == 0) continue;
      std::vector<std::string>& names = lift_names_[slice.inputs[i].index];
      if (!names.empty()) continue;
      const absl::string_view x = graph_->Name(slice.inputs[i]);
      names.push_back(Fresh(absl::StrCat(x, "_minus_itself")));
      for (int d = 1; d < slice.lifts[i].doublings; ++d) names.push_back(Fresh(absl::StrCat(x, "_zero_", d)));
      names.push_back(Fresh(absl::StrCat(x, "_lifted")));
    }
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
  LiftWriter lifts(graph);
  for (size_t i = 0; i < slice.lifts.size(); ++i) {
    if (slice.lifts[i].doublings == 0) continue;
    lifts.Add(std::string(graph_->Name(slice.inputs[i])), lift_names_.at(slice.inputs[i].index));
  }
  const NarrowingNames* zeros = nullptr;
  if (!slice.narrowings.empty()) {
    const ValueId source = ZeroSource(slice);
    zeros = &narrowing_names_.at(source.index);
    lifts.AddZeros(std::string(graph_->Name(source)), *zeros, MostDoublings(slice));
  }
  size_t narrowed = 0;
  for (int p = slice.begin; p < slice.end; ++p) {
    const NodeId id = plan_->order[static_cast<size_t>(p)];
    onnx::NodeProto node = model_->graph().node(p);
    if (narrowed < slice.narrowings.size() && slice.narrowings[narrowed].node == id) {
      const Narrowing& narrowing = slice.narrowings[narrowed++];
      const ValueId result = graph_->node(id).output(0);
      const ExpandNames& names = expand_names_.at(result.index);
      const std::optional<Dims> dims = facts_->StaticShape(result);
      if (!dims) return absl::InternalError("a comparison of unknown shape is written anew");
      lifts.AddExpand(zeros->zeros[static_cast<size_t>(narrowing.to.doublings - 1)], names, *dims);
      node.set_input(0, names.expanded);
      node.set_input(1, std::string(graph_->Name(narrowing.value)));
    }
    if (!slice.lifts.empty()) lifts.Redirect(&node);
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
