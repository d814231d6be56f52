#include "fold/ops/window.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/eval_util.h"

namespace dsperse {
namespace {

// Larger numbers make no sense, and the sums and products below can't overflow within it.
constexpr int64_t kLargest = int64_t{1} << 31;

// Reads a list attribute of `count` numbers in [least, kLargest].
absl::StatusOr<std::vector<int64_t>> List(const NodeView& node, absl::string_view name,
                                          size_t count, int64_t fallback, int64_t least) {
  std::vector<int64_t> list = node.Ints(name);
  if (list.empty()) list.assign(count, fallback);
  if (list.size() != count) {
    return InvalidNode(node, absl::StrCat(name, " has ", list.size(), " entries, not ", count));
  }
  for (int64_t v : list) {
    if (v < least || v > kLargest) {
      return InvalidNode(node, absl::StrCat(name, " [", absl::StrJoin(list, ", "), "] has an entry outside [",
                                        least, ", 2^31]"));
    }
  }
  return list;
}

// What Conv, pool and ConvTranspose have in common: everything but padding and output.
absl::StatusOr<Window> Common(const NodeView& node, absl::Span<const int64_t> spatial,
                              absl::Span<const int64_t> kernel) {
  if (spatial.empty() || spatial.size() > 3) {
    return absl::UnimplementedError(absl::StrCat(node.op_type(), " ", node.name(), ": ",
                                                 spatial.size(), " spatial axes, 1 to 3 are supported"));
  }
  if (kernel.size() != spatial.size()) {
    return InvalidNode(node, absl::StrCat("a kernel of ", kernel.size(), " axes over ", spatial.size()));
  }
  DSPERSE_ASSIGN_OR_RETURN(const auto strides, List(node, "strides", spatial.size(), 1, 1));
  DSPERSE_ASSIGN_OR_RETURN(const auto dilations, List(node, "dilations", spatial.size(), 1, 1));
  Window window;
  window.rank = static_cast<int>(spatial.size());
  int64_t elements = 1;  // of the kernel: of weights that hold none, or of a pool, they may be any number
  for (int64_t size : kernel) {
    if (__builtin_mul_overflow(elements, std::max<int64_t>(size, 1), &elements)) {
      return absl::ResourceExhaustedError(
          absl::StrCat(node.op_type(), " ", node.name(), ": a kernel of ", absl::StrJoin(kernel, " by "), " elements"));
    }
  }
  for (int i = 0; i < window.rank; ++i) {
    const int a = 3 - window.rank + i;
    if (spatial[i] > kLargest || kernel[i] < 1 || kernel[i] > kLargest ||
        (kernel[i] - 1) * dilations[i] > kLargest) {
      return InvalidNode(node, absl::StrCat("a kernel of ", kernel[i], " with dilation ", dilations[i],
                                        " over ", spatial[i], " elements"));
    }
    window.in[a] = spatial[i];
    window.kernel[a] = kernel[i];
    window.stride[a] = strides[i];
    window.dilation[a] = dilations[i];
  }
  return window;
}

absl::Status SetPads(const NodeView& node, Window& window) {
  DSPERSE_ASSIGN_OR_RETURN(const auto pads,
                           List(node, "pads", 2 * static_cast<size_t>(window.rank), 0, 0));
  for (int i = 0; i < window.rank; ++i) {
    window.pad_begin[3 - window.rank + i] = pads[i];
    window.pad_end[3 - window.rank + i] = pads[window.rank + i];
  }
  return absl::OkStatus();
}

enum class AutoPad { kNotSet, kValid, kSameUpper, kSameLower };

absl::StatusOr<AutoPad> ReadAutoPad(const NodeView& node) {
  const std::string text = node.String("auto_pad", "NOTSET");
  if (text == "NOTSET" || text.empty()) return AutoPad::kNotSet;
  if (text == "VALID") return AutoPad::kValid;
  if (text == "SAME_UPPER") return AutoPad::kSameUpper;
  if (text == "SAME_LOWER") return AutoPad::kSameLower;
  return InvalidNode(node, absl::StrCat("auto_pad ", text, " is none of ONNX's"));
}

int64_t Dilated(const Window& window, int a) {
  return (window.kernel[a] - 1) * window.dilation[a] + 1;
}

// Splits `total` padding of axis `a`; the odd element goes to the end, or with `lower` to the beginning.
void SplitPad(Window& window, int a, int64_t total, bool lower) {
  window.pad_begin[a] = lower ? total - total / 2 : total / 2;
  window.pad_end[a] = total - window.pad_begin[a];
}

}  // namespace

Window::Range Window::Valid(int a, int64_t k) const {
  // 0 ≤ o·stride + shift < in
  const int64_t shift = k * dilation[a] - pad_begin[a];
  const int64_t begin = shift >= 0 ? 0 : (-shift + stride[a] - 1) / stride[a];
  const int64_t end = in[a] <= shift ? 0 : (in[a] - shift + stride[a] - 1) / stride[a];
  return {std::min(begin, out[a]), std::max(std::min(begin, out[a]), std::min(end, out[a]))};
}

bool Window::IsPointwise() const {
  for (int a = 0; a < 3; ++a) {
    if (kernel[a] != 1 || stride[a] != 1 || pad_begin[a] != 0 || pad_end[a] != 0) return false;
  }
  return true;
}

Dims Window::OutputDims(int64_t n, int64_t channels) const {
  Dims dims = {n, channels};
  for (int a = 3 - rank; a < 3; ++a) dims.push_back(out[a]);
  return dims;
}

absl::StatusOr<Window> ConvWindow(const NodeView& node, absl::Span<const int64_t> spatial,
                                  absl::Span<const int64_t> kernel) {
  DSPERSE_ASSIGN_OR_RETURN(Window window, Common(node, spatial, kernel));
  DSPERSE_ASSIGN_OR_RETURN(const AutoPad auto_pad, ReadAutoPad(node));
  if (auto_pad == AutoPad::kNotSet) DSPERSE_RETURN_IF_ERROR(SetPads(node, window));
  const bool ceil_mode = node.Int("ceil_mode", 0) != 0;
  for (int a = 3 - window.rank; a < 3; ++a) {
    const int64_t reach = Dilated(window, a);
    const int64_t stride = window.stride[a];
    if (auto_pad == AutoPad::kSameUpper || auto_pad == AutoPad::kSameLower) {
      window.out[a] = (window.in[a] + stride - 1) / stride;
      const int64_t total = (window.out[a] - 1) * stride + reach - window.in[a];
      SplitPad(window, a, std::max<int64_t>(total, 0), auto_pad == AutoPad::kSameLower);
      continue;
    }
    const int64_t room = window.in[a] + window.pad_begin[a] + window.pad_end[a] - reach;
    if (room < 0) {
      return InvalidNode(node, absl::StrCat("a kernel that reaches over ", reach, " elements on an axis of ",
                                        window.in[a], " padded by ", window.pad_begin[a], " and ",
                                        window.pad_end[a]));
    }
    window.out[a] = (ceil_mode ? (room + stride - 1) / stride : room / stride) + 1;
    if (ceil_mode && (window.out[a] - 1) * stride >= window.in[a] + window.pad_begin[a]) {
      --window.out[a];
    }
  }
  return window;
}

absl::StatusOr<Window> ConvTransposeWindow(const NodeView& node, absl::Span<const int64_t> spatial,
                                           absl::Span<const int64_t> kernel) {
  DSPERSE_ASSIGN_OR_RETURN(Window window, Common(node, spatial, kernel));
  std::swap(window.in, window.out);
  DSPERSE_ASSIGN_OR_RETURN(const AutoPad auto_pad, ReadAutoPad(node));
  const size_t rank = spatial.size();
  DSPERSE_ASSIGN_OR_RETURN(const auto output_padding, List(node, "output_padding", rank, 0, 0));
  std::vector<int64_t> output_shape = node.Ints("output_shape");
  if (output_shape.size() == rank + 2) {
    // Early exporters wrote the batch and channel axes too.
    output_shape.erase(output_shape.begin(), output_shape.begin() + 2);
  }
  if (!output_shape.empty() && output_shape.size() != rank) {
    return InvalidNode(node, absl::StrCat("output_shape has ", output_shape.size(), " entries"));
  }
  const bool same = auto_pad == AutoPad::kSameUpper || auto_pad == AutoPad::kSameLower;
  if (auto_pad == AutoPad::kNotSet && output_shape.empty()) {
    DSPERSE_RETURN_IF_ERROR(SetPads(node, window));
  }
  for (size_t i = 0; i < rank; ++i) {
    const int a = 3 - static_cast<int>(rank - i);
    // ONNX's formula has a negative number of steps here.
    if (spatial[i] == 0) {
      return absl::UnimplementedError(
          absl::StrCat(node.op_type(), " ", node.name(), ": an axis without elements"));
    }
    const int64_t steps = spatial[i] - 1;
    if (steps > kLargest / window.stride[a]) {
      return InvalidNode(node, absl::StrCat(spatial[i], " elements with stride ", window.stride[a]));
    }
    const int64_t full = window.stride[a] * steps + output_padding[i] + Dilated(window, a);
    if (output_shape.empty() && !same) {
      window.in[a] = full - window.pad_begin[a] - window.pad_end[a];
    } else {
      if (output_shape.empty() && output_padding[i] != 0) {
        return absl::UnimplementedError(
            absl::StrCat(node.op_type(), " ", node.name(), ": output_padding with auto_pad SAME"));
      }
      window.in[a] = output_shape.empty() ? spatial[i] * window.stride[a] : output_shape[i];
      const int64_t total = full - window.in[a];
      // The specification's halves of a negative total depend on how one rounds; one extra element
      // at the end is what all readings agree on.
      if (total < -1 ||
          (total == -1 && (auto_pad == AutoPad::kSameUpper || output_shape.empty()))) {
        return absl::UnimplementedError(absl::StrCat(node.op_type(), " ", node.name(),
                                                     ": an output of ", window.in[a],
                                                     " elements, larger than the ", full,
                                                     " that the kernel reaches"));
      }
      if (total == -1) {
        window.pad_end[a] = -1;
      } else {
        SplitPad(window, a, total, auto_pad != AutoPad::kSameUpper);
      }
    }
    if (window.in[a] < 0 || window.in[a] > 2 * kLargest) {
      return InvalidNode(node, absl::StrCat("an output axis of ", window.in[a], " elements"));
    }
  }
  return window;
}

absl::Status CheckOperations(const EvalContext& context, const NodeView& node, int64_t elements,
                             int64_t each) {
  const int64_t limit = int64_t{1} << (context.mode == EvalMode::kExact ? 34 : 40);
  if (each > 0 && elements > limit / each) {
    return absl::ResourceExhaustedError(
        absl::StrCat(node.op_type(), " ", node.name(), ": ", elements, " outputs of ", each,
                     " operations each, more than ", limit, " in all"));
  }
  return absl::OkStatus();
}

}  // namespace dsperse
