// BoundNodes: the nodes that lifts (lift.h) and narrowings (narrowing.h) put into slices, and those that tell shapes.
//
// JSTprove's compiler drops the first axis of an input of two or more while it derives shapes. From these it tells whether
// the elements of a Reshape agree, and how many terms a sum or a product of matrices has: it refused a Reshape behind a
// Slice or a Conv with a stride, and bounded sums by the wrong number of terms. So a slice with lifts begins with an Expand
// of each input to the shape that it has; it costs no constraint.
//
//   const BoundNodes bounds(graph, facts, plan);
//   BoundNodes::Writer writer = bounds.Begin(slice, out);
//   for (… of the slice) {
//     writer.Adapt(id, &node);
//     *out->add_node() = node;
//   }
#ifndef DSPERSE_SLICER_BOUND_NODES_H_
#define DSPERSE_SLICER_BOUND_NODES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "fold/ir/graph.h"
#include "fold/ops/facts.h"
#include "slicer/plan.h"

namespace dsperse {

// A value that slices have and the model has not.
struct AddedValue {
  std::string name;
  DType type = DType::kUndefined;
  Dims dims;
};

class BoundNodes {
 public:
  // Names whatever the slices of `plan` need: unlike any value of the model, and the same in every slice where it
  // is made of the same value. Their shapes are static (Sequence::Make sees to it). `graph` must outlive it. O(inputs and
  // narrowings of the slices · doublings).
  BoundNodes(const Graph& graph, Facts& facts, const Plan& plan);

  // What the nodes make, each once.
  const std::vector<AddedValue>& values() const { return values_; }
  // Names of the initializers that `slice` has for them.
  std::vector<std::string> Initializers(const Slice& slice) const;

 private:
  // Of what an element of a slice's input takes to be made a zero of a bound.
  struct ZeroNames {
    std::string shape, starts, ends;  // initializers
    std::string flat, element;        // the input with one axis; its first element
    std::vector<std::string> zeros;   // of bounds 2, 4, 8, …
  };
  // Of an input that is expanded to its own shape, or a zero that is to the shape of a comparison's result, which the
  // compiler takes from the first operand.
  struct ExpandNames {
    std::string shape;  // an initializer
    std::string expanded;
    Dims dims;
  };

 public:
  // Writes one slice.
  class Writer {
   public:
    // Has `node`, the slice's next, read what was made for it: a comparison that is narrowed a zero, whose Expand is
    // appended here, and each node the lifted values in the place of the inputs. (Not in bodies: no slice that holds
    // any is lifted.)
    void Adapt(NodeId id, onnx::NodeProto* node);

   private:
    friend class BoundNodes;
    Writer(const BoundNodes* bounds, const Slice* slice, onnx::GraphProto* out)
        : bounds_(*bounds), slice_(*slice), out_(*out) {}
    void AddShape(const std::string& x, const ExpandNames& names);
    void AddLift(const std::string& input, const std::vector<std::string>& names);
    void AddZeros();
    void AddInts(const std::string& name, absl::Span<const int64_t> elements);
    onnx::NodeProto* AddNode(const char* op_type, const std::string& a, const std::string& b,
                             const std::string& made);
    // What nodes read in the place of a value: what was made of it last, or itself.
    const std::string& Made(const std::string& input) const;

    const BoundNodes& bounds_;
    const Slice& slice_;
    onnx::GraphProto& out_;
    absl::flat_hash_map<std::string, std::string> made_;  // by the name of the input
    size_t narrowed_ = 0;                                 // comparisons so far
  };
  // Appends to `out` what tells the shapes of the slice's inputs and lifts them, and the zeros of its narrowings. All must
  // outlive the writer.
  Writer Begin(const Slice& slice, onnx::GraphProto* out) const;

 private:
  void NameShapes(Facts& facts, const Slice& slice);
  void NameLifts(Facts& facts, const Slice& slice);
  void NameNarrowings(Facts& facts, const Slice& slice);
  std::string Fresh(std::string name);
  // A fresh name for a value of the given type and shape.
  std::string Make(std::string name, DType type, const Dims& dims);

  const Graph& graph_;
  std::vector<AddedValue> values_;
  std::set<std::string> made_names_;
  std::map<int32_t, ExpandNames> shapes_;  // by the index of the input
  // By the index of a lifted value: what its lift makes, the lifted value last.
  std::map<int32_t, std::vector<std::string>> lifts_;
  std::map<int32_t, ZeroNames> zeros_;      // by the index of the input they are made of
  std::map<int32_t, ExpandNames> expands_;  // by the index of the comparison's result
};

}  // namespace dsperse

#endif  // DSPERSE_SLICER_BOUND_NODES_H_
