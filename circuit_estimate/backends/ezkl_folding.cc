// What EZKL's importer does before it lays the sheet: folding into a Conv, merging of equal constants.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
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
    // A single number for all channels is left alone.
    if (!per_channel || view_.Elements(value) != Count((*out)[1])) continue;
    *data = 1 - constant;
    return true;
  }
  return false;
}

NodeId EzklCounter::OnlySource(ValueId value) {
  const Graph& graph = view_.graph();
  while (true) {
    const NodeId producer = graph.Producer(value);
    if (!producer.valid() || !inside_.contains(producer) || !graph.HasSingleNodeUse(value)) return NodeId();
    const NodeView node = graph.node(producer);
    Facts& facts = view_.facts();
    const bool dropped = node.Is("Identity") || node.Is("Dropout") ||
                         (node.Is("Cast") && IsFloat(facts.TypeOf(node.input(0))) && IsFloat(facts.TypeOf(value)));
    if (!dropped || value != node.output(0)) return producer;
    value = node.input(0);
  }
}

bool EzklCounter::TakesConstants(const NodeView& conv) {
  return conv.Is("Conv") && conv.Int("group", 1) == 1 && !IsPointwiseConv(conv);
}

bool EzklCounter::Folded(const NodeView& node) {
  int data = 0;
  if (node.Is("BatchNormalization")) {
    if (!HasScaleShift(view_, node)) return false;
  } else if (!IsPerChannelConstant(node, &data)) {
    return false;
  }
  const NodeId producer = OnlySource(node.input(data));
  if (!producer.valid()) return false;
  const auto chained = folded_into_.find(producer);
  const NodeId base = chained != folded_into_.end() ? chained->second : producer;
  if (!TakesConstants(view_.graph().node(base))) return false;
  folded_into_[node.id()] = base;
  return true;
}

bool EzklCounter::FoldedIntoACopy(const NodeView& node) {
  int data = 0;
  if (!node.Is("BatchNormalization") && !IsPerChannelConstant(node, &data)) return false;
  const Graph& graph = view_.graph();
  const ValueId input = node.input(data);
  const NodeId producer = graph.Producer(input);
  if (!producer.valid() || !inside_.contains(producer) || !TakesConstants(graph.node(producer))) return false;
  const absl::Span<const Use> uses = graph.Uses(input);
  return graph.IsBlockOutput(input) &&
         std::count_if(uses.begin(), uses.end(), [](const Use& use) { return !use.is_block_output(); }) == 1;
}

void EzklCounter::SharedConstants(
    const NodeView& node, absl::FunctionRef<void(Part part, const std::string& key, Count size)> visit) {
  const absl::string_view op = node.op_type();
  // Constants are one where they hold the same floats: small ones are compared, others are what the model calls one.
  const auto key_of = [](absl::Span<const double> values) {
    std::string key;
    for (const double value : values) {
      const float single = static_cast<float>(value);
      key.append(reinterpret_cast<const char*>(&single), sizeof single);
    }
    return key;
  };
  const auto scalar = [&](double value, Part part = kFirst) {
    visit(part, absl::StrCat("scalar ", key_of({value})), Count(1));
  };
  const auto tensor = [&](ValueId value, Part part = kFirst, bool inverse = false) {
    if (!value.valid() || !view_.IsConstant(value) || view_.ShapeOf(value) == nullptr) return;
    constexpr uint64_t kCompared = 1024;  // elements
    const Count size = view_.Elements(value);
    absl::Span<const int64_t> dims = *view_.ShapeOf(value);
    while (!dims.empty() && dims[0] == 1) dims.remove_prefix(1);
    std::optional<std::vector<double>> values;
    if (size.value() <= kCompared) values = view_.DoublesOf(value);
    if (values.has_value() && inverse) {
      for (double& element : *values) element = 1 / element;
    }
    if (size == Count(1) && values.has_value()) return scalar((*values)[0], part);
    visit(part, absl::StrCat("tensor ", absl::StrJoin(dims, ","), " ",
                       values.has_value() ? key_of(*values) : absl::StrCat(inverse ? "1 / " : "", value.index)),
          size);
  };
  const auto mean_of = [&](Count each) {  // a whole power of two is a shift
    if ((each.value() & (each.value() - 1)) != 0) {
      scalar(1.0 / static_cast<double>(each.value()), kMeanFactor);
    }
  };
  if (StandsFor(node).valid()) return;
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
    if (producer.valid() && IsMeanOfSquare(view_.graph().node(producer))) return;
    mean_of(ReducedElements(view_, node));
  } else if (op == "LayerNormalization" || op == "InstanceNormalization") {
    scalar(node.Float("epsilon", 1e-5f), kEpsilon);
    mean_of(RowElements(view_, node));
    if (!IsAll(node.input(1), 1)) tensor(node.input(1), kScale);
    if (node.input(2).valid() && !view_.IsZero(node.input(2))) tensor(node.input(2), kShift);
  } else if (op == "BatchNormalization") {
    const std::optional<ScaleShift> affine = ScaleShiftOf(view_, node);
    if (!affine.has_value()) return;
    for (const std::vector<double>* values : {&affine->scale, &affine->shift}) {
      const bool scales = values == &affine->scale;
      const float dropped = scales ? 1 : 0;
      if (std::all_of(values->begin(), values->end(), [&](double v) { return static_cast<float>(v) == dropped; })) {
        continue;
      }
      visit(scales ? kScale : kShift, absl::StrCat("channels ", key_of(*values)),
            Count(static_cast<uint64_t>(values->size())));
    }
  } else if (op == "Conv" || op == "ConvTranspose") {
    if (bases_.contains(node.id())) return;  // they become other constants
    tensor(node.input(1));
    const bool pointwise = op == "Conv" && IsPointwiseConv(node);
    if (node.input(2).valid()) {
      if (!pointwise || !view_.IsZero(node.input(2))) tensor(node.input(2));
    } else if (!pointwise) {
      visit(kFirst, "no bias", Count(1));
    }
  } else if (op == "Gemm" || op == "MatMul") {
    tensor(node.input(0));
    tensor(node.input(1));
    if (node.input(2).valid() && !view_.IsZero(node.input(2))) tensor(node.input(2));
  } else if (op == "Mul" || op == "Div") {
    for (int i : {0, 1}) {
      const bool divisor = op == "Div" && i == 1;
      const std::optional<double> value = view_.ScalarOf(node.input(i));
      if (value.has_value() && ShiftOf(divisor ? 1 / *value : *value).has_value()) continue;
      tensor(node.input(i), kFirst, divisor);
    }
  } else if ((op == "Add" || op == "Sub" || op == "Sum" || op == "Concat" || op == "Max" || op == "Min") &&
             !IsMaxWithZero(node)) {
    for (ValueId input : node.inputs()) tensor(input);
  }
}

void EzklCounter::PlaceShared(const NodeView& node, Part part) {
  SharedConstants(node, [&](Part its, const std::string& key, Count size) {
    if (its != part) return;
    const int uses = known_ ? shared_[key] : ++shared_[key];
    if (uses > 1 && placed_.insert(key).second) sheet_.Add(size);
  });
}

}  // namespace dsperse
