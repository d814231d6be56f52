// From which opset on operators take operands of different shapes without being told.
#ifndef DSPERSE_FOLD_LOWERING_BROADCAST_H_
#define DSPERSE_FOLD_LOWERING_BROADCAST_H_

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "fold/ir/graph.h"

namespace dsperse {

constexpr int64_t kBroadcast = 7;          // Add, Sub, Mul, Div, C of Gemm
constexpr int64_t kVariadicBroadcast = 8;  // Max, Min, Sum, Mean

// Why `what` can't be written beside an operand of another shape in the opset of `node`, or "".
inline std::string WhyNotBroadcast(const NodeView& node, absl::string_view what, int64_t since = kBroadcast) {
  if (node.opset() >= since) return "";
  return absl::StrCat(what, " broadcasts from opset ", since, " on, the model has ", node.opset());
}

}  // namespace dsperse

#endif  // DSPERSE_FOLD_LOWERING_BROADCAST_H_
