#include "fold/pass.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace dsperse {

absl::string_view RemarkKindName(Remark::Kind kind) {
  switch (kind) {
    case Remark::Kind::kApplied:
      return "applied";
    case Remark::Kind::kMissed:
      return "missed";
    case Remark::Kind::kNote:
      break;
  }
  return "note";
}

std::string Describe(const Graph& graph, NodeId node) {
  return absl::StrCat(graph.node(node).op_type(), " '", NodeLabel(graph, node), "'");
}

PassContext::PassContext(const Graph* graph, PassOptions options)
    : graph_(graph), options_(options) {}
PassContext::~PassContext() = default;

Facts& PassContext::facts() {
  if (facts_ == nullptr) facts_ = std::make_unique<Facts>(graph_);
  return *facts_;
}

bool PassContext::ResetFacts() {
  const bool had = facts_ != nullptr;
  facts_.reset();
  ForgetProofs();
  return had;
}

bool PassContext::Proves(const NodeView& node) {
  if (proves_.empty()) proves_.resize(static_cast<size_t>(graph_->NodeLimit()));
  std::optional<bool>& known = proves_[static_cast<size_t>(node.id().index)];
  if (!known) known = target->Proves(*graph_, node, facts());
  return *known;
}

void PassContext::Note(std::string text) {
  remarks_.push_back({Remark::Kind::kNote, pass_, "", "", std::move(text), {}});
}

void PassContext::Missed(std::string text) {
  remarks_.push_back({Remark::Kind::kMissed, pass_, "", "", std::move(text), {}});
}

void PassContext::Add(Remark::Kind kind, const NodeView& node, std::string text) {
  remarks_.push_back({kind, pass_, std::string(NodeLabel(*graph_, node.id())),
                      std::string(node.op_type()), std::move(text), {}});
}

}  // namespace dsperse
