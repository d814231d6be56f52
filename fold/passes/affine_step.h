// AffineStep: a node that computes y = k·x + t with a constant k and t per channel of x.
//
//   BatchNormalization (inference)   k = scale / sqrt(var + epsilon),  y = (x − mean)·k + shift
//   Mul, Div by a constant           y = x·c,  y = x / c
//   Add, Sub of a constant           y = x + c,  y = x − c,  y = c − x
//
// The constant of a Mul, Div, Add or Sub must broadcast along exactly the channel axis, or be one element:
// checked on shapes, never by squeezing.
#ifndef DSPERSE_FOLD_PASSES_AFFINE_STEP_H_
#define DSPERSE_FOLD_PASSES_AFFINE_STEP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "fold/ir/graph.h"
#include "fold/pass.h"
#include "fold/passes/match.h"

namespace dsperse {

// The axis of a value along which constants apply.
struct ChannelAxis {
  int rank = -1;  // of the value
  int axis = -1;
  int64_t channels = 0;
  bool valid() const { return axis >= 0; }
};

// A composed affine function: y = k[c]·x + t[c]. All arithmetic in double, each operation by itself.
struct Affine {
  std::vector<double> k;
  std::vector<double> t;
  // Any BatchNormalization, Add or Sub among the steps? (Otherwise t is zero for good.)
  bool shifts = false;

  static Affine Identity(int64_t channels);
  static Affine Bias(std::vector<double> bias);
};

struct AffineStep {
  enum class Kind { kBatchNorm, kMul, kDiv, kAdd, kSub, kReverseSub };
  Kind kind = Kind::kMul;
  NodeId node;
  int data_input = 0;
  // One entry, or one per channel. `scale`: k of a BatchNormalization, the constant of Mul and Div;
  // `mean`: of a BatchNormalization; `shift`: of a BatchNormalization, the constant of Add and Sub.
  std::vector<double> scale, mean, shift;
  DType type = DType::kUndefined;  // of the constant; of a BatchNormalization's scale

  bool is_batchnorm() const { return kind == Kind::kBatchNorm; }
  // Applies the step after what `affine` computes.
  void Append(Affine& affine) const;
};

// Why a BatchNormalization doesn't run in inference mode by the rules of its opset, or "".
std::string WhyNotInference(const NodeView& batch_norm);

// `node` as a step on its input `data`, whose channels lie as `axis` says. No match with a reason:
// a BatchNormalization that can't be folded, or arithmetic with a constant that doesn't fit.
// Errors: those of reading the constants.
absl::StatusOr<Matched<AffineStep>> MatchAffineStep(const Graph& graph, NodeId node, ValueId data,
                                                    const ChannelAxis& axis);

// Why the step may give its data another shape, or "": a constant of more channels or dimensions than the data
// broadcasts it. To be asked of steps whose data isn't a linear operator's or BatchNormalization's result.
std::string WhyBroadcastsData(const Graph& graph, const AffineStep& step, const ChannelAxis& axis,
                              PassContext& context);

// A BatchNormalization, or one of the arithmetic operators above with a constant operand.
bool IsAffineCandidate(const Graph& graph, const NodeView& node);

// "channel 3".
std::string ChannelName(size_t channel);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_AFFINE_STEP_H_
