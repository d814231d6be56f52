// Checks a slices directory against itself and against a model.
#ifndef DSPERSE_SLICER_VERIFY_SLICES_H_
#define DSPERSE_SLICER_VERIFY_SLICES_H_

#include <cstdint>
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
};

// Reads `path`/metadata.msgpack, model.onnx and the slices. Paths must be relative and stay inside the
// directory, and no symbolic link may lead there (InvalidArgument). NotFound: a file that is named
// but missing (slices of a lazy directory too).
absl::StatusOr<LoadedSlices> LoadSlices(const std::string& path, const LoadOptions& options = {});

// Every way in which metadata and files disagree: order and names of inputs and outputs, shapes, types,
// what earlier slices don't make, weights that differ from model.onnx bit for bit. Empty: all agree.
absl::StatusOr<std::vector<std::string>> CheckSlices(const LoadedSlices& directory);

// Runs the slices one after the other, each fed by name with model inputs and what earlier ones gave
// out; returns the tensors of the model's outputs.
absl::StatusOr<std::vector<Tensor>> RunSlices(const LoadedSlices& directory,
                                              absl::Span<const Tensor> inputs,
                                              const RunOptions& options = {});

}  // namespace dsperse

#endif  // DSPERSE_SLICER_VERIFY_SLICES_H_
