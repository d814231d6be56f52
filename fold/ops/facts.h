// Facts: what inference knows of each value: element type, shape, and where it is known, the value.
//
// Facts are computed when somebody asks, not before, and persist across passes: what a value means
// never changes, only nodes and values come and go. A new value is inferred from its producer on
// demand (iteratively, no recursion). One sweep carries shape and value: once a Shape → Gather →
// Concat chain is known it is a constant, and the next shape follows at once.
#ifndef DSPERSE_FOLD_OPS_FACTS_H_
#define DSPERSE_FOLD_OPS_FACTS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "fold/ir/graph.h"

namespace dsperse {

struct Fact {
  DType dtype = DType::kUndefined;  // kUndefined: unknown, or no dense tensor
  Shape shape;
  // The value, if it is constant: an initializer (may be a span or scaled), a Constant node, or a
  // result evaluated from such within FactsOptions::max_value_bytes (uniform tensors of any size).
  std::optional<Tensor> value;
  // Of an integer tensor of rank ≤ 1 whose value isn't known as a whole: its elements as dimensions,
  // each known, named or unknown (a Shape whose batch is unknown still tells its other entries).
  std::optional<std::vector<Dim>> elements;
};

struct FactsOptions {
  // Results larger than this are not evaluated (uniform ones are, they cost nothing).
  int64_t max_value_bytes = int64_t{1} << 20;
};

class Facts {
 public:
  explicit Facts(const Graph* graph, FactsOptions options = {});
  ~Facts();

  // What is known of `value`; infers what that needs. Never fails: nothing known is an empty Fact,
  // and `Problem` tells why an operator could not be inferred. The reference is stable until Forget.
  const Fact& Of(ValueId value);
  // Shorthands.
  const Shape& ShapeOf(ValueId value) { return Of(value).shape; }
  DType TypeOf(ValueId value) { return Of(value).dtype; }
  std::optional<Dims> StaticShape(ValueId value) { return Of(value).shape.AsDims(); }
  // The constant behind `value` (as Graph::ConstantValue, but evaluated ones and ConstantOfShape too).
  const Tensor* ConstantOf(ValueId value);

  // Infers every value of the model. The first contradiction found in the model (a shape function's
  // error) is returned; the sweep goes on regardless.
  absl::Status InferAll();
  // Why `node`'s outputs are not fully inferred, or "".
  absl::string_view Problem(NodeId node) const;
  // Drops facts of a value and of what was derived from it (after an edit in place of a node's
  // attributes or inputs that changes its meaning; lowering and fusion make new values instead).
  void Forget(ValueId value);

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_FACTS_H_
