#include "circuit_estimate/backends/dsperse_estimate.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "circuit_estimate/backends/simple_backend.h"
#include "circuit_estimate/shapes.h"

namespace dsperse {
namespace {

constexpr MetricInfo kMetrics[] = {{"constraints", "what DSperse takes for constraints"}};

constexpr uint64_t kRescale =
    8;  // range queries of a rescale: scale 2^18, 64-bit range, 12-bit chunks
constexpr uint64_t kCompare = 6;  // and of a comparison

struct PerElement {
  absl::string_view op;
  uint64_t price;
};
constexpr PerElement kPerElement[] = {
    {"BatchNormalization", 51},
    {"LayerNormalization", 51},
    {"InstanceNormalization", 51},
    {"GroupNormalization", 51},
    {"Softmax", 22},
    {"Sigmoid", 21},
    {"Tanh", 21},
    {"Gelu", 21},
    {"Erf", 21},
    {"HardSwish", 21},
    {"Exp", 14},
    {"Log", 14},
    {"Sqrt", 14},
    {"Pow", 14},
    {"Sin", 14},
    {"Cos", 14},
    {"Resize", 12},
    {"GridSample", 12},
    {"Mul", 9},
    {"Div", 9},
    {"Max", 8},
    {"Min", 8},
    {"Clip", 8},
    {"Relu", 7},
    {"LeakyRelu", 7},
    {"Where", 2},
    {"Add", 1},
    {"Sub", 1},
};

// Operators with a formula.
constexpr PricedOperator kOperators[] = {
    {"Add"},
    {"AveragePool"},
    {"BatchNormalization"},
    {"Cast"},
    {"Clip"},
    {"Concat"},
    {"Conv"},
    {"ConvTranspose"},
    {"Cos"},
    {"DepthToSpace"},
    {"Div"},
    {"Dropout"},
    {"Erf"},
    {"Exp"},
    {"Expand"},
    {"Flatten"},
    {"Gather"},
    {"Gelu"},
    {"Gemm"},
    {"GlobalAveragePool"},
    {"GridSample"},
    {"GroupNormalization"},
    {"HardSwish"},
    {"Identity"},
    {"InstanceNormalization"},
    {"LayerNormalization"},
    {"LeakyRelu"},
    {"Log"},
    {"MatMul"},
    {"Max"},
    {"MaxPool"},
    {"Min"},
    {"Mul"},
    {"Pad"},
    {"Pow"},
    {"ReduceMax"},
    {"ReduceMean"},
    {"ReduceSum"},
    {"Relu"},
    {"Reshape"},
    {"Resize"},
    {"Sigmoid"},
    {"Sin"},
    {"Slice"},
    {"Softmax"},
    {"SpaceToDepth"},
    {"Split"},
    {"Sqrt"},
    {"Squeeze"},
    {"Sub"},
    {"Tanh"},
    {"Tile"},
    {"TopK"},
    {"Transpose"},
    {"Unsqueeze"},
    {"Upsample"},
    {"Where"},
};

class DsperseBackend : public SimpleBackend {
 public:
  absl::string_view name() const override { return "dsperse_estimate"; }
  absl::string_view summary() const override {
    return "the estimate of DSperse 3.9.10's own slicer";
  }
  absl::Span<const MetricInfo> metrics() const override { return kMetrics; }
  absl::Span<const ParameterInfo> parameters() const override { return {}; }
  absl::Span<const PricedOperator> operators() const override { return kOperators; }

  SimplePrice PriceOf(ModelView& view, const NodeView& node, const Parameters&) const override {
    const absl::string_view op = node.op_type();
    const Count out = view.Elements(node.output(0));
    const Count in = view.Elements(node.input(0));
    if (!node.domain().empty())
      return {0, true, absl::StrCat("no formula for domain ", node.domain())};
    if (view.ShapeOf(node.output(0)) == nullptr) return {0, true, "shapes are not known"};
    for (const PerElement& row : kPerElement) {
      if (row.op == op) return {Count(row.price) * out};
    }
    const Count rescaled = Count(kRescale) * out;
    if (op == "Gemm" || op == "MatMul") {
      const std::optional<MatrixProduct> p = MatrixProductOf(view, node);
      if (!p.has_value()) return {0, true, "shapes of the operands are not known"};
      const Count full = Count(2) * p->l * p->m * p->n - p->l * p->n;
      const Count checked =
          Count(2) * (p->l * p->m + p->l * p->n + p->m * p->n) - (p->m + Count(2) * p->l);
      return {p->batches * std::min(full, checked) + rescaled};
    }
    if (op == "Conv" || op == "ConvTranspose") {
      const Dims* weight = view.ShapeOf(node.input(1));
      if (weight == nullptr || weight->size() < 2)
        return {0, true, "shape of the kernel is not known"};
      const Count taps = Product(absl::MakeConstSpan(*weight).subspan(1));
      // taps products and one sum less; without taps there are neither.
      const Count sums = taps == Count(0) ? Count(0) : Count(2) * taps - Count(1);
      return {out * sums + rescaled};
    }
    if (op == "ReduceSum") return {in};
    if (op == "ReduceMean") return {in + rescaled};
    if (op == "ReduceMax") return {in + Count(kCompare) * in};
    if (op == "TopK") return {Count(8) * in};
    const Dims* in_dims = view.ShapeOf(node.input(0));
    const Dims* out_dims = view.ShapeOf(node.output(0));
    if ((op == "MaxPool" || op == "AveragePool" || op == "GlobalAveragePool") &&
        in_dims != nullptr && in_dims->size() > 2 && out_dims != nullptr && out_dims->size() > 2) {
      const Count plane = Product(absl::MakeConstSpan(*in_dims).subspan(2));
      const Count out_plane = Product(absl::MakeConstSpan(*out_dims).subspan(2));
      if (op == "MaxPool") return {out * plane * Count(7)};  // the plane stands for the window
      if (op == "GlobalAveragePool") return {out * plane + rescaled};
      const Count window(out_plane.value() == 0 ? 0 : plane.value() / out_plane.value());
      return {out * window + rescaled};
    }
    if (MovesData(op)) return {0};
    return {0, true, absl::StrCat("no formula for operator ", op)};
  }
};

}  // namespace

const Backend& DsperseEstimate() {
  static const DsperseBackend* const backend = new DsperseBackend;
  return *backend;
}

}  // namespace dsperse
