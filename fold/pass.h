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
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "fold/ir/graph.h"
#include "fold/ops/facts.h"
#include "fold/ops/node_label.h"
#include "fold/ops/pricing.h"
#include "fold/ops/target.h"

namespace dsperse {

struct Remark {
  enum class Kind { kApplied, kMissed, kNote };
  Kind kind = Kind::kNote;
  std::string pass;
  std::string node;  // NodeLabel of the node it is about ("" : the model)
  std::string op;    // its operator
  std::string text;  // "result has another use"
  // Of a fused scale: the factor of each channel (one entry: the same for all). A tiny variance makes a
  // huge factor, which can push weights out of a prover's fixed-point range.
  std::vector<double> gains;
};

// "applied", "missed" or "note", as reports write it.
absl::string_view RemarkKindName(Remark::Kind kind);

// "Conv 'conv1'".
std::string Describe(const Graph& graph, NodeId node);

struct PassOptions {
  bool duplicate_shared = false;         // --duplicate-shared
  bool exact = false;                    // --exact: lowering keeps to the classes same and same sum
  int64_t max_constant = int64_t{1} << 20;  // --max-constant: growth budget of fold_constants, bytes
  // Reads every weight that a fusion would scale and declines where a product isn't finite. Without it
  // only weights that are small, half precision or scaled by a large factor are read beforehand; the
  // saver refuses to write a product that isn't finite, and the caller may then fold anew with this set.
  bool check_weights = false;
};

// What a pass may ask for and report to. One per pipeline run.
class PassContext {
 public:
  PassContext(const Graph* graph, PassOptions options);
  ~PassContext();

  const PassOptions& options() const { return options_; }
  // Inference, made when first asked for (a model whose passes need no shapes never pays for it).
  Facts& facts();
  // Forgets what was inferred, and with it what is proven; true if there was anything. What a value means doesn't change,
  // but a simpler graph tells more about it.
  bool ResetFacts();
  // The prover to keep to; null: none.
  const Target* target = nullptr;
  // Target::Proves, asked once for each node of a graph that stays as it is.
  bool Proves(const NodeView& node);
  // The graph has changed: nothing that was found out by Proves holds any more.
  void ForgetProofs() { proves_.clear(); }
  // Prices for price-driven rewrites; empty: none.
  PricerFactory pricer;

  void Applied(const NodeView& node, std::string text, std::vector<double> gains = {}) {
    Add(Remark::Kind::kApplied, node, std::move(text));
    remarks_.back().gains = std::move(gains);
  }
  void Missed(const NodeView& node, std::string text) { Add(Remark::Kind::kMissed, node, std::move(text)); }
  // About a value or the model; `text` names what it is about.
  void Missed(std::string text);
  void Note(std::string text);
  // Set by the pipeline around each Run.
  void set_pass(absl::string_view name) { pass_ = std::string(name); }
  // Remarks so far. A pass runs in each round; of its misses the pipeline keeps the last round's.
  std::vector<Remark>& remarks() { return remarks_; }

 private:
  void Add(Remark::Kind kind, const NodeView& node, std::string text);
  const Graph* graph_;
  PassOptions options_;
  std::string pass_;
  std::unique_ptr<Facts> facts_;
  std::vector<std::optional<bool>> proves_;  // by node
  std::vector<Remark> remarks_;
};

class Pass {
 public:
  virtual ~Pass() = default;
  virtual absl::string_view name() const = 0;     // "fuse_conv_batchnorm"
  virtual absl::string_view summary() const = 0;  // one line for `dsperse-slice passes`
  // A pass of a later phase first runs when those of the earlier ones have reached their fixed point
  // (merging equal nodes before fusion would make a Conv shared).
  virtual int phase() const { return 0; }
  // True if the graph was changed.
  virtual absl::StatusOr<bool> Run(Graph& graph, PassContext& context) const = 0;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASS_H_
