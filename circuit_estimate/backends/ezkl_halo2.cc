#include "circuit_estimate/backends/ezkl_halo2.h"

#include <memory>
#include <utility>

#include "circuit_estimate/backends/ezkl_counter.h"

namespace dsperse {
namespace {

constexpr MetricInfo kMetrics[] = {
    {"total_assignments", "cells of the sheet"},
    {"total_einsum_col_size", "cells of the einsum columns"},
    {"num_shuffles", "shuffles"},
    {"total_shuffle_col_size", "cells of the shuffle columns"},
    {"num_rows", "rows: cells / inner columns", false},
    {"lookups", "tables of functions", false},
    {"logrows", "log2 of the circuit's rows, at least 15", false},
};

// Operators with a formula.
constexpr PricedOperator kOperators[] = {
    {"Abs"},
    {"Acos"},
    {"Acosh"},
    {"Add"},
    {"Asin"},
    {"Asinh"},
    {"Atan"},
    {"Atanh"},
    {"AveragePool", true, "strides written out, no ceil_mode that adds windows"},
    {"BatchNormalization"},
    {"Cast", true, "between float types"},
    {"Clip", true, "constant bounds"},
    {"Concat"},
    {"Conv", true, "dilations 1, strides written out"},
    {"ConvTranspose", true, "group 1, dilations 1, strides of at most 2 written out"},
    {"Cos"},
    {"Cosh"},
    {"DepthToSpace"},
    {"Div"},
    {"Dropout"},
    {"Erf"},
    {"Exp"},
    {"Expand"},
    {"Flatten"},
    {"Gather", true, "constant indices"},
    {"Gemm"},
    {"GlobalAveragePool"},
    {"HardSigmoid"},
    {"HardSwish"},
    {"Identity"},
    {"InstanceNormalization"},
    {"LayerNormalization"},
    {"LeakyRelu"},
    {"Log"},
    {"MatMul"},
    {"Max", true, "two operands"},
    {"MaxPool", true, "dilations 1, strides written out, no ceil_mode that adds windows"},
    {"Min", true, "two operands"},
    {"Mul"},
    {"Neg"},
    {"Pad", true, "by zeros"},
    {"Pow", true, "constant whole exponent, or 0.5"},
    {"ReduceMean"},
    {"ReduceSum"},
    {"Relu"},
    {"Reshape"},
    {"Resize", true, "nearest, by scales"},
    {"Sigmoid"},
    {"Sin"},
    {"Sinh"},
    {"Slice"},
    {"Softmax", true, "over one axis"},
    {"SpaceToDepth"},
    {"Split"},
    {"Sqrt"},
    {"Squeeze"},
    {"Sub"},
    {"Sum"},
    {"Tan"},
    {"Tanh"},
    {"Tile", true, "of axes of size 1"},
    {"Transpose"},
    {"Unsqueeze"},
};

constexpr ParameterInfo kParameters[] = {
    {"input_scale", "7", "bits", "fixed-point scale of inputs", "", 1, 30},
    {"param_scale", "7", "bits", "fixed-point scale of constants", "", 1, 30},
    {"scale_rebase_multiplier", "1", "", "rebase a result above so many times the scale", "", 1,
     30},
    {"num_inner_cols", "2", "columns", "inner columns of the sheet", "", 1, 1024},
    {"decomp_legs", "2", "digits", "digits of a decomposed number (base 2^14)", "", 1, 16},
};

Counts Since(const EzklSheet::Position& before, const EzklSheet::Position& now) {
  Counts counts(std::size(kMetrics));
  counts.values[0] = now.cells - before.cells;
  counts.values[1] = now.einsum_cells - before.einsum_cells;
  counts.values[2] = now.shuffles - before.shuffles;
  counts.values[3] = now.shuffle_cells - before.shuffle_cells;
  return counts;
}

class EzklPricer : public RangePricer {
 public:
  EzklPricer(std::shared_ptr<ModelView> view, const Parameters& parameters)
      : view_(std::move(view)), counter_(view_.get(), parameters) {
    counter_.Begin(nullptr);
  }

  void Begin() override {
    counter_.Begin(nullptr);
    provable_ = exact_ = true;
  }

  RangePrice Extend(NodeId node) override {
    if (!view_->IsConstantNode(node)) {
      const EzklCounter::Priced priced = counter_.AddNode(node);
      provable_ = provable_ && priced.refused.empty();
      exact_ = exact_ && priced.refused.empty() && priced.exact;
    }
    RangePrice price;
    price.price = counter_.sheet().position().cells.value();
    price.provable = provable_;
    price.exact = exact_;
    return price;
  }

  SlicePrices slice_prices() const override { return {0, 10, 21}; }
  absl::string_view unit() const override { return kMetrics[0].name; }

 private:
  std::shared_ptr<ModelView> view_;
  EzklCounter counter_;
  bool provable_ = true;
  bool exact_ = true;
};

class EzklBackend : public Backend {
 public:
  absl::string_view name() const override { return "ezkl_halo2"; }
  absl::string_view summary() const override {
    return "EZKL 23.0.5 (Halo2), settings before calibration";
  }
  absl::Span<const MetricInfo> metrics() const override { return kMetrics; }
  absl::Span<const ParameterInfo> parameters() const override { return kParameters; }
  absl::Span<const PricedOperator> operators() const override { return kOperators; }

  absl::StatusOr<RangeCounts> CountRange(ModelView& view, const Range& range,
                                         const Parameters& parameters) const override {
    EzklCounter counter(&view, parameters);
    RangeCounts result;
    const size_t metrics = std::size(kMetrics);
    uint32_t approximate = 0;
    counter.Begin(&range);
    EzklSheet::Position before = counter.sheet().position();
    const auto step = [&] {
      Counts counts = Since(before, counter.sheet().position());
      before = counter.sheet().position();
      return counts;
    };
    counter.AddInputs(range.inputs);
    result.inputs = step();
    result.nodes.reserve(range.nodes.size());
    for (NodeId id : range.nodes) {
      NodeCounts node;
      node.node = id;
      EzklCounter::Priced priced = counter.AddNode(id);
      node.unsupported = std::move(priced.refused);
      node.counts = step();
      if (!priced.exact) node.counts.approximate = (uint32_t{1} << metrics) - 1;
      approximate |= node.counts.approximate;
      result.nodes.push_back(std::move(node));
    }
    counter.AddOutputs(range.outputs);
    result.outputs = step();
    result.fixed = Counts(metrics);
    result.total = Since({}, counter.sheet().position());
    const Count rows(result.total.values[0].value() /
                     static_cast<uint64_t>(parameters.Number("num_inner_cols")));
    uint64_t logrows = 15;
    while (logrows < 63 && (uint64_t{1} << logrows) < rows.value()) ++logrows;
    result.total.values[4] = rows;
    result.total.values[5] = Count(counter.lookups());
    result.total.values[6] = Count(logrows);
    // Measured after calibration, which also changes scales.
    result.total.approximate |= approximate | uint32_t{1} << 6;
    return result;
  }

  absl::StatusOr<std::unique_ptr<RangePricer>> NewPricer(
      std::shared_ptr<ModelView> view, const Parameters& parameters) const override {
    return std::make_unique<EzklPricer>(std::move(view), parameters);
  }
};

}  // namespace

const Backend& EzklHalo2() {
  static const EzklBackend* const backend = new EzklBackend;
  return *backend;
}

}  // namespace dsperse
