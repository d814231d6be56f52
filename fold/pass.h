// Pass: one rewrite of the graph, stateless.
//
// A rewrite is a const *match* that decides everything (all arithmetic that can fail, all refusals) and
// a *rewrite* that can't decline any more. `Run` answering false means that the graph is untouched; the
// test harness checks that. Where a rewrite does not apply it says why as a remark: that list is a
// feature of the product (`--explain`).
#ifndef DSPERSE_FOLD_PASS_H_
#define DSPERSE_FOLD_PASS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "fold/ir/graph.h"
#include "fold/ops/facts.h"
#include "fold/ops/pricing.h"
#include "fold/ops/target.h"

namespace dsperse {

struct Remark {
  enum class Kind { kApplied, kMissed, kNote };
  Kind kind = Kind::kNote;
  std::string pass;
  std::string node;  // name of the node it is about ("" : the model)
  std::string op;    // its operator
  std::string text;  // "missed: result has another use"
};

struct PassOptions {
  bool duplicate_shared = false;         // --duplicate-shared
  bool exact = false;                    // --exact: lowering keeps to the classes same and same sum
  int64_t max_constant = int64_t{1} << 20;  // --max-constant: growth budget of fold_constants, bytes
};

// What a pass may ask for and report to. One per pipeline run.
class PassContext {
 public:
  PassContext(const Graph* graph, PassOptions options);
  ~PassContext();

  const PassOptions& options() const { return options_; }
  // Inference, made when first asked for (a model whose passes need no shapes never pays for it).
  Facts& facts();
  // The prover to keep to; null: none.
  const Target* target = nullptr;
  // Prices for price-driven rewrites; empty: none.
  PricerFactory pricer;

  void Applied(const NodeView& node, std::string text) { Add(Remark::Kind::kApplied, node, std::move(text)); }
  void Missed(const NodeView& node, std::string text) { Add(Remark::Kind::kMissed, node, std::move(text)); }
  void Note(std::string text);
  // Set by the pipeline around each Run.
  void set_pass(absl::string_view name) { pass_ = std::string(name); }
  // Remarks so far. Of several equal misses (a pass runs in each round) the pipeline keeps the last round's.
  std::vector<Remark>& remarks() { return remarks_; }

 private:
  void Add(Remark::Kind kind, const NodeView& node, std::string text);
  const Graph* graph_;
  PassOptions options_;
  std::string pass_;
  std::unique_ptr<Facts> facts_;
  std::vector<Remark> remarks_;
};

class Pass {
 public:
  virtual ~Pass() = default;
  virtual absl::string_view name() const = 0;     // "fuse_conv_batchnorm"
  virtual absl::string_view summary() const = 0;  // one line for `dsperse-slice passes`
  // True if the graph was changed.
  virtual absl::StatusOr<bool> Run(Graph& graph, PassContext& context) const = 0;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASS_H_
