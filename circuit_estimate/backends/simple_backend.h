// SimpleBackend: for provers whose price of a node depends on nothing but the node.
#ifndef DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_SIMPLE_BACKEND_H_
#define DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_SIMPLE_BACKEND_H_

#include <memory>
#include <string>
#include <utility>

#include "circuit_estimate/backend.h"

namespace dsperse {

// One node's price in the only metric, or why it is refused.
struct SimplePrice {
  Count price;
  bool exact = true;
  std::string unsupported = "";
};

class SimpleBackend : public Backend {
 public:
  virtual SimplePrice PriceOf(ModelView& view, const NodeView& node,
                              const Parameters& parameters) const = 0;

  absl::StatusOr<RangeCounts> CountRange(ModelView& view, const Range& range,
                                         const Parameters& parameters) const override {
    RangeCounts result;
    result.inputs = result.outputs = result.fixed = result.total = Counts(1);
    result.nodes.reserve(range.nodes.size());
    for (NodeId id : range.nodes) {
      SimplePrice price = PriceOf(view, view.graph().node(id), parameters);
      NodeCounts node;
      node.node = id;
      node.counts = Counts(1);
      node.counts.values[0] = price.price;
      node.counts.approximate = price.exact ? 0 : 1;
      node.unsupported = std::move(price.unsupported);
      result.total += node.counts;
      result.nodes.push_back(std::move(node));
    }
    return result;
  }

  absl::StatusOr<std::unique_ptr<RangePricer>> NewPricer(
      std::shared_ptr<ModelView> view, const Parameters& parameters) const override {
    class Pricer : public RangePricer {
     public:
      Pricer(const SimpleBackend& backend, std::shared_ptr<ModelView> model, Parameters values)
          : backend_(backend), view_(std::move(model)), parameters_(std::move(values)) {}
      void Begin() override { price_ = RangePrice(); }
      RangePrice Extend(NodeId node) override {
        if (view_->IsConstantNode(node)) return price_;
        const SimplePrice price = backend_.PriceOf(*view_, view_->graph().node(node), parameters_);
        price_.price = (Count(price_.price) + price.price).value();
        price_.exact = price_.exact && price.exact && price.unsupported.empty();
        price_.provable = price_.provable && price.unsupported.empty();
        return price_;
      }
      SlicePrices slice_prices() const override { return {}; }
      absl::string_view unit() const override { return backend_.metrics()[0].name; }

     private:
      const SimpleBackend& backend_;
      std::shared_ptr<ModelView> view_;
      Parameters parameters_;
      RangePrice price_;
    };
    return std::make_unique<Pricer>(*this, std::move(view), parameters);
  }
};

}  // namespace dsperse

#endif  // DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_SIMPLE_BACKEND_H_
