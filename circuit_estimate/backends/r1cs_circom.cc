#include "circuit_estimate/backends/r1cs_circom.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "circuit_estimate/backends/simple_backend.h"
#include "circuit_estimate/shapes.h"

namespace dsperse {
namespace {

constexpr MetricInfo kMetrics[] = {{"constraints", "non-linear constraints"}};
// Operators with a formula.
constexpr PricedOperator kOperators[] = {
    {"Add"},
    {"AveragePool"},
    {"BatchNormalization"},
    {"Cast", true, "between float types"},
    {"Concat"},
    {"Conv"},
    {"DepthToSpace"},
    {"Dropout"},
    {"Expand"},
    {"Flatten"},
    {"Gather", true, "constant indices"},
    {"Gemm"},
    {"GlobalAveragePool"},
    {"Identity"},
    {"MatMul"},
    {"MaxPool"},
    {"Neg"},
    {"Pad"},
    {"Relu"},
    {"Reshape"},
    {"Slice"},
    {"SpaceToDepth"},
    {"Split"},
    {"Squeeze"},
    {"Sub"},
    {"Tile"},
    {"Transpose"},
    {"Unsqueeze"},
};

constexpr ParameterInfo kParameters[] = {
    {"weights", "private", "", "private: weights are signals, each product is a constraint",
     "private|constant"},
};
constexpr uint64_t kRelu = 517;        // comparison of field elements
constexpr uint64_t kPoolPerTap = 254;  // one comparison a tap

class R1csBackend : public SimpleBackend {
 public:
  absl::string_view name() const override { return "r1cs_circom"; }
  absl::string_view summary() const override {
    return "circom 2 with circomlib-ml 1.4.4, no rescaling";
  }
  absl::Span<const MetricInfo> metrics() const override { return kMetrics; }
  absl::Span<const ParameterInfo> parameters() const override { return kParameters; }
  absl::Span<const PricedOperator> operators() const override { return kOperators; }

  SimplePrice PriceOf(ModelView& view, const NodeView& node,
                      const Parameters& parameters) const override {
    const absl::string_view op = node.op_type();
    const Count n = view.Elements(node.output(0));
    const Dims* weight = view.ShapeOf(node.input(1));
    const bool products = parameters.Text("weights") == "private";
    if (!node.domain().empty())
      return {0, true, absl::StrCat("no template for domain ", node.domain())};
    if (view.ShapeOf(node.output(0)) == nullptr) return {0, true, "shapes are not known"};
    if (op == "Conv") {
      if (weight == nullptr || weight->size() < 2) return {0, true, "shape of the kernel is not known"};
      // Padding is added by the caller as zeros, so taps in the border count.
      const bool of_signals = products || !view.IsConstant(node.input(1));
      return {of_signals ? n * Product(absl::MakeConstSpan(*weight).subspan(1)) : Count(0)};
    }
    if (op == "Gemm" || op == "MatMul") {
      const std::optional<MatrixProduct> p = MatrixProductOf(view, node);
      if (!p.has_value()) return {0, true, "shapes of the operands are not known"};
      const bool constant = view.IsConstant(node.input(0)) || view.IsConstant(node.input(1));
      return {products || !constant ? n * p->m : Count(0)};
    }
    if (op == "BatchNormalization") return {products || !HasScaleShift(view, node) ? n : Count(0)};
    if (op == "Gather" && !view.IsConstant(node.input(1))) return {0, true, "no template for computed indices"};
    if (op == "Cast") {
      for (const DType type : {view.facts().TypeOf(node.input(0)), view.facts().TypeOf(node.output(0))}) {
        if (!IsFloat(type)) return {0, true, "no template for a Cast between other than float types"};
      }
    }
    if (op == "Relu") return {Count(kRelu) * n};
    if (op == "MaxPool") {
      return {(Count(kPoolPerTap) * Product(node.Ints("kernel_shape")) - Count(1)) * n};
    }
    if (op == "AveragePool" || op == "GlobalAveragePool" || op == "Add" || op == "Sub" ||
        op == "Neg" || (MovesData(op) && op != "Resize" && op != "Upsample")) {
      return {0};
    }
    return {0, true, absl::StrCat("no template for operator ", op)};
  }
};

}  // namespace

const Backend& R1csCircom() {
  static const R1csBackend* const backend = new R1csBackend;
  return *backend;
}

}  // namespace dsperse
