// NodeLowering: a pass for a target that rewrites nodes of one kind into operators that it proves.
//
// Classes: *same* equal for finite values, ±0 alike; *same sum* the same real products, in another
// order or with zero terms; *re-rounded* all else. `--exact` allows the first two.
#ifndef DSPERSE_FOLD_LOWERING_NODE_LOWERING_H_
#define DSPERSE_FOLD_LOWERING_NODE_LOWERING_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "fold/lowering/rewriter.h"
#include "fold/pass.h"
#include "fold/passes/match.h"

namespace dsperse {

enum class LoweringClass { kSame, kSameSum, kReRounded };
absl::string_view LoweringClassName(LoweringClass c);  // "same", "same sum", "re-rounded"

// What a match decided to do; can't decline any more.
struct Rewrite {
  std::string applied;  // the remark: "written as Max(x, 0)"
  std::function<void(Rewriter&)> run;
};

class NodeLowering : public Pass {
 public:
  virtual LoweringClass lowering_class() const = 0;
  // The operator it rewrites (of the default domain).
  virtual absl::string_view op_type() const = 0;
  // False: it writes a form that another target wants, and never applies for `target`.
  virtual bool Serves(const Target&) const { return true; }
  // False where it doesn't serve `target`, or that proves every op_type() as it is and no price is compared: then it
  // never applies.
  bool MayApply(const Target& target) const;

  // Only with a target. Rewrites every node of op_type() that the target doesn't prove (or any one, if
  // `price_driven()` and the backend's price of it falls), in one pass over the nodes.
  absl::StatusOr<bool> Run(Graph& graph, PassContext& context) const final;

 protected:
  // True: done only where the price falls; also where the target proves the node as it is.
  virtual bool price_driven() const { return false; }
  // True: also done where the target proves the node as it is, whatever the price.
  virtual bool Wanted(const Graph&, const NodeView&, const Target&) const { return false; }
  // Why no node of `graph` is rewritten, whatever the node, or "". O(graph): asked once a run, when a node matches.
  virtual std::string WhyNotIn(const Graph&) const { return ""; }

  // Is Wanted() ever true?
  virtual bool may_be_wanted() const { return false; }
  // Decides everything. Errors: those of reading constants.
  virtual absl::StatusOr<Matched<Rewrite>> Match(const Graph& graph, const NodeView& node,
                                                 Facts& facts) const = 0;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_LOWERING_NODE_LOWERING_H_
