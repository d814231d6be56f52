// Prepare: the whole chain as one call: fold → lower → price → cut, and WriteSlices to put it on disk.
//
//   DSPERSE_ASSIGN_OR_RETURN(LoadedModel model, LoadModel("resnet50.onnx"));
//   DSPERSE_ASSIGN_OR_RETURN(Prepared prepared, Prepare(std::move(model.graph)));
//   DSPERSE_RETURN_IF_ERROR(WriteSlices(prepared, "slices").status());
//
// With fold/, circuit_estimate/ and slicer/ below it, this is the one library that knows all of them.
#ifndef DSPERSE_SLICER_PREPARE_H_
#define DSPERSE_SLICER_PREPARE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "fold/fold_model.h"
#include "fold/ir/graph.h"
#include "fold/ops/facts.h"
#include "fold/ops/input_shapes.h"
#include "slicer/directory.h"
#include "slicer/lifts.h"
#include "slicer/plan.h"

namespace dsperse {

struct PrepareOptions {
  bool fold = true;   // false: neither fold nor lower
  bool lower = true;  // rewrite for the target
  FoldOptions fold_options;
  InputShapeFlags shapes;
  std::string backend = "jstprove_expander";
  std::vector<std::string> parameters;  // "key=value" of the backend
  std::string target;                   // "": the backend's own; "none"
  PlanOptions plan;                     // its target and estimate are filled in
  // Slices that are lowered for jstprove are lifted (lift.h); proven bounds come from
  // fold_options.input_ranges.
  LiftOptions lift;
  // Limit for a constant that becomes an initializer.
  int64_t max_initializer_bytes = int64_t{1} << 33;
};

struct Prepared {
  // On the heap: facts and plan refer to it.
  std::unique_ptr<Graph> graph;
  std::unique_ptr<Facts> facts;
  std::optional<FoldReport> fold;  // unless PrepareOptions::fold was off
  Plan plan;
  PlanOptions plan_options;
  std::string backend;
  // What values are bounded by where a slice begins with them; empty where slices are not lifted.
  std::function<double(ValueId)> entry_bounds;
  // What bounds are made at comparisons with zero (narrowing.h); empty where none are.
  std::function<double(ValueId)> narrow_bounds;
  std::vector<std::string> notices;   // what was decided for the user
  std::vector<std::string> assumptions;  // what proofs of the slices rest on; no concern of who only counts
  std::vector<std::string> warnings;  // what is likely to go wrong further on
};

// The target that a model is lowered for: the one that `options` name; else under the policy dsperse, which lowers
// for nothing, "none"; else the backend's own: "jstprove", "ezkl" or "none".
std::string LoweringTarget(const PrepareOptions& options);

// Freezes inputs that have initializers, fixes open dimensions, folds, lowers and cuts. Errors:
// InvalidArgument for options (unknown backend, target, parameter, pass, tensor to cut at);
// Unimplemented for shapes that stay unknown; and whatever folding finds wrong with the model.
absl::StatusOr<Prepared> Prepare(Graph graph, const PrepareOptions& options = {});

// slices.json of what was prepared (slices_json.h), as WriteSlices writes it.
absl::StatusOr<std::string> SlicesAccount(const Prepared& prepared);

// Writes the slices directory (directory.h), with slices.json beside the metadata; its text is
// WrittenDirectory::account.
absl::StatusOr<WrittenDirectory> WriteSlices(const Prepared& prepared, const std::string& path,
                                             const WriteOptions& options = {});

}  // namespace dsperse

#endif  // DSPERSE_SLICER_PREPARE_H_
