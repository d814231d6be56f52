// Lifts: how far each value is lifted that a slice may begin with (lift.h).
//
// How large a value gets is proven by interval analysis (fold/ops/range.h) where the ranges of the model's
// inputs are given, and is the caller's word otherwise.
#ifndef DSPERSE_SLICER_LIFTS_H_
#define DSPERSE_SLICER_LIFTS_H_

#include <map>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "fold/ir/graph.h"
#include "fold/ops/facts.h"
#include "fold/ops/range.h"
#include "slicer/lift.h"
#include "slicer/narrowing.h"

namespace dsperse {

// The target whose slices are lifted.
inline constexpr absl::string_view kLiftedTarget = "jstprove";

struct LiftOptions {
  // Every value that enters a slice is taken to lie within ±this where nothing better is known. None: only
  // proven and given bounds count, and a value without one is not lifted.
  std::optional<double> assumed = 1000;
  // By name: values that lie within ±this.
  std::map<std::string, double> given;
  // Bounds begin anew at comparisons with zero (narrowing.h). Read by Prepare; `Inside` answers either way.
  bool narrow = true;
};

class Lifts {
 public:
  // All must outlive it. `inputs` are the given ranges of the model's inputs, by name.
  Lifts(const Graph* graph, Facts* facts, const InputRanges* inputs, const LiftOptions& options)
      : graph_(*graph), facts_(*facts), options_(options), known_inputs_(!inputs->empty()),
        ranges_(graph, facts, inputs) {}

  // For `value` as the input of a slice. Values that hold no floats are not lifted. The least of the
  // bounds that are known decides.
  Lift Of(ValueId value);
  // For `value` where it is compared with zero inside of a slice. The least of the bounds that are known
  // decides; what is assumed of it is kAssumedInside, or LiftOptions::assumed where that is more.
  Narrow Inside(ValueId value);

  // Assumed of values inside of slices: what a half-precision network can hold, 65,504, but for rounding.
  static constexpr double kAssumedInside = 64000;

 private:
  struct Known {
    double magnitude;
    BoundSource source;
  };
  // None: nothing is known.
  std::optional<Known> Least(ValueId value, std::optional<double> assumed);

  const Graph& graph_;
  Facts& facts_;
  const LiftOptions options_;
  const bool known_inputs_;
  Ranges ranges_;
};

}  // namespace dsperse

#endif  // DSPERSE_SLICER_LIFTS_H_
