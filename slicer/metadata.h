// metadata.msgpack: what DSperse reads to compile, run, prove and verify a slices directory.
//
// One MessagePack value; keys and their order as DSperse 3.9.10 writes them (optional ones that we
// don't set are left out). Shapes and types are right or absent, never guessed: a wrong one makes
// DSperse prove another computation.
#ifndef DSPERSE_SLICER_METADATA_H_
#define DSPERSE_SLICER_METADATA_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "fold/ir/graph.h"
#include "fold/ops/facts.h"
#include "slicer/extract.h"
#include "slicer/plan.h"

namespace dsperse {

struct SliceMetadata {
  std::string relative_path;  // below the directory: "slice_0/payload/slice_0.onnx"
  std::vector<Dims> input_shapes, output_shapes;
  std::vector<std::string> inputs;           // initializers included
  std::vector<std::string> outputs;
  std::vector<std::string> filtered_inputs;  // without initializers, in the order of the file
};

struct Metadata {
  std::vector<Dims> input_shapes, output_shapes;
  std::vector<std::string> output_names;
  std::vector<uint64_t> slice_points;
  std::vector<SliceMetadata> slices;
  std::vector<std::pair<std::string, Dims>> traced_shapes;  // sorted by name
  std::vector<std::pair<std::string, int>> traced_types;    // ONNX element types, sorted by name
};

// "slice_0/payload/slice_0.onnx"
std::string SlicePath(int index);

Metadata MakeMetadata(const Graph& graph, Facts& facts, const Plan& plan, const Extractor& extractor);
std::string EncodeMetadata(const Metadata& metadata);
// Reads what DSperse or we wrote. InvalidArgument naming the key that is missing or of another type;
// unknown keys are passed over. Safe on any bytes.
absl::StatusOr<Metadata> DecodeMetadata(absl::string_view bytes);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_METADATA_H_
