#include "slicer/circuit_products.h"

#include <optional>

#include "fold/ops/op.h"
#include "fold/ops/random_check.h"

namespace dsperse {
namespace {

// What checks a product of matrices, if it is checked; else `computed`, which is what it takes.
uint64_t CheckedOr(uint64_t computed, const NodeView& node, Facts& facts) {
  const std::optional<Dims> out = facts.StaticShape(node.output(0));
  if (!out || out->size() < 2) return computed;
  double batches = 1;
  for (size_t i = 0; i + 2 < out->size(); ++i) batches *= static_cast<double>((*out)[i]);
  ProductSizes sizes{static_cast<double>((*out)[out->size() - 2]), 0, static_cast<double>(out->back())};
  const double elements = batches * sizes.l * sizes.n;
  if (!(elements >= 1)) return computed;
  sizes.m = static_cast<double>(computed) / elements;
  return IsChecked(sizes) ? static_cast<uint64_t>(batches * CheckedProducts(sizes)) : computed;
}

}  // namespace

uint64_t CircuitProducts(const Graph& graph, Facts& facts, const Target* target, absl::Span<const NodeId> nodes) {
  uint64_t sum = 0;
  for (NodeId id : nodes) {
    const NodeView node = graph.node(id);
    const OpDef* op = FindOp(node);
    if (op == nullptr || op->work == nullptr) continue;
    const absl::StatusOr<Work> work = op->work(graph, node, facts);
    if (!work.ok()) continue;
    uint64_t products = work->constant_products;
    const bool matrices = node.Is("Gemm") || node.Is("MatMul");
    if (matrices && target != nullptr && target->checks_products()) products = CheckedOr(products, node, facts);
    if (__builtin_add_overflow(sum, products, &sum)) return UINT64_MAX;
  }
  return sum;
}

}  // namespace dsperse
