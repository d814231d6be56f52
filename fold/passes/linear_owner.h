// LinearOwner: a node that multiplies its input by a constant weight, so that factors per channel of its
// input or of its result can be moved into that weight.
//
//   Conv           result channels: weight axis 0             input channels: axis 1, a block a group
//   ConvTranspose  result channels: axis 1, a block a group   input channels: axis 0
//   Gemm           B constant: result channels are its columns (rows where transB), input ones its rows
//   MatMul         right constant [K, N]: result channels N on the last axis, input K on the last axis
//                  left constant [M, K]: result channels M, input K, on the last axis but one
//
// Everything is said through the weight's first two axes (i0, i1) and two maps from them to a channel.
#ifndef DSPERSE_FOLD_PASSES_LINEAR_OWNER_H_
#define DSPERSE_FOLD_PASSES_LINEAR_OWNER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "fold/ir/graph.h"
#include "fold/pass.h"
#include "fold/passes/affine_step.h"
#include "fold/passes/match.h"

namespace dsperse {

struct LinearOwner {
  enum class Kind { kConv, kConvTranspose, kGemm, kMatMul };
  Kind kind = Kind::kConv;
  NodeId node;
  int data_input = 0;
  int weight_input = 1;
  // Of the result and of the data input; not valid where the weight doesn't own the channels.
  ChannelAxis out, in;
  int64_t groups = 1;
  bool out_first = true;  // Gemm, MatMul: result channels lie on weight axis 0
  Tensor weight;

  bool has_bias_input() const { return kind != Kind::kMatMul; }
  int bias_input() const { return 2; }
};

bool IsLinearOp(const NodeView& node);

// `id` as an owner. No match with a reason: its weight is not constant or of a type that can't be scaled.
// The rank of a MatMul's input is inferred.
Matched<LinearOwner> MatchLinearOwner(const Graph& graph, NodeId id, PassContext& context);

// The weight with result channel c scaled by `out_factors[c]` and input channel c by `in_factors[c]`
// (empty: by nothing), in double, rounded once. Lazy: no weight is read.
absl::StatusOr<Tensor> ScaleWeight(const LinearOwner& owner, const std::vector<double>& out_factors,
                                   const std::vector<double>& in_factors);

// The result channel that a weight's element belongs to.
int64_t ResultChannel(const LinearOwner& owner, int64_t element);

// The bias of each result channel before any fusion (zeros where there is none), beta applied.
// No match: it isn't constant, or not one value for each channel.
absl::StatusOr<Matched<std::vector<double>>> ReadBias(const Graph& graph, const LinearOwner& owner);

// Why a constant shift of the input is not a constant shift of each result channel, or "".
std::string WhyNotShiftInput(const Graph& graph, const LinearOwner& owner);

// What a shift of each input channel adds to each result channel: sums of weight times shift, in double,
// in the order of the weight's elements. Reads the weight.
absl::StatusOr<std::vector<double>> ShiftThrough(const Graph& graph, const LinearOwner& owner,
                                                 const std::vector<double>& shift);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_LINEAR_OWNER_H_
