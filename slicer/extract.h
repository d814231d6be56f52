// Extraction: a slice as a model that is valid on its own.
#ifndef DSPERSE_SLICER_EXTRACT_H_
#define DSPERSE_SLICER_EXTRACT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "fold/ir/graph.h"
#include "fold/ir/tensor_proto.h"
#include "fold/ops/facts.h"
#include "slicer/bound_nodes.h"
#include "slicer/plan.h"

namespace dsperse {

// The names a slice's file and its metadata share. One order of inputs and outputs everywhere: the
// prover feeds by position, and would prove a swapped computation otherwise.
struct SliceInterface {
  std::vector<ValueId> inputs;        // activations, in order of first use
  std::vector<ValueId> initializers;  // in order of first use, what bodies capture included
  std::vector<ValueId> outputs;
};

class Extractor {
 public:
  Extractor(Extractor&&) noexcept;
  ~Extractor();
  // `graph`'s main block is in the plan's order. The graph is exported once. Keeps references.
  static absl::StatusOr<Extractor> Make(const Graph& graph, Facts& facts, const Plan& plan);

  const SliceInterface& interface(int slice) const { return interfaces_[static_cast<size_t>(slice)]; }
  // The slice in wire format: its nodes, only its initializers, typed inputs and outputs of static
  // shape, the opset imports it needs, the model's IR version (at least 4: initializers are no inputs).
  // Where the plan lifts inputs or narrows comparisons, the nodes for that are among them (bound_nodes.h).
  // Payloads are tokens into `payloads()`. O(size of the slice).
  absl::StatusOr<std::string> Extract(int slice) const;
  // Values and initializers of slices that the model doesn't have.
  const BoundNodes& bounds() const { return bounds_; }
  const PayloadTable& payloads() const { return *payloads_; }
  // model.onnx itself, as exported.
  absl::string_view whole() const { return whole_; }
  // What it takes as a file, weights included.
  uint64_t model_bytes() const { return model_bytes_; }

 private:
  Extractor(const Graph& graph, Facts& facts, const Plan& plan);
  void FindInterfaces();

  const Graph* graph_;
  Facts* facts_;
  const Plan* plan_;
  BoundNodes bounds_;
  std::vector<SliceInterface> interfaces_;
  std::string whole_;
  uint64_t model_bytes_ = 0;
  std::unique_ptr<onnx::ModelProto> model_;
  std::unique_ptr<PayloadTable> payloads_;
  std::vector<int> initializer_at_;  // by value index: place in the exported list
};

}  // namespace dsperse

#endif  // DSPERSE_SLICER_EXTRACT_H_
