// Backend: one proving system's prices.
//
// A backend counts a range of nodes (a slice, or the whole model) in its own metrics. Order and
// place matter to some: bits of values start anew in every slice, columns are filled in sequence.
#ifndef DSPERSE_CIRCUIT_ESTIMATE_BACKEND_H_
#define DSPERSE_CIRCUIT_ESTIMATE_BACKEND_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "circuit_estimate/count.h"
#include "circuit_estimate/model_view.h"
#include "circuit_estimate/parameters.h"
#include "fold/ops/pricing.h"

namespace dsperse {

struct MetricInfo {
  absl::string_view name;  // "constraints"
  absl::string_view help;
  // Adds up over nodes. A step (rows as a power of two, total cost) exists for a range as a whole
  // only.
  bool additive = true;
};

// Metrics of one node, of a boundary or of a range, in the order of Backend::metrics().
struct Counts {
  absl::InlinedVector<Count, 6> values;
  // Bit i: metric i comes from a formula that is not equal to the tool's own count.
  uint32_t approximate = 0;

  explicit Counts(size_t metrics = 0) : values(metrics) {}
  Counts& operator+=(const Counts& other);
  bool overflow() const;
};

struct NodeCounts {
  NodeId node;
  Counts counts;
  std::string
      unsupported;  // why the backend refuses the node; then the counts are 0 unless said there
  int bits = 0;     // that the node's values need, where the backend bounds them
  bool narrowed = false;  // its bound was taken to be ModelView::NarrowBound
};

struct RangeCounts {
  std::vector<NodeCounts> nodes;  // one for each node of the range
  Counts inputs;                  // of the values that enter
  Counts outputs;                 // of those that leave
  Counts fixed;                   // whatever the range costs once
  Counts total;                   // sum of all; steps computed from the sums
  int bits = 0;
  std::string note;  // a choice the backend made: "chunk_bits 12"
};

// An operator of the default domain that a backend has a formula for.
struct PricedOperator {
  absl::string_view op_type;
  bool exact = true;  // constraints (or the backend's price) equal to the tool's own count
  absl::string_view condition = "";  // in words, for tables
};

class Backend {
 public:
  virtual ~Backend() = default;

  virtual absl::string_view name() const = 0;     // "jstprove_expander"
  virtual absl::string_view summary() const = 0;  // the tool and version it describes
  virtual absl::Span<const MetricInfo> metrics() const = 0;
  // Index of the metric that planning and --budget use.
  virtual size_t price_metric() const { return 0; }
  virtual absl::Span<const ParameterInfo> parameters() const = 0;
  // Sorted by name. Every other operator is unsupported.
  virtual absl::Span<const PricedOperator> operators() const = 0;

  // Counts `range`. O(nodes), apart from reading weights once where bits are bounded.
  // InvalidArgument: a parameter that doesn't fit the model; an overflow is the caller's to check.
  virtual absl::StatusOr<RangeCounts> CountRange(ModelView& view, const Range& range,
                                                 const Parameters& parameters) const = 0;
  // The same node by node, for callers that look for cuts.
  virtual absl::StatusOr<std::unique_ptr<RangePricer>> NewPricer(
      std::shared_ptr<ModelView> view, const Parameters& parameters) const = 0;
};

// All backends in a fixed order, the default first. They live forever.
absl::Span<const Backend* const> AllBackends();
// Null for a name that isn't one.
const Backend* FindBackend(absl::string_view name);
// The same. InvalidArgument, listing the names there are.
absl::StatusOr<const Backend*> BackendNamed(absl::string_view name);

// A factory for callers that know no estimator (slicer, lowering): facts and graph come with each
// call.
absl::StatusOr<PricerFactory> MakePricerFactory(const Backend& backend, const Parameters& parameters);

}  // namespace dsperse

#endif  // DSPERSE_CIRCUIT_ESTIMATE_BACKEND_H_
