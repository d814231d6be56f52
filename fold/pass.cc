#include "fold/pass.h"

#include <utility>

namespace dsperse {

PassContext::PassContext(const Graph* graph, PassOptions options)
    : graph_(graph), options_(options) {}
PassContext::~PassContext() = default;

Facts& PassContext::facts() {
  if (facts_ == nullptr) facts_ = std::make_unique<Facts>(graph_);
  return *facts_;
}

void PassContext::Note(std::string text) {
  remarks_.push_back({Remark::Kind::kNote, pass_, "", "", std::move(text), {}});
}

void PassContext::Missed(std::string text) {
  remarks_.push_back({Remark::Kind::kMissed, pass_, "", "", std::move(text), {}});
}

void PassContext::Add(Remark::Kind kind, const NodeView& node, std::string text) {
  remarks_.push_back(
      {kind, pass_, std::string(node.name()), std::string(node.op_type()), std::move(text), {}});
}

}  // namespace dsperse
