#include "fold/pipeline.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"

namespace dsperse {
namespace {

struct Size {
  int64_t nodes;
  int64_t initializers;
  int64_t bytes;
};

Size Measure(const Graph& graph) {
  return {graph.NumNodes(), CountInitializers(graph), graph.ConstantBytes()};
}

absl::Status Annotate(const absl::Status& status, absl::string_view where,
                      absl::string_view pass) {
  return absl::Status(status.code(), absl::StrCat(where, " ", pass, ": ", status.message()));
}

// A pass reports all its misses at each run: those of its earlier runs, of another pipeline on the same
// context too, describe a graph that is gone.
void DropOlderMisses(absl::string_view pass, size_t first_new, std::vector<Remark>& remarks) {
  size_t kept = 0;
  for (size_t i = 0; i < remarks.size(); ++i) {
    if (i < first_new && remarks[i].kind == Remark::Kind::kMissed && remarks[i].pass == pass) continue;
    if (kept != i) remarks[kept] = std::move(remarks[i]);
    ++kept;
  }
  remarks.resize(kept);
}

class Runner {
 public:
  Runner(absl::Span<const Pass* const> passes, Graph& graph, PassContext& context,
         const PipelineOptions& options)
      : passes_(passes), graph_(graph), context_(context), options_(options) {
    for (const Pass* pass : passes) {
      result_.passes.emplace_back();
      result_.passes.back().pass = std::string(pass->name());
    }
    content_with_.assign(passes.size(), -1);
  }

  absl::StatusOr<PipelineResult> Run() {
    std::vector<int> phases;
    for (const Pass* pass : passes_) phases.push_back(pass->phase());
    std::sort(phases.begin(), phases.end());
    phases.erase(std::unique(phases.begin(), phases.end()), phases.end());
    size_ = Measure(graph_);
    for (int phase : phases) DSPERSE_RETURN_IF_ERROR(RunPhase(phase));
    // What was inferred early may be less than what the final graph tells: once more, until that makes no
    // difference.
    int64_t inferred_at = 0;
    for (int round = 0; version_ != inferred_at && context_.ResetFacts(); ++round) {
      if (round == options_.max_rounds) return NoFixedPoint();
      inferred_at = version_;
      content_with_.assign(passes_.size(), -1);
      DSPERSE_RETURN_IF_ERROR(RunPhase(phases.back()));
    }
    return std::move(result_);
  }

 private:
  // All passes of phases up to `phase`, until each has seen the same graph and left it alone.
  absl::Status RunPhase(int phase) {
    for (int round = 0; round < options_.max_rounds; ++round) {
      bool ran = false;
      for (size_t i = 0; i < passes_.size(); ++i) {
        if (passes_[i]->phase() > phase || content_with_[i] == version_) continue;
        ran = true;
        DSPERSE_ASSIGN_OR_RETURN(const bool changed, RunOne(i));
        if (changed) {
          ++version_;
        } else {
          content_with_[i] = version_;
        }
      }
      if (!ran) return absl::OkStatus();
      ++result_.rounds;
    }
    return NoFixedPoint();
  }

  absl::Status NoFixedPoint() const {
    return absl::InternalError(absl::StrCat("no fixed point after ", options_.max_rounds,
                                            " rounds; the last pass that changed the graph is ",
                                            last_changed_));
  }

  absl::StatusOr<bool> RunOne(size_t index) {
    const Pass& pass = *passes_[index];
    PassStats& stats = result_.passes[index];
    const size_t first_remark = context_.remarks().size();
    context_.set_pass(pass.name());
    const auto begin = std::chrono::steady_clock::now();
    const absl::StatusOr<bool> changed = pass.Run(graph_, context_);
    stats.seconds +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    ++stats.runs;
    if (!changed.ok()) return Annotate(changed.status(), "failed in", pass.name());
    DropOlderMisses(pass.name(), first_remark, context_.remarks());
    if (!*changed) return false;
    context_.ForgetProofs();
    ++stats.changes;
    result_.changed = true;
    last_changed_ = pass.name();
    const Size size = Measure(graph_);
    stats.nodes += size.nodes - size_.nodes;
    stats.initializers += size.initializers - size_.initializers;
    stats.bytes += size.bytes - size_.bytes;
    size_ = size;
    if (options_.verify_each) {
      const absl::Status valid = graph_.Verify();
      if (!valid.ok()) return Annotate(valid, "failed after", pass.name());
    }
    return true;
  }

  absl::Span<const Pass* const> passes_;
  Graph& graph_;
  PassContext& context_;
  const PipelineOptions& options_;
  PipelineResult result_;
  Size size_{};
  int64_t version_ = 0;                // of the graph: counts changing runs
  std::vector<int64_t> content_with_;  // by pass: the version that it saw and left alone
  absl::string_view last_changed_;
};

}  // namespace

int64_t CountInitializers(const Graph& graph) {
  int64_t count = 0;
  for (BlockId block : graph.Blocks()) {
    count += static_cast<int64_t>(graph.Initializers(block).size());
  }
  return count;
}

absl::StatusOr<PipelineResult> RunPipeline(absl::Span<const Pass* const> passes, Graph& graph,
                                           PassContext& context, const PipelineOptions& options) {
  if (passes.empty()) return PipelineResult{};
  return Runner(passes, graph, context, options).Run();
}

}  // namespace dsperse
