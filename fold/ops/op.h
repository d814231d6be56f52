// The operator table: one row per operator and opset range, one file per family.
//
// A row says how the operator's outputs are inferred (null: InferShapes of plain_shapes.h, by the ONNX library in the end),
// how it is evaluated, and what neutral work it does. Rows are listed explicitly (op_table.cc calls one
// function per family); there is no static self-registration.
#ifndef DSPERSE_FOLD_OPS_OP_H_
#define DSPERSE_FOLD_OPS_OP_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "fold/ir/graph.h"
#include "fold/ir/tensor.h"
#include "fold/ops/facts.h"

namespace dsperse {

// How a node may be computed.
enum class EvalMode {
  // What may enter a file: fixed-order sums, double arithmetic rounded once, no libm but sqrt
  // (correctly rounded functions through MPFR). Same bits on every machine and compiler.
  kExact,
  // The interpreter: Eigen, libm and threads are allowed.
  kFast,
};

struct EvalContext {
  EvalMode mode = EvalMode::kExact;
  int threads = 1;
  // Outputs beyond this are ResourceExhausted, checked before memory is taken.
  int64_t max_output_bytes = int64_t{1} << 33;
};

// Evaluates `node` on in-memory inputs; null stands for an absent optional input. Returns one tensor
// for each of the node's output places (absent outputs may be undefined tensors). Errors:
// Unimplemented naming operator, opset and dtype for what isn't covered; InvalidArgument for inputs
// the operator doesn't allow (index out of range, integer division by zero, shapes that don't fit).
using EvaluateFn = absl::StatusOr<std::vector<Tensor>> (*)(const EvalContext& context,
                                                           const NodeView& node,
                                                           absl::Span<const Tensor* const> inputs);

// Infers outputs where the ONNX library's function is missing or wrong: `outputs` has one Fact per
// output place, to be filled with what can be known.
using InferFn = absl::Status (*)(const Graph& graph, const NodeView& node,
                                 absl::Span<const Fact* const> inputs, absl::Span<Fact> outputs);

// Neutral counts of what a node computes; a backend prices them. Per whole node.
struct Work {
  uint64_t variable_products = 0;  // products of two variables
  uint64_t constant_products = 0;  // products by a constant of the model
  uint64_t additions = 0;
  uint64_t comparisons = 0;
  uint64_t lookups = 0;    // values of a tabulated function
  uint64_t rescales = 0;   // fixed-point results that are rescaled
  uint64_t committed = 0;  // constant elements a prover has to commit to
};
// FailedPrecondition when a shape it needs is not static.
using WorkFn = absl::StatusOr<Work> (*)(const Graph& graph, const NodeView& node, Facts& facts);

struct OpDef {
  absl::string_view op_type;
  absl::string_view domain;
  int64_t since = 1;     // first opset version this row covers
  int64_t until = 1000;  // last one
  EvaluateFn evaluate = nullptr;  // null: not evaluated
  InferFn infer = nullptr;        // null: InferShapes
  WorkFn work = nullptr;          // null: no work (data movement)
  // May enter a file when its inputs are constant (deterministic, exact in EvalMode::kExact).
  bool foldable = true;
  // Rearranges elements without computing with them.
  bool moves_data = false;
  // Each output element depends on the elements at its own (broadcast) place of the inputs only, and
  // every output has the broadcast shape of all inputs: uniform inputs give uniform outputs.
  bool elementwise = false;
  // The evaluator takes inputs of any payload (uniform, span, strings, …) and loads what it reads;
  // for other rows `Evaluate` loads the inputs first.
  bool any_payload = false;
  // Every output element is an element of an input or attribute, bit for bit (NaNs too). Implied by
  // `moves_data`.
  bool keeps_bits = false;
};

// The row for `node` at its opset, or null.
const OpDef* FindOp(const NodeView& node);
const OpDef* FindOp(absl::string_view domain, absl::string_view op_type, int64_t opset);
// All rows in a fixed order (by domain, name, since).
absl::Span<const OpDef> AllOps();

// Runs the row's evaluator; Unimplemented if there is none.
absl::StatusOr<std::vector<Tensor>> Evaluate(const EvalContext& context, const NodeView& node,
                                             absl::Span<const Tensor* const> inputs);

// "Conv (opset 11, float16)", for messages.
std::string DescribeOp(const NodeView& node, DType dtype);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_OP_H_
