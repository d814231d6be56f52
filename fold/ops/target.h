// What a prover can prove: one table per target, read by lowering, slicer, passes and report alike.
#ifndef DSPERSE_FOLD_OPS_TARGET_H_
#define DSPERSE_FOLD_OPS_TARGET_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "fold/ir/graph.h"
#include "fold/ops/facts.h"

namespace dsperse {

// One operator a target proves, and under which condition.
struct TargetRow {
  absl::string_view op_type;  // default domain
  absl::string_view condition;  // "" : always. Else in words, for tables: "group = 1, dilations 1, 2-D, …"
  // Why this node isn't proven, or "". Null: always proven.
  std::string (*why_not)(const Graph& graph, const NodeView& node, Facts& facts) = nullptr;
  int64_t since = 1;  // opsets
  int64_t until = 1000;
};

class Target {
 public:
  // "jstprove", "ezkl"; null for any other name. The pointers live forever.
  static const Target* Find(absl::string_view name);
  static std::vector<absl::string_view> Names();

  absl::string_view name() const { return name_; }
  absl::Span<const TargetRow> rows() const { return rows_; }
  // Why the target can't prove `node` ("operator Relu is unknown to jstprove"), or "" if it can.
  std::string WhyNot(const Graph& graph, const NodeView& node, Facts& facts) const;
  bool Proves(const Graph& graph, const NodeView& node, Facts& facts) const {
    return WhyNot(graph, node, facts).empty();
  }
  // Pure data movement: proven beside arithmetic, not by itself.
  bool MovesData(const NodeView& node) const;
  // At which power of its fixed-point scale a constant enters a circuit there (fixed_point.h); 0 for targets that don't
  // tell constants apart. One constant at two powers is proven as two: lower_shared_scales parts it, WhyNot doesn't ask.
  int ScalePower(const NodeView& node, int input) const { return scales_ == nullptr ? 0 : scales_(node, input); }
  // Are products of matrices checked instead of computed where that takes less (random_check.h)?
  bool checks_products() const { return checks_products_; }

 private:
  using Scales = int (*)(const NodeView& node, int input);
  Target(absl::string_view name, absl::Span<const TargetRow> rows, Scales scales, bool checks_products)
      : name_(name), rows_(rows), scales_(scales), checks_products_(checks_products) {}
  absl::string_view name_;
  absl::Span<const TargetRow> rows_;
  Scales scales_;
  bool checks_products_;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_TARGET_H_
