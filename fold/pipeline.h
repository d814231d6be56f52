// Pipeline: runs passes in rounds to a true fixed point, with statistics.
//
// A pipeline ends when every pass has seen the final graph and left it alone, so running it again changes
// nothing. Passes of a later phase wait until those of the earlier ones have reached their fixed point.
#ifndef DSPERSE_FOLD_PIPELINE_H_
#define DSPERSE_FOLD_PIPELINE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "fold/ir/graph.h"
#include "fold/pass.h"

namespace dsperse {

struct PipelineOptions {
  // Checks every invariant of the graph after each run of a pass that changed it.
  bool verify_each = false;
  // Rounds a phase may take. Passes do all they can in one run, so a model that needs more means two
  // passes that undo each other: an Internal error that names the pass that changed last.
  int max_rounds = 100;
};

// What one pass did, summed over its runs. Nodes count those of bodies too; initializers and bytes
// those of all blocks, bytes also payloads of Constant nodes.
struct PassStats {
  std::string pass;
  int runs = 0;
  int changes = 0;  // runs that changed the graph
  int64_t nodes = 0;         // after minus before
  int64_t initializers = 0;  // after minus before
  int64_t bytes = 0;         // after minus before
  double seconds = 0;
};

struct PipelineResult {
  bool changed = false;
  int rounds = 0;
  std::vector<PassStats> passes;  // in the order of the pipeline
};

// Runs `passes` on `graph`. An error of a pass becomes "failed in PASS: …", a broken invariant
// "failed after PASS: …" (Internal). Of the misses that `context` collects only those that describe the
// final graph stay.
absl::StatusOr<PipelineResult> RunPipeline(absl::Span<const Pass* const> passes, Graph& graph,
                                           PassContext& context,
                                           const PipelineOptions& options = {});

// Initializers of all blocks. O(initializers).
int64_t CountInitializers(const Graph& graph);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PIPELINE_H_
