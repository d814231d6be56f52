// What EZKL's importer does before it lays the sheet: folding into a Conv, merging of equal
// constants.
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "circuit_estimate/backends/ezkl_counter.h"

namespace dsperse {

bool EzklCounter::IsPerChannelConstant(const NodeView& node, int* data) {
  if (!node.Is("Mul") && !node.Is("Add") && !node.Is("Sub") && !node.Is("Div")) return false;
  const Dims* out = view_.ShapeOf(node.output(0));
  if (out == nullptr || out->size() < 2 || node.num_inputs() != 2) return false;
  for (int constant : {0, 1}) {
    if (constant == 0 && node.Is("Div")) continue;
    const ValueId value = node.input(constant);
    const Dims* dims = view_.IsConstant(value) ? view_.ShapeOf(value) : nullptr;
    if (dims == nullptr || view_.IsConstant(node.input(1 - constant))) continue;
    bool per_channel = dims->size() <= out->size();
    for (size_t i = 0; i < dims->size() && per_channel; ++i) {
      const size_t axis = out->size() - dims->size() + i;
      per_channel = (*dims)[i] == 1 || axis == 1;
    }
    if (!per_channel) continue;
    *data = 1 - constant;
    return true;
  }
  return false;
}

bool EzklCounter::Folded(const NodeView& node) {
  int data = 0;
  if (node.Is("BatchNormalization")) {
    if (!HasScaleShift(view_, node)) return false;
  } else if (!IsPerChannelConstant(node, &data)) {
    return false;
  }
  const Graph& graph = view_.graph();
  const ValueId input = node.input(data);
  const NodeId producer = graph.Producer(input);
  if (!producer.valid() || !inside_.contains(producer) || !graph.HasSingleNodeUse(input)) {
    return false;
  }
  const auto chained = folded_into_.find(producer);
  const NodeId base = chained != folded_into_.end() ? chained->second : producer;
  const NodeView conv = graph.node(base);
  if (!conv.Is("Conv") || conv.Int("group", 1) != 1 || IsPointwiseConv(conv)) return false;
  folded_into_[node.id()] = base;
  return true;
}

void EzklCounter::SharedConstants(
    const NodeView& node, absl::FunctionRef<void(const std::string& key, Count size)> visit) {
  const auto scalar = [&](double value) { visit(absl::StrCat("scalar ", value), Count(1)); };
  const absl::string_view op = node.op_type();
  if (op == "Clip") {
    const ClipBounds bounds = ClipBoundsOf(view_, node);
    if (bounds.low.has_value()) scalar(*bounds.low);
    if (bounds.high.has_value()) scalar(*bounds.high);
  } else if (op == "HardSigmoid") {
    scalar(node.Float("alpha", 0.2f));
    scalar(node.Float("beta", 0.5f));
    scalar(0);
    scalar(1);
  } else if (op == "GlobalAveragePool" || op == "ReduceMean") {
    const NodeId producer = view_.graph().Producer(node.input(0));
    const Count each = ReducedElements(view_, node);
    if (each.value() == 0 || (producer.valid() && IsMeanOfSquare(view_.graph().node(producer))))
      return;
    scalar(1.0 / static_cast<double>(each.value()));
  } else if (op == "LayerNormalization" || op == "InstanceNormalization") {
    scalar(node.Float("epsilon", 1e-5f));
  } else if (op == "Add" || op == "Sub" || op == "Mul" || op == "Div" || op == "Pow" ||
             op == "Max" || op == "Min") {
    for (ValueId input : node.inputs()) {
      if (!view_.IsConstant(input)) continue;
      if (std::optional<double> value = view_.ScalarOf(input); value.has_value()) {
        scalar(*value);
        continue;
      }
      // Equal constants are one: small ones by their contents, others by name.
      const std::optional<std::vector<double>> values = view_.DoublesOf(input);
      std::string key = absl::StrCat("tensor ", DimsToString(*view_.ShapeOf(input)), " ");
      if (values.has_value()) {
        key.append(reinterpret_cast<const char*>(values->data()), values->size() * sizeof(double));
      } else {
        absl::StrAppend(&key, input.index);
      }
      visit(key, view_.Elements(input));
    }
  }
}

void EzklCounter::PlaceShared(const NodeView& node) {
  SharedConstants(node, [&](const std::string& key, Count size) {
    const int uses = known_ ? shared_[key] : ++shared_[key];
    if (uses > 1 && placed_.insert(key).second) sheet_.Add(size);
  });
}

}  // namespace dsperse
