// Extraction: a slice as a model that is valid on its own.
#ifndef DSPERSE_SLICER_EXTRACT_H_
#define DSPERSE_SLICER_EXTRACT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "fold/ir/graph.h"
#include "fold/ir/tensor_proto.h"
#include "fold/ops/facts.h"
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
  // Where the plan lifts an input, the nodes of the lift (lift.h) come first, and the others read what it
  // makes. So do the zeros of narrowings (narrowing.h), in place of the comparisons' own.
  // Payloads are tokens into `payloads()`. O(size of the slice).
  absl::StatusOr<std::string> Extract(int slice) const;
  // By the index of a lifted value: names of what its lift makes, in every slice the same; all have its type and
  // shape, and are no values of the graph.
  const std::map<int32_t, std::vector<std::string>>& lift_names() const { return lift_names_; }
  // By the index of the input that a narrowing makes its zero of: what has the input's type, one axis, and of
  // it all elements (`flat`) or one.
  const std::map<int32_t, NarrowingNames>& narrowing_names() const { return narrowing_names_; }
  // By the index of a narrowed comparison's result, how the zero is expanded to the result's shape, which the compiler
  // takes to be that of the first operand.
  const std::map<int32_t, ExpandNames>& expand_names() const { return expand_names_; }
  // Names of initializers of the slice that are none of the model.
  std::vector<std::string> OwnInitializers(int slice) const;
  const PayloadTable& payloads() const { return *payloads_; }
  // model.onnx itself, as exported.
  absl::string_view whole() const { return whole_; }
  // What it takes as a file, weights included.
  uint64_t model_bytes() const { return model_bytes_; }

 private:
  Extractor(const Graph& graph, Facts& facts, const Plan& plan);
  void FindInterfaces();
  void NameLifts();
  void NameNarrowings();
  // Names are unlike any of the model and of each other.
  std::string Fresh(std::string name);

  const Graph* graph_;
  Facts* facts_;
  const Plan* plan_;
  std::vector<SliceInterface> interfaces_;
  std::string whole_;
  uint64_t model_bytes_ = 0;
  std::unique_ptr<onnx::ModelProto> model_;
  std::unique_ptr<PayloadTable> payloads_;
  std::set<std::string> made_names_;
  std::map<int32_t, std::vector<std::string>> lift_names_;
  std::map<int32_t, NarrowingNames> narrowing_names_;
  std::map<int32_t, ExpandNames> expand_names_;
  std::vector<int> initializer_at_;  // by value index: place in the exported list
};

}  // namespace dsperse

#endif  // DSPERSE_SLICER_EXTRACT_H_
