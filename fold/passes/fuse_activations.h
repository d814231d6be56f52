// fuse_activations: operators that newer opsets have by name, found in their spelt-out form.
//
//   Mul(x, HardSigmoid<1/6, 0.5>(x))                 HardSwish(x)                   opset ≥ 14
//   0.5·x·(1 + Erf(x / √2))                          Gelu(x)                        opset ≥ 20
//   d = x − ReduceMean(x);                           LayerNormalization(x, w, b)    opset ≥ 17
//   d / Sqrt(ReduceMean(d²) + ε) · w + b
//
// Not in the default list: whether a prover is better off is its to say. Runs when named, and with a target
// that proves the result and finds it no dearer than the nodes it replaces (or can't prove those).
// Applies to the products of 0.5, x and the rest in any order; x/√2 as a Div or a Mul; d² as Pow(d, 2) or
// Mul(d, d); a division by the Sqrt or a product with its Reciprocal; means over the last axes; with or
// without b.
// Declines when (each with a remark on the last node of the form)
//   - a value in between has another reader, is an output or is captured by a body;
//   - HardSigmoid has other factors than HardSwish;
//   - Gelu, LayerNormalization: the type is not float (double too for a Gelu), a number isn't the nearest to 0.5,
//     1, 2 or √2, or could change the shape;
//   - LayerNormalization: the means aren't over the same last axes or drop them, or w or b hasn't exactly their
//     shape;
//   - with a target: it doesn't prove the result, finds it dearer, `--exact` is given, or shapes that decide about
//     the price are not known.
// The same real function; rounded elsewhere. O(nodes) without a target.
#ifndef DSPERSE_FOLD_PASSES_FUSE_ACTIVATIONS_H_
#define DSPERSE_FOLD_PASSES_FUSE_ACTIVATIONS_H_

#include "fold/pass.h"

namespace dsperse {

class FuseActivations final : public Pass {
 public:
  absl::string_view name() const override { return "fuse_activations"; }
  absl::string_view summary() const override {
    return "Makes HardSwish, Gelu and LayerNormalization of their spelt-out forms";
  }
  absl::StatusOr<bool> Run(Graph& graph, PassContext& context) const override;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_FUSE_ACTIVATIONS_H_
