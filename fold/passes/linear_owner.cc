#include "fold/passes/linear_owner.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/passes/constants.h"

namespace dsperse {
namespace {

// Uniform weights cost nothing however large they are, but a factor per channel does.
constexpr int64_t kMaxChannels = int64_t{1} << 24;

// The weight seen as [d0, d1, inner].
struct Layout {
  int64_t d0 = 0, d1 = 0, inner = 1;
};

Layout LayoutOf(const LinearOwner& owner) {
  const Dims& dims = owner.weight.dims();
  Layout layout{dims[0], dims[1], 1};
  for (size_t i = 2; i < dims.size(); ++i) layout.inner *= dims[i];
  return layout;
}

int64_t BlockOfGroup(int64_t i0, int64_t i1, const Layout& layout, int64_t groups) {
  return groups == 1 ? i1 : i0 / (layout.d0 / groups) * layout.d1 + i1;
}

int64_t OutChannel(const LinearOwner& owner, const Layout& layout, int64_t i0, int64_t i1) {
  if (owner.kind == LinearOwner::Kind::kConvTranspose) {
    return BlockOfGroup(i0, i1, layout, owner.groups);
  }
  return owner.out_first ? i0 : i1;
}

int64_t InChannel(const LinearOwner& owner, const Layout& layout, int64_t i0, int64_t i1) {
  if (owner.kind == LinearOwner::Kind::kConv) return BlockOfGroup(i0, i1, layout, owner.groups);
  if (owner.kind == LinearOwner::Kind::kConvTranspose) return i0;
  return owner.out_first ? i1 : i0;
}

// Scales `weight` by factors[channel(i0, i1)]; `axis` is the axis that alone decides the channel, or −1.
template <typename ChannelOf>
absl::StatusOr<Tensor> ScaleBy(const Tensor& weight, const Layout& layout, int axis,
                               const std::vector<double>& factors, ChannelOf channel, DType type) {
  if (axis >= 0) return Tensor::Scaled(weight, axis, factors, type);
  std::vector<double> spread(static_cast<size_t>(layout.d0 * layout.d1));
  for (int64_t i0 = 0; i0 < layout.d0; ++i0) {
    for (int64_t i1 = 0; i1 < layout.d1; ++i1) {
      spread[static_cast<size_t>(i0 * layout.d1 + i1)] =
          factors[static_cast<size_t>(channel(i0, i1))];
    }
  }
  DSPERSE_ASSIGN_OR_RETURN(const Tensor flat,
                           weight.WithDims({layout.d0 * layout.d1, layout.inner}));
  DSPERSE_ASSIGN_OR_RETURN(const Tensor scaled, Tensor::Scaled(flat, 0, std::move(spread), type));
  return scaled.WithDims(weight.dims());
}

bool AllSameBits(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [&](double v) {
    return std::memcmp(&v, values.data(), sizeof v) == 0;
  });
}

bool AllZero(const std::vector<int64_t>& values) {
  return std::all_of(values.begin(), values.end(), [](int64_t v) { return v == 0; });
}

bool AllOne(absl::Span<const int64_t> values) {
  return std::all_of(values.begin(), values.end(), [](int64_t v) { return v == 1; });
}

Matched<LinearOwner> WithinLimits(Matched<LinearOwner> owner) {
  if (!owner) return owner;
  const Layout layout = LayoutOf(*owner);
  const int64_t pairs = owner->groups > 1 ? layout.d0 * layout.d1 : 0;
  if (std::max({owner->out.channels, owner->in.channels, pairs / 4}) <= kMaxChannels) return owner;
  return NoMatch<LinearOwner>(absl::StrCat("its weight of shape ",
                                           DimsToString(owner->weight.dims()), " has more than ",
                                           kMaxChannels, " channels"));
}

Matched<LinearOwner> MatchConv(const NodeView& node, LinearOwner owner) {
  const Dims& dims = owner.weight.dims();
  const int rank = owner.weight.rank();
  owner.groups = node.Int("group", 1);
  if (rank < 3 || owner.groups < 1 || dims[0] % owner.groups != 0) return NoMatch<LinearOwner>();
  owner.kind = node.Is("Conv") ? LinearOwner::Kind::kConv : LinearOwner::Kind::kConvTranspose;
  const bool conv = owner.kind == LinearOwner::Kind::kConv;
  int64_t grouped = 0;  // channels on axis 1, over all groups
  if (__builtin_mul_overflow(dims[1], owner.groups, &grouped)) return NoMatch<LinearOwner>();
  owner.out = {rank, 1, conv ? dims[0] : grouped};
  owner.in = {rank, 1, conv ? grouped : dims[0]};
  return Match(std::move(owner));
}

Matched<LinearOwner> MatchGemm(const NodeView& node, LinearOwner owner) {
  if (owner.weight.rank() != 2) return NoMatch<LinearOwner>();
  owner.kind = LinearOwner::Kind::kGemm;
  owner.out_first = node.Int("transB", 0) != 0;
  const Dims& dims = owner.weight.dims();
  owner.out = {2, 1, owner.out_first ? dims[0] : dims[1]};
  if (node.Int("transA", 0) == 0) owner.in = {2, 1, owner.out_first ? dims[1] : dims[0]};
  return Match(std::move(owner));
}

Matched<LinearOwner> MatchMatMul(LinearOwner owner, const Shape& data) {
  if (owner.weight.rank() != 2) {
    return NoMatch<LinearOwner>(absl::StrCat("its constant of shape ",
                                             DimsToString(owner.weight.dims()),
                                             " is not a matrix"));
  }
  if (!data.has_rank()) return NoMatch<LinearOwner>("the rank of its input is unknown");
  if (data.rank() < 2) return NoMatch<LinearOwner>("its input is a vector");
  owner.kind = LinearOwner::Kind::kMatMul;
  const bool right = owner.weight_input == 1;
  owner.out_first = !right;
  const Dims& dims = owner.weight.dims();
  const int axis = right ? data.rank() - 1 : data.rank() - 2;
  owner.out = {data.rank(), axis, right ? dims[1] : dims[0]};
  owner.in = {data.rank(), axis, right ? dims[0] : dims[1]};
  return Match(std::move(owner));
}

}  // namespace

bool IsLinearOp(const NodeView& node) {
  const absl::string_view type = node.op_type();
  return (type == "Conv" || type == "ConvTranspose" || type == "Gemm" || type == "MatMul") &&
         node.domain().empty();
}

Matched<LinearOwner> MatchLinearOwner(const Graph& graph, NodeId id, PassContext& context) {
  const NodeView node = graph.node(id);
  if (!IsLinearOp(node) || node.num_inputs() < 2) return NoMatch<LinearOwner>();
  LinearOwner owner;
  owner.node = id;
  std::optional<Tensor> weight = ConstantOf(graph, node.input(1));
  if (!weight) {
    const bool matmul = node.Is("MatMul");
    if (matmul) weight = ConstantOf(graph, node.input(0));
    if (!weight) {
      return NoMatch<LinearOwner>(
          absl::StrCat("its weight ", WhyNotConstant(graph, node.input(1))));
    }
    owner.weight_input = 0;
    owner.data_input = 1;
  }
  owner.weight = *std::move(weight);
  if (!IsFloat(owner.weight.dtype())) {
    return NoMatch<LinearOwner>(absl::StrCat("its weight is ", DTypeName(owner.weight.dtype())));
  }
  if (owner.weight.num_elements() == 0) return NoMatch<LinearOwner>("its weight is empty");
  if (node.Is("MatMul")) {
    const ValueId data = node.input(owner.data_input);
    Shape shape = graph.DeclaredShape(data);  // where it is declared, nothing is inferred
    if (!shape.has_rank()) shape = context.facts().ShapeOf(data);
    return WithinLimits(MatchMatMul(std::move(owner), shape));
  }
  return WithinLimits(node.Is("Gemm") ? MatchGemm(node, std::move(owner))
                                      : MatchConv(node, std::move(owner)));
}

absl::StatusOr<Tensor> ScaleWeight(const LinearOwner& owner, const std::vector<double>& out_factors,
                                   const std::vector<double>& in_factors) {
  const Layout layout = LayoutOf(owner);
  const DType type = owner.weight.dtype();
  const bool grouped = owner.groups > 1;
  const bool conv = owner.kind == LinearOwner::Kind::kConv;
  const bool transposed = owner.kind == LinearOwner::Kind::kConvTranspose;
  Tensor scaled = owner.weight;
  if (!in_factors.empty()) {
    const int axis = grouped && conv ? -1 : transposed ? 0 : owner.out_first ? 1 : 0;
    DSPERSE_ASSIGN_OR_RETURN(
        scaled, ScaleBy(scaled, layout, axis, in_factors,
                        [&](int64_t i0, int64_t i1) { return InChannel(owner, layout, i0, i1); },
                        out_factors.empty() ? type : DType::kDouble));
  }
  if (!out_factors.empty()) {
    const int axis = grouped && transposed ? -1 : transposed ? 1 : owner.out_first ? 0 : 1;
    DSPERSE_ASSIGN_OR_RETURN(
        scaled, ScaleBy(scaled, layout, axis, out_factors,
                        [&](int64_t i0, int64_t i1) { return OutChannel(owner, layout, i0, i1); },
                        type));
  }
  // A uniform weight under equal factors stays uniform: it costs nothing, and may be a ConstantOfShape.
  if (owner.weight.is_uniform() && owner.weight.num_elements() > 0 && AllSameBits(out_factors) &&
      AllSameBits(in_factors)) {
    std::string element(static_cast<size_t>(BitWidth(type) / 8), '\0');
    DSPERSE_RETURN_IF_ERROR(scaled.Read(0, absl::MakeSpan(element.data(), element.size())));
    return Tensor::Uniform(type, scaled.dims(), element);
  }
  return scaled;
}

int64_t ResultChannel(const LinearOwner& owner, int64_t element) {
  const Layout layout = LayoutOf(owner);
  const int64_t pair = element / layout.inner;
  return OutChannel(owner, layout, pair / layout.d1, pair % layout.d1);
}

absl::StatusOr<Matched<std::vector<double>>> ReadBias(const Graph& graph,
                                                      const LinearOwner& owner) {
  using Result = std::vector<double>;
  const NodeView node = graph.node(owner.node);
  const size_t channels = static_cast<size_t>(owner.out.channels);
  const ValueId input = owner.has_bias_input() ? node.input(owner.bias_input()) : ValueId();
  if (!input.valid()) return Match(Result(channels, 0.0));
  const std::optional<Tensor> bias = ConstantOf(graph, input);
  if (!bias) return NoMatch<Result>(absl::StrCat("its bias ", WhyNotConstant(graph, input)));
  const Dims& dims = bias->dims();
  const bool scalar = bias->num_elements() == 1;
  const bool vector = !dims.empty() && bias->num_elements() == owner.out.channels &&
                      dims.back() == owner.out.channels;
  const bool gemm = owner.kind == LinearOwner::Kind::kGemm;
  if (!IsFloat(bias->dtype()) || !(vector || (gemm && scalar))) {
    return NoMatch<Result>(absl::StrCat("its bias of shape ", DimsToString(dims),
                                        " is not one value for each of the ", channels,
                                        " channels"));
  }
  DSPERSE_ASSIGN_OR_RETURN(Result values, ToDoubles(*bias));
  if (values.size() != channels) values.assign(channels, values[0]);
  if (gemm) {
    const double beta = static_cast<double>(node.Float("beta", 1.0f));
    if (beta != 1.0) {
      for (double& v : values) v = v * beta;
    }
  }
  return Match(std::move(values));
}

std::string WhyNotShiftInput(const Graph& graph, const LinearOwner& owner) {
  const NodeView node = graph.node(owner.node);
  if (owner.kind != LinearOwner::Kind::kConv && owner.kind != LinearOwner::Kind::kConvTranspose) {
    return "";
  }
  const std::string auto_pad = node.String("auto_pad", "NOTSET");
  if (auto_pad != "NOTSET" && auto_pad != "VALID") {
    return absl::StrCat("its auto_pad is ", auto_pad, " and a shift would have to reach the padding");
  }
  if (auto_pad == "NOTSET" && !AllZero(node.Ints("pads"))) {
    return "it pads its input, and a shift would have to reach the padding";
  }
  if (owner.kind == LinearOwner::Kind::kConv) return "";
  const Dims& dims = owner.weight.dims();
  if (!AllOne(absl::MakeConstSpan(dims).subspan(2)) || !AllOne(node.Ints("strides")) ||
      !AllZero(node.Ints("output_padding")) || node.HasAttr("output_shape")) {
    return "a shift through a ConvTranspose is constant only with kernel 1, stride 1 and no padding";
  }
  return "";
}

absl::StatusOr<std::vector<double>> ShiftThrough(const Graph& graph, const LinearOwner& owner,
                                                 const std::vector<double>& shift) {
  const Layout layout = LayoutOf(owner);
  std::vector<double> sums(static_cast<size_t>(owner.out.channels), 0.0);
  const int64_t width = BitWidth(owner.weight.dtype()) / 8;
  const int64_t total = owner.weight.num_elements();
  constexpr int64_t kChunk = int64_t{1} << 15;  // elements read at a time
  std::string buffer;
  int64_t pair = 0, left = layout.inner;  // position in [d0·d1, inner]
  for (int64_t done = 0; done < total;) {
    const int64_t n = std::min(kChunk, total - done);
    buffer.resize(static_cast<size_t>(n * width));
    DSPERSE_RETURN_IF_ERROR(
        owner.weight.Read(done * width, absl::MakeSpan(buffer.data(), buffer.size())));
    DispatchDType(
        owner.weight.dtype(),
        [&](auto tag) {
          using T = typename decltype(tag)::type;
          const T* values = reinterpret_cast<const T*>(buffer.data());
          for (int64_t i = 0; i < n; ++i) {
            const int64_t i0 = pair / layout.d1, i1 = pair % layout.d1;
            sums[static_cast<size_t>(OutChannel(owner, layout, i0, i1))] +=
                static_cast<double>(values[i]) *
                shift[static_cast<size_t>(InChannel(owner, layout, i0, i1))];
            if (--left == 0) {
              left = layout.inner;
              ++pair;
            }
          }
        },
        [] {});
    done += n;
  }
  if (owner.kind == LinearOwner::Kind::kGemm) {
    const double alpha = static_cast<double>(graph.node(owner.node).Float("alpha", 1.0f));
    for (double& sum : sums) sum = sum * alpha;
  }
  return sums;
}

}  // namespace dsperse
