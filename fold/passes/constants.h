// Constants as the passes see them: reading them, rounding results, writing new ones.
#ifndef DSPERSE_FOLD_PASSES_CONSTANTS_H_
#define DSPERSE_FOLD_PASSES_CONSTANTS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "fold/ir/graph.h"

namespace dsperse {

// The constant behind `value`: an initializer that can't be overridden, a Constant node, or a
// ConstantOfShape of a constant shape (a uniform tensor). Needs no inference.
std::optional<Tensor> ConstantOf(const Graph& graph, ValueId value);

// Is there one? Where a copy of it would be too much.
bool IsConstant(const Graph& graph, ValueId value);

// The same constant without a copy: points to the graph's tensor, or to one that is made in `storage`; null where
// there is none.
const Tensor* FindConstant(const Graph& graph, ValueId value, std::optional<Tensor>* storage);

// Why `value` is no constant: "'w' is computed by DequantizeLinear: quantized weights stay as they are",
// "'w' may be overridden by the caller (--freeze-inputs forbids that)", "'w' is not constant".
std::string WhyNotConstant(const Graph& graph, ValueId value);

// Rounds once to `type`, a float type; every element must be finite there (IsFiniteAs).
absl::StatusOr<Tensor> RoundTo(DType type, Dims dims, absl::Span<const double> values);

// Is it the model's file that failed: changed, shrunk or unreadable? An error whoever reads. Any other status of an
// evaluation says that there is no result.
bool IsFileError(const absl::Status& status);

// Is `value`, rounded to the float type `type`, finite?
bool IsFiniteAs(DType type, double value);

// The index of the first element of a float tensor that is infinite or NaN, or −1. Reads it in chunks.
absl::StatusOr<int64_t> FirstNonFinite(const Tensor& tensor);

// `tensor` as a uniform one if it can be seen without reading a file that all its elements have the
// same bits.
absl::StatusOr<std::optional<Tensor>> AsUniform(const Tensor& tensor);

// Input `index` of `node` shall read `tensor` instead of the constant it reads now (or of nothing, if it
// is absent). A constant that nobody else reads is replaced and hands its name on, a shared one is left
// alone. What was a ConstantOfShape stays one if `tensor` is uniform. `hint` names the new constant
// where there was none.
void ReplaceConstantInput(Graph& graph, NodeId node, int index, Tensor tensor,
                          absl::string_view hint);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_CONSTANTS_H_
