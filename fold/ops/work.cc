#include "fold/ops/work.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "fold/ir/status_macros.h"

namespace dsperse {
namespace {

// Products that don't fit stay at the largest number: such a model is refused elsewhere, by its
// size.
uint64_t Times(uint64_t a, uint64_t b) {
  uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<uint64_t>::max() : product;
}

absl::StatusOr<Dims> StaticDims(const Graph& graph, const NodeView& node, Facts& facts,
                                ValueId value) {
  std::optional<Dims> dims;
  if (value.valid()) dims = facts.StaticShape(value);
  if (dims.has_value()) return *std::move(dims);
  return absl::FailedPreconditionError(
      absl::StrCat("node '", node.name(), "' (", node.op_type(), "): the shape of '",
                   value.valid() ? graph.Name(value) : "", "' is not static"));
}

uint64_t Product(absl::Span<const int64_t> dims) {
  uint64_t product = 1;
  for (int64_t size : dims) {
    if (size == 0) return 0;
    product = Times(product, static_cast<uint64_t>(size));
  }
  return product;
}

absl::StatusOr<uint64_t> Elements(const Graph& graph, const NodeView& node, Facts& facts,
                                  ValueId value) {
  DSPERSE_ASSIGN_OR_RETURN(Dims dims, StaticDims(graph, node, facts, value));
  return Product(dims);
}

// Elements of all constant inputs from `first` on.
uint64_t CommittedFrom(const NodeView& node, Facts& facts, int first) {
  uint64_t committed = 0;
  for (int i = first; i < node.num_inputs(); ++i) {
    const Tensor* tensor = node.input(i).valid() ? facts.ConstantOf(node.input(i)) : nullptr;
    if (tensor != nullptr) committed += static_cast<uint64_t>(tensor->num_elements());
  }
  return committed;
}

bool Constant(const NodeView& node, Facts& facts, int input) {
  return node.input(input).valid() && facts.ConstantOf(node.input(input)) != nullptr;
}

// Conv, ConvTranspose, Gemm, MatMul: every element of the result sums `terms` products.
absl::StatusOr<Work> LinearWork(const Graph& graph, const NodeView& node, Facts& facts) {
  DSPERSE_ASSIGN_OR_RETURN(const uint64_t n, Elements(graph, node, facts, node.output(0)));
  DSPERSE_ASSIGN_OR_RETURN(Dims a, StaticDims(graph, node, facts, node.input(0)));
  DSPERSE_ASSIGN_OR_RETURN(Dims b, StaticDims(graph, node, facts, node.input(1)));
  Work work;
  uint64_t products = 0;
  if (node.Is("Conv")) {
    products = Times(n, Product(absl::MakeConstSpan(b).subspan(std::min<size_t>(1, b.size()))));
  } else if (node.Is("ConvTranspose")) {
    // Each element of the input meets the whole kernel of its channel.
    products =
        Times(Product(a), Product(absl::MakeConstSpan(b).subspan(std::min<size_t>(1, b.size()))));
  } else {
    uint64_t terms = 1;
    if (!a.empty()) {
      const bool across = node.Is("Gemm") && node.Int("transA", 0) != 0 && a.size() == 2;
      terms = static_cast<uint64_t>(across ? a[0] : a.back());
    }
    products = Times(n, terms);
  }
  const bool biased = node.Is("MatMul") ? false : node.input(2).valid();
  (Constant(node, facts, 0) || Constant(node, facts, 1) ? work.constant_products
                                                        : work.variable_products) = products;
  work.additions = products >= n ? products - (biased ? 0 : n) : 0;
  work.rescales = n;
  work.committed = CommittedFrom(node, facts, 0);
  return work;
}

absl::StatusOr<Work> BatchNormalizationWork(const Graph& graph, const NodeView& node,
                                            Facts& facts) {
  Work work;
  DSPERSE_ASSIGN_OR_RETURN(work.additions, Elements(graph, node, facts, node.output(0)));
  work.constant_products = work.rescales = work.additions;
  work.committed = CommittedFrom(node, facts, 1);
  return work;
}

absl::StatusOr<Work> MulWork(const Graph& graph, const NodeView& node, Facts& facts) {
  Work work;
  DSPERSE_ASSIGN_OR_RETURN(work.rescales, Elements(graph, node, facts, node.output(0)));
  (Constant(node, facts, 0) || Constant(node, facts, 1) ? work.constant_products
                                                        : work.variable_products) = work.rescales;
  work.committed = CommittedFrom(node, facts, 0);
  return work;
}

absl::StatusOr<Work> AdditionWork(const Graph& graph, const NodeView& node, Facts& facts) {
  Work work;
  DSPERSE_ASSIGN_OR_RETURN(const uint64_t n, Elements(graph, node, facts, node.output(0)));
  work.additions = Times(n, static_cast<uint64_t>(std::max(1, node.num_inputs() - 1)));
  work.committed = CommittedFrom(node, facts, 0);
  return work;
}

// One comparison an element, for each operand but the first or each bound.
absl::StatusOr<Work> ComparisonWork(const Graph& graph, const NodeView& node, Facts& facts) {
  Work work;
  DSPERSE_ASSIGN_OR_RETURN(const uint64_t n, Elements(graph, node, facts, node.output(0)));
  int each = 1;
  if (node.Is("Max") || node.Is("Min")) each = std::max(0, node.num_inputs() - 1);
  if (node.Is("Clip")) {
    each = (node.HasAttr("min") || node.input(1).valid() ? 1 : 0) +
           (node.HasAttr("max") || node.input(2).valid() ? 1 : 0);
  }
  work.comparisons = Times(n, static_cast<uint64_t>(each));
  if (node.Is("LeakyRelu") || node.Is("PRelu")) work.constant_products = work.rescales = n;
  if (node.Is("HardSigmoid")) {
    work.comparisons = Times(n, 2);
    work.constant_products = work.rescales = work.additions = n;
  }
  work.committed = CommittedFrom(node, facts, 1);
  return work;
}

absl::StatusOr<Work> PoolWork(const Graph& graph, const NodeView& node, Facts& facts) {
  DSPERSE_ASSIGN_OR_RETURN(const uint64_t n, Elements(graph, node, facts, node.output(0)));
  DSPERSE_ASSIGN_OR_RETURN(Dims in, StaticDims(graph, node, facts, node.input(0)));
  const bool global = node.Is("GlobalAveragePool") || node.Is("GlobalMaxPool");
  const uint64_t taps =
      global ? Product(absl::MakeConstSpan(in).subspan(std::min<size_t>(2, in.size())))
             : Product(node.Ints("kernel_shape"));
  const uint64_t steps = Times(n, taps > 0 ? taps - 1 : 0);
  Work work;
  if (node.Is("MaxPool") || node.Is("GlobalMaxPool")) {
    work.comparisons = steps;
    return work;
  }
  work.additions = steps;
  work.constant_products = work.rescales = n;
  return work;
}

absl::StatusOr<Work> ReduceWork(const Graph& graph, const NodeView& node, Facts& facts) {
  DSPERSE_ASSIGN_OR_RETURN(const uint64_t n, Elements(graph, node, facts, node.output(0)));
  DSPERSE_ASSIGN_OR_RETURN(const uint64_t in, Elements(graph, node, facts, node.input(0)));
  const uint64_t steps = in > n ? in - n : 0;
  Work work;
  if (node.Is("ReduceMax") || node.Is("ReduceMin")) {
    work.comparisons = steps;
    return work;
  }
  work.additions = steps;
  if (node.Is("ReduceMean")) work.constant_products = work.rescales = n;
  return work;
}

// Functions that provers tabulate.
absl::StatusOr<Work> LookupWork(const Graph& graph, const NodeView& node, Facts& facts) {
  Work work;
  DSPERSE_ASSIGN_OR_RETURN(work.lookups, Elements(graph, node, facts, node.output(0)));
  return work;
}

absl::StatusOr<Work> DivWork(const Graph& graph, const NodeView& node, Facts& facts) {
  Work work;
  DSPERSE_ASSIGN_OR_RETURN(const uint64_t n, Elements(graph, node, facts, node.output(0)));
  work.rescales = n;
  work.committed = CommittedFrom(node, facts, 0);
  if (Constant(node, facts, 1)) {
    work.constant_products = n;
    return work;
  }
  work.variable_products = n;
  DSPERSE_ASSIGN_OR_RETURN(work.lookups, Elements(graph, node, facts, node.input(1)));
  return work;
}

absl::StatusOr<Work> SoftmaxWork(const Graph& graph, const NodeView& node, Facts& facts) {
  Work work;
  DSPERSE_ASSIGN_OR_RETURN(const uint64_t n, Elements(graph, node, facts, node.output(0)));
  work.lookups = work.comparisons = work.variable_products = work.rescales = n;
  work.additions = Times(n, 2);
  return work;
}

// LayerNormalization and its kind: mean, variance, product with the root's reciprocal, scale,
// shift.
absl::StatusOr<Work> NormalizationWork(const Graph& graph, const NodeView& node, Facts& facts) {
  Work work;
  DSPERSE_ASSIGN_OR_RETURN(const uint64_t n, Elements(graph, node, facts, node.output(0)));
  work.variable_products = Times(n, 2);
  work.constant_products = n;
  work.additions = Times(n, 4);
  work.rescales = Times(n, 3);
  work.committed = CommittedFrom(node, facts, 1);
  return work;
}

struct Row {
  absl::string_view op_type;
  WorkFn work;
};

constexpr Row kRows[] = {
    {"Abs", &ComparisonWork},
    {"Acos", &LookupWork},
    {"Acosh", &LookupWork},
    {"Add", &AdditionWork},
    {"Asin", &LookupWork},
    {"Asinh", &LookupWork},
    {"Atan", &LookupWork},
    {"Atanh", &LookupWork},
    {"AveragePool", &PoolWork},
    {"BatchNormalization", &BatchNormalizationWork},
    {"Clip", &ComparisonWork},
    {"Conv", &LinearWork},
    {"ConvTranspose", &LinearWork},
    {"Cos", &LookupWork},
    {"Cosh", &LookupWork},
    {"Div", &DivWork},
    {"Elu", &LookupWork},
    {"Equal", &ComparisonWork},
    {"Erf", &LookupWork},
    {"Exp", &LookupWork},
    {"Gelu", &LookupWork},
    {"Gemm", &LinearWork},
    {"GlobalAveragePool", &PoolWork},
    {"GlobalMaxPool", &PoolWork},
    {"Greater", &ComparisonWork},
    {"GreaterOrEqual", &ComparisonWork},
    {"GroupNormalization", &NormalizationWork},
    {"HardSigmoid", &ComparisonWork},
    {"HardSwish", &LookupWork},
    {"InstanceNormalization", &NormalizationWork},
    {"LayerNormalization", &NormalizationWork},
    {"LeakyRelu", &ComparisonWork},
    {"Less", &ComparisonWork},
    {"LessOrEqual", &ComparisonWork},
    {"Log", &LookupWork},
    {"LogSoftmax", &SoftmaxWork},
    {"MatMul", &LinearWork},
    {"Max", &ComparisonWork},
    {"MaxPool", &PoolWork},
    {"Min", &ComparisonWork},
    {"Mul", &MulWork},
    {"Neg", &AdditionWork},
    {"PRelu", &ComparisonWork},
    {"Pow", &LookupWork},
    {"Reciprocal", &LookupWork},
    {"ReduceMax", &ReduceWork},
    {"ReduceMean", &ReduceWork},
    {"ReduceMin", &ReduceWork},
    {"ReduceSum", &ReduceWork},
    {"Relu", &ComparisonWork},
    {"Selu", &LookupWork},
    {"Sigmoid", &LookupWork},
    {"Sin", &LookupWork},
    {"Sinh", &LookupWork},
    {"Softmax", &SoftmaxWork},
    {"Softplus", &LookupWork},
    {"Softsign", &LookupWork},
    {"Sqrt", &LookupWork},
    {"Sub", &AdditionWork},
    {"Sum", &AdditionWork},
    {"Tan", &LookupWork},
    {"Tanh", &LookupWork},
};

}  // namespace

WorkFn WorkFunctionFor(absl::string_view op_type, absl::string_view domain) {
  if (!domain.empty()) return nullptr;
  const auto found =
      std::lower_bound(std::begin(kRows), std::end(kRows), op_type,
                       [](const Row& row, absl::string_view name) { return row.op_type < name; });
  return found != std::end(kRows) && found->op_type == op_type ? found->work : nullptr;
}

}  // namespace dsperse
