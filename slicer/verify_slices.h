// Checks a slices directory against itself and against a model.
#ifndef DSPERSE_SLICER_VERIFY_SLICES_H_
#define DSPERSE_SLICER_VERIFY_SLICES_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "fold/ir/graph.h"
#include "fold/ir/model_file.h"
#include "fold/ops/interpreter.h"
#include "slicer/metadata.h"

namespace dsperse {

// A directory read back: metadata, model.onnx and every slice's model.
struct LoadedSlices {
  Metadata metadata;
  LoadedModel whole;
  std::vector<LoadedModel> slices;
  // Of each slice, what its circuit takes values to be bounded by that enter it, by name: from slices.json,
  // where there is one.
  std::vector<std::map<std::string, double>> bounds;
  // Likewise of values inside, where their bound begins anew (slicer/narrowing.h).
  std::vector<std::map<std::string, double>> narrowed;
};

// A value that has a bound where a slice begins, or inside of it.
struct BoundedValue {
  int slice = 0;
  std::string name;
  bool inside = false;
  double bound = 0;
  double largest = 0;  // |element| of it so far; infinity where one isn't finite
};

// Reads `path`/metadata.msgpack, model.onnx and the slices. Paths must be relative and stay inside the
// directory, and no symbolic link may lead there (InvalidArgument). NotFound: a file that is named
// but missing (slices of a lazy directory too). A slices.json that isn't one is InvalidArgument.
absl::StatusOr<LoadedSlices> LoadSlices(const std::string& path, const LoadOptions& options = {});

// Every way in which metadata and files disagree: order and names of inputs and outputs, shapes, types,
// what earlier slices don't make, weights that differ from model.onnx bit for bit. Empty: all agree.
absl::StatusOr<std::vector<std::string>> CheckSlices(const LoadedSlices& directory);

// Runs the slices one after the other, each fed by name with model inputs and what earlier ones gave
// out; returns the tensors of the model's outputs. `bounded`, if given, is of all runs together: filled by the
// first, by slice, first what enters it in the order of its inputs, then what is bounded inside by name.
absl::StatusOr<std::vector<Tensor>> RunSlices(const LoadedSlices& directory,
                                              absl::Span<const Tensor> inputs,
                                              const RunOptions& options = {},
                                              std::vector<BoundedValue>* bounded = nullptr);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_VERIFY_SLICES_H_
