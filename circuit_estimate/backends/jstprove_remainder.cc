#include "circuit_estimate/backends/jstprove_remainder.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "absl/container/btree_set.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "circuit_estimate/shapes.h"
#include "fold/ir/status_macros.h"
#include "nlohmann/json.hpp"

namespace dsperse {
namespace {

constexpr MetricInfo kMetrics[] = {{"cells", "length of all input vectors"}};
// Operators with a formula.
constexpr PricedOperator kOperators[] = {
    {"Add"},
    {"BatchNormalization"},
    {"Conv", true, "group 1, two spatial axes"},
    {"Flatten"},
    {"Gemm"},
    {"MaxPool", true, "observed bits"},
    {"Relu", true, "observed bits"},
    {"Reshape"},
    {"Squeeze"},
    {"Sub"},
    {"Unsqueeze"},
};

constexpr ParameterInfo kParameters[] = {
    {"observed_bits", "", "bits",
     "JSON object {node: bits} of the values that Relu and MaxPool saw; @FILE reads it from a file",
     ""},
};

constexpr int kScaleBits = 18;
constexpr int kChunk = 9;
// Without data: values of 36 bits, the middle of what inputs in [−1, 1) gave.
constexpr int kAssumedBits = 36;

using Observed = std::map<std::string, int>;

absl::StatusOr<Observed> ObservedOf(const Parameters& parameters) {
  Observed observed;
  const absl::string_view text = parameters.Text("observed_bits");
  if (text.empty()) return observed;
  const auto json = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
  if (!json.is_object()) {
    return absl::InvalidArgumentError("parameter observed_bits: not a JSON object of {node: bits}");
  }
  for (const auto& [name, bits] : json.items()) {
    if (!bits.is_number_integer() || bits.get<int64_t>() < 1 || bits.get<int64_t>() > 64) {
      return absl::InvalidArgumentError(
          absl::StrCat("parameter observed_bits: '", name, "' has no number of bits from 1 to 64"));
    }
    observed[name] = bits.get<int>();
  }
  return observed;
}

// Values of a node in the padded layout: height × width by channels, or columns by rows.
Count Padded(const Dims& dims) {
  if (dims.empty()) return Count(1);
  const absl::Span<const int64_t> all = absl::MakeConstSpan(dims);
  if (dims.size() == 4)
    return NextPowerOfTwo(Product(all.subspan(2))) * NextPowerOfTwo(Count(dims[1]));
  return NextPowerOfTwo(Count(dims.back())) *
         NextPowerOfTwo(Product(all.subspan(0, dims.size() - 1)));
}

class RemainderCounter {
 public:
  RemainderCounter(ModelView* view, Observed observed)
      : view_(*view), observed_(std::move(observed)) {
    int position = 0;
    for (NodeId node : view_.graph().Nodes(view_.graph().main())) positions_[node] = position++;
  }

  void Begin() {
    groups_.clear();
    tables_.clear();
  }

  // Cells of the node and of its checks' multiplicities. `exact` turns false where bits are
  // assumed.
  Count AddNode(NodeId id, bool* exact, std::string* refused) {
    const NodeView node = view_.graph().node(id);
    const absl::string_view op = node.op_type();
    const Dims* out = view_.ShapeOf(node.output(0));
    const Dims* in = view_.ShapeOf(node.input(0));
    const Dims* weight = view_.ShapeOf(node.input(1));
    if (!node.domain().empty() || !IsSupported(op)) {
      *refused = absl::StrCat("operator ", op, " is unknown to jstprove_remainder");
      return Count(0);
    }
    if (out == nullptr || in == nullptr) {
      *refused = "shapes are not known";
      return Count(0);
    }
    const Count padded = Padded(*out);
    if (op == "Conv" || op == "Gemm") {
      if (weight == nullptr || !view_.IsConstant(node.input(1))) {
        *refused = "weights are not constant";
      } else if (op == "Conv" && node.Int("group", 1) != 1) {
        *refused = "Conv with group > 1";
      } else if (op == "Conv" && out->size() != 4) {
        *refused = "Conv over other than two spatial axes";
      } else if (weight->size() != (op == "Conv" ? 4u : 2u)) {
        *refused = absl::StrCat("weights of rank ", weight->size());
      }
      if (!refused->empty()) return Count(0);
      Count taps;
      Count columns;
      if (op == "Conv") {
        taps = Product(absl::MakeConstSpan(*weight).subspan(1));
        columns = Count((*weight)[0]);
      } else {
        taps = Count((*weight)[node.Int("transB", 0) != 0 ? 1 : 0]);
        columns = Count(out->back());
      }
      return NextPowerOfTwo(taps) * NextPowerOfTwo(columns) + Count(5) * padded +
             Check(kChunk, padded, Count(2));
    }
    if (op == "BatchNormalization") return Count(6) * padded + Check(kChunk, padded, Count(2));
    if (op == "Relu" || op == "MaxPool") {
      const bool pools = op == "MaxPool";
      const Count taps = pools ? Product(node.Ints("kernel_shape")) : Count(2);
      const int bits = BitsOf(id, node, exact) - kScaleBits;
      Count cells = pools ? padded + taps * padded : Count(4) * padded;
      if (bits > kChunk) {
        cells += Count(2) * taps * padded;
        cells += Check(kChunk, padded, taps) + Check(bits - kChunk, padded, taps);
      } else {
        cells += Check(std::max(bits, 1), padded, taps);
      }
      return cells;
    }
    if (op == "Add" || op == "Sub") {
      const bool constant = view_.IsConstant(node.input(0)) || view_.IsConstant(node.input(1));
      return padded + (constant ? padded : Count(0));
    }
    return Count(0);
  }

  // Dummies that fill each group of checks to a power of two, and one public table for each size.
  Count Fillers() const {
    Count cells;
    for (const auto& [group, checks] : groups_) {
      const auto& [bits, padded] = group;
      cells += (NextPowerOfTwo(checks) - checks) * (Count(padded) + Count(uint64_t{1} << bits));
    }
    return cells;
  }
  Count Tables() const {
    Count cells;
    for (int bits : tables_) cells += Count(uint64_t{1} << bits);
    return cells;
  }

 private:
  static bool IsSupported(absl::string_view op) {
    static constexpr absl::string_view kNames[] = {"Add",      "BatchNormalization",
                                                   "Conv",     "Flatten",
                                                   "Gemm",     "MaxPool",
                                                   "Relu",     "Reshape",
                                                   "Squeeze",  "Sub",
                                                   "Unsqueeze"};
    return std::find(std::begin(kNames), std::end(kNames), op) != std::end(kNames);
  }

  Count Check(int bits, Count padded, Count times) {
    groups_[{bits, padded.value()}] += times;
    tables_.insert(bits);
    return times * Count(uint64_t{1} << bits);
  }

  // A node without a name is called after its position, as the tool does.
  int BitsOf(NodeId id, const NodeView& node, bool* exact) const {
    for (const std::string& name :
         {std::string(node.name()), absl::StrCat("node_", positions_.at(id))}) {
      if (const auto found = observed_.find(name); found != observed_.end()) return found->second;
    }
    *exact = false;
    return kAssumedBits;
  }

  ModelView& view_;
  Observed observed_;
  std::map<NodeId, int> positions_;
  std::map<std::pair<int, uint64_t>, Count> groups_;
  absl::btree_set<int> tables_;
};

class RemainderPricer : public RangePricer {
 public:
  RemainderPricer(std::shared_ptr<ModelView> view, Observed observed)
      : view_(std::move(view)), counter_(view_.get(), std::move(observed)) {}

  void Begin() override {
    counter_.Begin();
    price_ = RangePrice();
    nodes_ = Count();
  }

  RangePrice Extend(NodeId node) override {
    if (view_->IsConstantNode(node)) return price_;
    std::string refused;
    nodes_ += counter_.AddNode(node, &price_.exact, &refused);
    price_.provable = price_.provable && refused.empty();
    price_.exact = price_.exact && refused.empty();
    price_.price = (nodes_ + counter_.Fillers()).value();
    return price_;
  }

  SlicePrices slice_prices() const override { return {uint64_t{1} << kChunk, 1, 1}; }
  absl::string_view unit() const override { return kMetrics[0].name; }

 private:
  std::shared_ptr<ModelView> view_;
  RemainderCounter counter_;
  RangePrice price_;
  Count nodes_;
};

class RemainderBackend : public Backend {
 public:
  absl::string_view name() const override { return "jstprove_remainder"; }
  absl::string_view summary() const override { return "jstprove 2.12.1, remainder proof system"; }
  absl::Span<const MetricInfo> metrics() const override { return kMetrics; }
  absl::Span<const ParameterInfo> parameters() const override { return kParameters; }
  absl::Span<const PricedOperator> operators() const override { return kOperators; }

  absl::StatusOr<RangeCounts> CountRange(ModelView& view, const Range& range,
                                         const Parameters& parameters) const override {
    DSPERSE_ASSIGN_OR_RETURN(Observed observed, ObservedOf(parameters));
    RemainderCounter counter(&view, std::move(observed));
    RangeCounts result;
    result.inputs = result.outputs = result.fixed = result.total = Counts(1);
    result.nodes.reserve(range.nodes.size());
    for (NodeId id : range.nodes) {
      NodeCounts node;
      node.node = id;
      node.counts = Counts(1);
      bool exact = true;
      node.counts.values[0] = counter.AddNode(id, &exact, &node.unsupported);
      node.counts.approximate = exact ? 0 : 1;
      result.total += node.counts;
      result.nodes.push_back(std::move(node));
    }
    for (ValueId input : range.inputs) {
      result.inputs.values[0] += NextPowerOfTwo(view.Elements(input));
    }
    for (ValueId output : range.outputs) {
      if (const Dims* dims = view.ShapeOf(output); dims != nullptr)
        result.outputs.values[0] += Padded(*dims);
    }
    result.fixed.values[0] = counter.Fillers() + counter.Tables();
    result.total += result.inputs;
    result.total += result.outputs;
    result.total += result.fixed;
    RefuseBoundary(view, range, &result);
    return result;
  }

  absl::StatusOr<std::unique_ptr<RangePricer>> NewPricer(
      std::shared_ptr<ModelView> view, const Parameters& parameters) const override {
    DSPERSE_ASSIGN_OR_RETURN(Observed observed, ObservedOf(parameters));
    return std::make_unique<RemainderPricer>(std::move(view), std::move(observed));
  }

 private:
  // One input, one output, a batch of 1: else the first node that reads or makes the surplus is
  // refused.
  static void RefuseBoundary(ModelView& view, const Range& range, RangeCounts* result) {
    if (result->nodes.empty()) return;
    std::string reason;
    if (range.inputs.size() != 1) {
      reason = absl::StrCat("the circuit has ", range.inputs.size(), " inputs, it takes one");
    } else if (range.outputs.size() != 1) {
      reason = absl::StrCat("the circuit has ", range.outputs.size(), " outputs, it takes one");
    } else if (const Dims* dims = view.ShapeOf(range.inputs[0]);
               dims != nullptr && dims->size() > 1 && (*dims)[0] != 1) {
      reason = absl::StrCat("a batch of ", (*dims)[0], ", it takes 1");
    }
    NodeCounts& node = range.outputs.size() > 1 ? result->nodes.back() : result->nodes.front();
    if (node.unsupported.empty()) node.unsupported = reason;
  }
};

}  // namespace

const Backend& JstproveRemainder() {
  static const RemainderBackend* const backend = new RemainderBackend;
  return *backend;
}

}  // namespace dsperse
