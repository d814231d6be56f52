#include "circuit_estimate/backends/jstprove_expander.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "circuit_estimate/backends/expander_counter.h"

namespace dsperse {
namespace {

constexpr MetricInfo kMetrics[] = {
    {"constraints", "constraints"},
    {"inputs", "committed inputs: hints, digits, table"},
    {"mul", "multiplication gates"},
    {"add", "addition gates"},
    {"total_cost", "the compiler's cost: layers rounded to powers of two", false},
};
enum Metric { kConstraints, kInputs, kMul, kAdd, kTotalCost };

// Operators with a formula.
constexpr PricedOperator kOperators[] = {
    {"Add"},
    {"AveragePool", true, "two spatial axes, no ceil_mode"},
    {"BatchNormalization"},
    {"Cast"},
    {"Clip", true, "constant bounds, as inputs"},
    {"Concat"},
    {"Conv", true, "group 1, dilations 1, two spatial axes, attributes written out"},
    {"ConvTranspose", true, "group 1, dilations 1, two spatial axes, kernel_shape written out"},
    {"DepthToSpace"},
    {"Div", true, "constant divisor of at least 1"},
    {"Dropout"},
    {"Erf"},
    {"Exp"},
    {"Expand"},
    {"Flatten"},
    {"Gather"},
    {"Gelu", true, "approximate=tanh"},
    {"Gemm", true, "with C, alpha and beta 1"},
    {"GlobalAveragePool"},
    {"HardSwish"},
    {"Identity"},
    {"LayerNormalization"},
    {"LeakyRelu"},
    {"MatMul", true, "no vectors"},
    {"Max", true, "two operands"},
    {"MaxPool", true, "two spatial axes, dilations 1, no ceil_mode that adds windows"},
    {"Min", true, "two operands"},
    {"Mul"},
    {"Neg"},
    {"Pad", true, "by zeros"},
    {"Pow", true, "constant whole exponent, or 0.5"},
    {"ReduceMean"},
    {"ReduceSum"},
    {"Relu"},
    {"Reshape"},
    {"Resize"},
    {"Sigmoid"},
    {"Slice"},
    {"Softmax", true, "from opset 13 on"},
    {"SpaceToDepth"},
    {"Split"},
    {"Sqrt"},
    {"Squeeze"},
    {"Sub"},
    {"Tanh"},
    {"Tile"},
    {"Transpose"},
    {"Unsqueeze"},
    {"Upsample"},
};

constexpr ParameterInfo kParameters[] = {
    {"chunk_bits", "auto", "bits",
     "digit of a range check; auto: the cheapest of 10 … 14, as DSperse compiles", "auto", 1, 20},
    {"weights", "inputs", "", "how weights enter the circuit; `dsperse compile` makes them inputs",
     "inputs|constant"},
    {"scale_bits", "18", "bits", "fixed-point scale", "", 1, 30},
};

constexpr int kFirstChunk = 10;  // that the compiler tries
constexpr int kLastChunk = 14;
constexpr uint64_t kFixedConstraints = 4;
constexpr uint64_t kFixedInputs = 2;

struct Options {
  std::vector<int> chunks;
  bool weights_are_inputs;
};

Options OptionsOf(const Parameters& parameters) {
  Options options;
  if (parameters.Text("chunk_bits") == "auto") {
    for (int chunk = kFirstChunk; chunk <= kLastChunk; ++chunk) options.chunks.push_back(chunk);
  } else {
    options.chunks.push_back(static_cast<int>(parameters.Number("chunk_bits")));
  }
  options.weights_are_inputs = parameters.Text("weights") == "inputs";
  return options;
}

// What the whole circuit costs once, given what its nodes need.
struct Once {
  bool checked = false;  // some value is range-checked: a table of 2^chunk rows
  bool trivial = false;  // a constraint between constants

  void Add(const ExpanderCost& cost) {
    checked = checked || !cost.checks.empty();
    trivial = trivial || cost.trivial;
  }
  Count Constraints() const { return Count((checked ? 1 : 0) + (trivial ? 1 : 0)); }
};

ExpanderTotals FixedTotals(const Once& once, int chunk) {
  const Count table(uint64_t{1} << chunk);
  ExpanderTotals fixed;
  fixed.constraints = Count(kFixedConstraints) + once.Constraints();
  fixed.inputs = Count(kFixedInputs) + (once.checked ? table : Count(0));
  if (once.checked) {
    fixed.mul = Count(3) * table - Count(4);
    fixed.add = Count(3) * table;
  }
  return fixed;
}

// The compiler's own cost of a circuit: 1000 an input, 100 a gate slot, 10 a multiplication, 3 an
// addition, where inputs and every layer are rounded up to powers of two. The slots are taken as
// four layers as wide as the inputs and what the queries fill.
Count TotalCost(Count inputs, Count mul, Count add) {
  const Count width = NextPowerOfTwo(inputs);
  return Count(1000) * width + Count(100) * (Count(4) * width + mul) + Count(10) * mul + Count(3) * add;
}

// As metrics; the cost is that of a range only.
Counts CountsOf(const ExpanderTotals& totals) {
  Counts counts(std::size(kMetrics));
  counts.values[kConstraints] = totals.constraints;
  counts.values[kInputs] = totals.inputs;
  counts.values[kMul] = totals.mul;
  counts.values[kAdd] = totals.add;
  return counts;
}

Counts NodeCountsAt(const ExpanderCounter::Priced& priced, int chunk, const Options& options) {
  Counts counts = CountsOf(AtChunk(priced.cost, chunk, options.weights_are_inputs));
  counts.approximate = 1u << kAdd | 1u << kTotalCost;
  if (!priced.constraints_exact) {
    counts.approximate |= 1u << kConstraints | 1u << kInputs;
  }
  if (!priced.mul_exact || chunk > priced.mul_exact_chunk) counts.approximate |= 1u << kMul;
  return counts;
}

// The metrics of a node that rest on a guess: which chunk the compiler chooses, and how weights are committed to.
uint32_t GuessedOf(const ExpanderCounter::Priced& priced, const Options& options) {
  uint32_t guessed = options.weights_are_inputs && priced.cost.products != Count(0) ? 1u << kInputs : 0;
  if (options.chunks.size() < 2 || priced.cost.checks.empty()) return guessed;
  guessed |= 1u << kInputs | 1u << kMul;
  const auto constraints = [&](int chunk) {
    return AtChunk(priced.cost, chunk, options.weights_are_inputs).constraints;
  };
  for (const int chunk : options.chunks) {
    if (constraints(chunk) != constraints(options.chunks[0])) guessed |= 1u << kConstraints;
  }
  return guessed;
}

class ExpanderPricer : public RangePricer {
 public:
  ExpanderPricer(std::shared_ptr<ModelView> view, const Parameters& parameters)
      : view_(std::move(view)),
        options_(OptionsOf(parameters)),
        counter_(view_.get(), parameters),
        sums_(options_.chunks.size()) {}

  void Begin() override {
    counter_.Begin();
    price_ = RangePrice();
    once_ = Once();
    exact_ = true;
    sums_.assign(options_.chunks.size(), ExpanderTotals());
  }

  RangePrice Extend(NodeId node) override {
    if (view_->IsConstantNode(node)) return price_;
    const ExpanderCounter::Priced priced = counter_.AddNode(node);
    const bool taken = priced.refused.empty() && priced.refused_here.empty();
    price_.bits = std::max(price_.bits, priced.bits);
    price_.provable = price_.provable && taken;
    exact_ = exact_ && priced.constraints_exact;
    once_.Add(priced.cost);
    size_t best = 0;
    Count least;
    bool one_price = true;
    for (size_t i = 0; i < options_.chunks.size(); ++i) {
      const int chunk = options_.chunks[i];
      sums_[i] += AtChunk(priced.cost, chunk, options_.weights_are_inputs);
      one_price = one_price && sums_[i].constraints == sums_[0].constraints;
      ExpanderTotals total = FixedTotals(once_, chunk);
      total += sums_[i];
      const Count cost = TotalCost(total.inputs, total.mul, total.add);
      if (i == 0 || cost < least) {
        best = i;
        least = cost;
      }
    }
    price_.price = (sums_[best].constraints + once_.Constraints()).value();
    // The choice of the chunk is the compiler's.
    price_.exact = price_.provable && one_price && exact_;
    return price_;
  }

  SlicePrices slice_prices() const override { return {kFixedConstraints, 0, 1}; }
  absl::string_view unit() const override { return kMetrics[kConstraints].name; }

 private:
  std::shared_ptr<ModelView> view_;
  Options options_;
  ExpanderCounter counter_;
  std::vector<ExpanderTotals> sums_;  // by chunk
  bool exact_ = true;
  Once once_;
  RangePrice price_;
};

class ExpanderBackend : public Backend {
 public:
  absl::string_view name() const override { return "jstprove_expander"; }
  absl::string_view summary() const override {
    return "JSTprove over Expander (BN254), as DSperse 3.9.10 compiles";
  }
  absl::Span<const MetricInfo> metrics() const override { return kMetrics; }
  absl::Span<const ParameterInfo> parameters() const override { return kParameters; }
  absl::Span<const PricedOperator> operators() const override { return kOperators; }

  absl::StatusOr<RangeCounts> CountRange(ModelView& view, const Range& range,
                                         const Parameters& parameters) const override {
    const Options options = OptionsOf(parameters);
    ExpanderCounter counter(&view, parameters);
    counter.Begin();
    view.PrefetchWeights(range.nodes);
    std::vector<ExpanderCounter::Priced> priced;
    Once once;
    RangeCounts result;
    priced.reserve(range.nodes.size());
    result.nodes.reserve(range.nodes.size());
    for (NodeId id : range.nodes) {
      priced.push_back(counter.AddNode(id));
      once.Add(priced.back().cost);
      result.bits = std::max(result.bits, priced.back().bits);
    }
    result.inputs = Counts(std::size(kMetrics));
    result.outputs = Counts(std::size(kMetrics));
    for (ValueId output : range.outputs) {
      result.outputs.values[kConstraints] += view.Elements(output);
      result.outputs.values[kAdd] += Count(19) * view.Elements(output);
    }
    result.outputs.approximate = 1u << kAdd;

    int chunk = options.chunks.front();
    std::vector<Counts> totals;
    for (int candidate : options.chunks) {
      Counts total = result.outputs;
      for (const ExpanderCounter::Priced& node : priced)
        total += NodeCountsAt(node, candidate, options);
      total += CountsOf(FixedTotals(once, candidate));
      total.values[kTotalCost] = TotalCost(total.values[kInputs], total.values[kMul], total.values[kAdd]);
      if (!totals.empty() && total.values[kTotalCost] < result.total.values[kTotalCost])
        chunk = candidate;
      if (totals.empty() || candidate == chunk) result.total = total;
      totals.push_back(std::move(total));
    }
    result.fixed = CountsOf(FixedTotals(once, chunk));
    for (size_t i = 0; i < priced.size(); ++i) {
      NodeCounts node;
      node.node = range.nodes[i];
      node.counts = NodeCountsAt(priced[i], chunk, options);
      node.counts.approximate |= GuessedOf(priced[i], options);
      node.unsupported = !priced[i].refused.empty() ? priced[i].refused : priced[i].refused_here;
      node.bits = priced[i].bits;
      node.narrowed = priced[i].narrowed;
      result.nodes.push_back(std::move(node));
    }
    // The choice of the chunk is a guess of the compiler's; what depends on it is not exact.
    uint32_t guessed = options.weights_are_inputs ? 1u << kInputs : 0;
    if (options.chunks.size() > 1 && once.checked) {
      guessed |= 1u << kInputs | 1u << kMul;
      for (const Counts& total : totals) {
        if (total.values[kConstraints] != result.total.values[kConstraints])
          guessed |= 1u << kConstraints;
      }
      result.note = absl::StrCat("chunk_bits ", chunk);
    }
    result.total.approximate |= guessed | 1u << kAdd | 1u << kTotalCost;
    return result;
  }

  absl::StatusOr<std::unique_ptr<RangePricer>> NewPricer(
      std::shared_ptr<ModelView> view, const Parameters& parameters) const override {
    return std::make_unique<ExpanderPricer>(std::move(view), parameters);
  }
};

}  // namespace

const Backend& JstproveExpander() {
  static const ExpanderBackend* const backend = new ExpanderBackend;
  return *backend;
}

}  // namespace dsperse
