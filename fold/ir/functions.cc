#include "fold/ir/functions.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "fold/ir/status_macros.h"
#include "onnx/defs/schema.h"
#include "onnx/inliner/inliner.h"
#include "onnx/onnx_pb.h"

namespace dsperse {
namespace {

using onnx::AttributeProto;
using onnx::FunctionProto;
using onnx::NodeProto;
using Nodes = google::protobuf::RepeatedPtrField<NodeProto>;

// Bodies inside each other (three messages a level, of the 100 that protobuf reads), and calls.
constexpr int kMaxBodies = 30;
constexpr int kMaxCalls = 64;

std::string Domain(const std::string& domain) { return domain == "ai.onnx" ? "" : domain; }

std::string IdOf(const std::string& domain, const std::string& name, const std::string& overload) {
  return absl::StrCat(Domain(domain), "::", name, overload.empty() ? "" : "::", overload);
}
std::string IdOf(const FunctionProto& f) { return IdOf(f.domain(), f.name(), f.overload()); }
std::string CalleeOf(const NodeProto& n) { return IdOf(n.domain(), n.op_type(), n.overload()); }

// Calls `visit(node, depth)` for all nodes and those of their bodies.
template <typename Visit>
void ForEachNode(Nodes* nodes, Visit&& visit) {
  std::vector<std::pair<Nodes*, int>> stack = {{nodes, 0}};
  while (!stack.empty()) {
    const auto [list, depth] = stack.back();
    stack.pop_back();
    for (NodeProto& node : *list) {
      visit(node, depth);
      for (AttributeProto& attribute : *node.mutable_attribute()) {
        if (attribute.has_g()) stack.emplace_back(attribute.mutable_g()->mutable_node(), depth + 1);
        for (onnx::GraphProto& graph : *attribute.mutable_graphs()) {
          stack.emplace_back(graph.mutable_node(), depth + 1);
        }
      }
    }
  }
}

constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();

void SaturatingAdd(int64_t more, int64_t* sum) {
  if (__builtin_add_overflow(*sum, more, sum)) *sum = kHuge;
}

int64_t SaturatingMultiply(int64_t a, int64_t b) {
  int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? kHuge : product;
}

const AttributeProto* FindAttribute(const NodeProto& node, const std::string& name) {
  for (const AttributeProto& attribute : node.attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  return nullptr;
}

// A list of nodes and what becomes of it.
struct Body {
  std::string id;                 // of the function; empty: the main graph
  FunctionProto* proto = nullptr;
  Nodes* nodes = nullptr;
  struct Call {
    NodeProto* node;
    int callee;
    int depth;
  };
  std::vector<Call> calls;
  // With all calls replaced:
  int64_t num_nodes = 0;
  int64_t bytes = 0;
  int bodies = 0;      // inside each other
  int call_depth = 0;  // calls inside each other
  absl::flat_hash_map<std::string, int64_t> references;  // to attributes of the function, by name
  // Attributes that are handed on to where a default would stand in for them.
  absl::flat_hash_set<std::string> handed_on;
};

class Inliner {
 public:
  Inliner(absl::string_view where, const InlineLimits& limits, onnx::ModelProto* model)
      : where_(where), limits_(limits), model_(model) {}

  absl::Status Run() {
    DSPERSE_RETURN_IF_ERROR(Collect());
    DSPERSE_RETURN_IF_ERROR(Order());
    DSPERSE_RETURN_IF_ERROR(MergeOpsets());
    for (const int i : order_) {
      DSPERSE_RETURN_IF_ERROR(CheckCalls(bodies_[static_cast<size_t>(i)]));
      DSPERSE_RETURN_IF_ERROR(Measure(&bodies_[static_cast<size_t>(i)]));
    }
    try {
      onnx::inliner::InlineLocalFunctions(*model_);
    } catch (const std::exception& e) {
      return Invalid(absl::StrCat("functions can not be inlined: ",
                                  absl::StrReplaceAll(e.what(), {{"\n", " "}})));
    }
    return CheckNothingLeft();
  }

 private:
  absl::Status Invalid(absl::string_view text) const {
    return absl::InvalidArgumentError(absl::StrCat(where_, ": ", text));
  }
  absl::Status Limit(absl::string_view text) const {
    return absl::ResourceExhaustedError(absl::StrCat(where_, ": ", text));
  }

  // Functions, the main graph behind them, and who calls whom.
  absl::Status Collect() {
    for (FunctionProto& function : *model_->mutable_functions()) {
      const int index = static_cast<int>(bodies_.size());
      if (!index_.emplace(IdOf(function), index).second) {
        return Invalid(absl::StrCat("two functions are named '", IdOf(function), "'"));
      }
      Body body;
      body.id = IdOf(function);
      body.proto = &function;
      body.nodes = function.mutable_node();
      bodies_.push_back(std::move(body));
    }
    Body main;
    main.nodes = model_->mutable_graph()->mutable_node();
    bodies_.push_back(std::move(main));
    for (Body& body : bodies_) {
      ForEachNode(body.nodes, [&](NodeProto& node, int depth) {
        body.bodies = std::max(body.bodies, depth);
        const auto it = index_.find(CalleeOf(node));
        if (it != index_.end()) body.calls.push_back({&node, it->second, depth});
        if (it == index_.end()) {
          ++body.num_nodes;
          for (const AttributeProto& attribute : node.attribute()) {
            if (!attribute.ref_attr_name().empty()) ++body.references[attribute.ref_attr_name()];
          }
        }
      });
      for (const NodeProto& node : *body.nodes) {
        SaturatingAdd(static_cast<int64_t>(node.ByteSizeLong()), &body.bytes);
      }
    }
    return absl::OkStatus();
  }

  // Callees before callers, by a depth-first walk without recursion.
  absl::Status Order() {
    enum State : char { kNew, kOpen, kDone };
    std::vector<State> states(bodies_.size(), kNew);
    struct Step {
      int body;
      size_t next_call;
    };
    for (size_t root = 0; root < bodies_.size(); ++root) {
      if (states[root] != kNew) continue;
      std::vector<Step> path = {{static_cast<int>(root), 0}};
      states[root] = kOpen;
      while (!path.empty()) {
        Step& step = path.back();
        const Body& body = bodies_[static_cast<size_t>(step.body)];
        if (step.next_call == body.calls.size()) {
          states[static_cast<size_t>(step.body)] = kDone;
          order_.push_back(step.body);
          path.pop_back();
          continue;
        }
        const int callee = body.calls[step.next_call++].callee;
        State& state = states[static_cast<size_t>(callee)];
        if (state == kOpen) {
          constexpr std::ptrdiff_t kMostShown = 8;
          std::string circle;
          auto it = std::find_if(path.begin(), path.end(),
                                 [&](const Step& s) { return s.body == callee; });
          const std::ptrdiff_t length = path.end() - it;
          for (std::ptrdiff_t i = 0; i < std::min(length, kMostShown); ++i, ++it) {
            absl::StrAppend(&circle, bodies_[static_cast<size_t>(it->body)].id, " -> ");
          }
          if (length > kMostShown) absl::StrAppend(&circle, "… (", length, " functions) -> ");
          const std::string& id = bodies_[static_cast<size_t>(callee)].id;
          return Invalid(absl::StrCat("function '", id, "' calls itself: ", circle, id));
        }
        if (state == kNew) {
          state = kOpen;
          path.push_back({callee, 0});
        }
      }
    }
    return absl::OkStatus();
  }

  // Is every operator of `domain` that `body` uses the same in both versions?
  bool SameOperators(const Body& body, const std::string& domain, int64_t a, int64_t b) const {
    bool same = true;
    ForEachNode(body.nodes, [&](NodeProto& node, int) {
      if (!same || Domain(node.domain()) != domain || index_.contains(CalleeOf(node))) return;
      const auto since = [&](int64_t version) {
        const onnx::OpSchema* schema = onnx::OpSchemaRegistry::Schema(
            node.op_type(), static_cast<int>(std::min<int64_t>(version, INT32_MAX)), domain);
        return schema == nullptr ? -1 : schema->since_version();
      };
      same = since(a) == since(b) && since(a) >= 0;
    });
    return same;
  }

  // The model imports what its functions import. The inliner would leave functions of another version.
  absl::Status MergeOpsets() {
    absl::flat_hash_map<std::string, int64_t> versions;
    for (const onnx::OperatorSetIdProto& opset : model_->opset_import()) {
      versions.emplace(Domain(opset.domain()), opset.version());
    }
    for (Body& body : bodies_) {
      if (body.proto == nullptr) continue;
      for (onnx::OperatorSetIdProto& opset : *body.proto->mutable_opset_import()) {
        const std::string domain = Domain(opset.domain());
        const auto [it, added] = versions.emplace(domain, opset.version());
        if (added) *model_->add_opset_import() = opset;
        if (it->second == opset.version()) continue;
        if (!SameOperators(body, domain, opset.version(), it->second)) {
          return absl::UnimplementedError(absl::StrCat(
              where_, ": function '", body.id, "' needs opset ", opset.version(), " of domain '",
              domain, "', where the model imports ", it->second));
        }
        opset.set_version(it->second);
      }
    }
    return absl::OkStatus();
  }

  // Arity; and the default values of attributes, which the inliner does not know of, are written into
  // the calls. Callees have been here before their callers.
  absl::Status CheckCalls(Body& body) {
    for (const Body::Call& call : body.calls) {
      const Body& callee = bodies_[static_cast<size_t>(call.callee)];
      const FunctionProto& function = *callee.proto;
      NodeProto& node = *call.node;
      if (node.input_size() > function.input_size() || node.output_size() > function.output_size()) {
        return Invalid(absl::StrCat("node '", node.name(), "' calls function '", callee.id,
                                    "' with ", node.input_size(), " inputs and ",
                                    node.output_size(), " outputs, it has ", function.input_size(),
                                    " and ", function.output_size()));
      }
      for (const AttributeProto& preset : function.attribute_proto()) {
        const AttributeProto* given = FindAttribute(node, preset.name());
        if (given == nullptr) {
          *node.add_attribute() = preset;
        } else if (!given->ref_attr_name().empty()) {
          HandOn(&body, given->ref_attr_name());
        }
      }
      for (const std::string& name : callee.handed_on) {
        const AttributeProto* given = FindAttribute(node, name);
        if (given == nullptr) {
          return absl::UnimplementedError(absl::StrCat(
              where_, ": node '", node.name(), "' calls function '", callee.id,
              "' without attribute '", name, "', which it hands on to a function with a default"));
        }
        if (!given->ref_attr_name().empty()) HandOn(&body, given->ref_attr_name());
      }
      for (const AttributeProto& attribute : node.attribute()) {
        if (!attribute.has_g() && attribute.graphs_size() == 0) continue;
        return absl::UnimplementedError(absl::StrCat(where_, ": node '", node.name(),
                                                     "' calls function '", callee.id,
                                                     "' with a graph as attribute '",
                                                     attribute.name(), "'"));
      }
    }
    return absl::OkStatus();
  }

  static void HandOn(Body* body, const std::string& name) {
    if (body->proto == nullptr) return;
    for (const AttributeProto& preset : body->proto->attribute_proto()) {
      if (preset.name() == name) return;  // never absent
    }
    body->handed_on.insert(name);
  }

  absl::Status Measure(Body* body) {
    for (const Body::Call& call : body->calls) {
      const Body& callee = bodies_[static_cast<size_t>(call.callee)];
      SaturatingAdd(callee.num_nodes, &body->num_nodes);
      SaturatingAdd(callee.bytes, &body->bytes);
      for (const AttributeProto& given : call.node->attribute()) {
        const auto it = callee.references.find(given.name());
        if (it == callee.references.end()) continue;
        if (!given.ref_attr_name().empty()) {
          SaturatingAdd(it->second, &body->references[given.ref_attr_name()]);
        } else {
          SaturatingAdd(SaturatingMultiply(it->second, static_cast<int64_t>(given.ByteSizeLong())),
                        &body->bytes);
        }
      }
      body->bodies = std::max(body->bodies, call.depth + callee.bodies);
      body->call_depth = std::max(body->call_depth, callee.call_depth + 1);
    }
    if (body->proto != nullptr) return absl::OkStatus();  // what nobody calls costs nothing
    if (body->num_nodes > limits_.max_nodes) {
      return Limit(absl::StrCat("has ", body->num_nodes,
                                " nodes once its functions are inlined, more than the ",
                                limits_.max_nodes, " allowed"));
    }
    if (body->bytes > limits_.max_bytes) {
      return Limit(absl::StrCat("its nodes have ", body->bytes,
                                " bytes once its functions are inlined, more than the ",
                                limits_.max_bytes, " allowed"));
    }
    if (body->bodies > kMaxBodies || body->call_depth > kMaxCalls) {
      return Limit(absl::StrCat("nesting too deep: ", body->call_depth, " calls and ", body->bodies,
                                " graphs inside each other, more than ", kMaxCalls, " or ",
                                kMaxBodies));
    }
    return absl::OkStatus();
  }

  absl::Status CheckNothingLeft() {
    if (model_->functions_size() > 0) {
      return absl::UnimplementedError(absl::StrCat(
          where_, ": function '", IdOf(model_->functions(0)), "' could not be inlined"));
    }
    std::string left;
    ForEachNode(model_->mutable_graph()->mutable_node(), [&](NodeProto& node, int) {
      if (left.empty() && index_.contains(CalleeOf(node))) left = CalleeOf(node);
    });
    if (!left.empty()) {
      return absl::UnimplementedError(
          absl::StrCat(where_, ": a call of function '", left, "' could not be inlined"));
    }
    return absl::OkStatus();
  }

  const absl::string_view where_;
  const InlineLimits& limits_;
  onnx::ModelProto* const model_;
  std::vector<Body> bodies_;
  absl::flat_hash_map<std::string, int> index_;
  std::vector<int> order_;
};

}  // namespace

absl::Status InlineFunctions(absl::string_view where, const InlineLimits& limits,
                             onnx::ModelProto* model) {
  if (model->graph().node_size() > limits.max_nodes) {
    return absl::ResourceExhaustedError(absl::StrCat(where, ": has ", model->graph().node_size(),
                                                     " nodes, more than the ", limits.max_nodes,
                                                     " allowed"));
  }
  if (model->functions_size() == 0) return absl::OkStatus();
  return Inliner(where, limits, model).Run();
}

}  // namespace dsperse
