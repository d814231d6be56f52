#include "fold/ops/recurrent.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"
#include "fold/ops/exact_math.h"
#include "fold/ops/gemm.h"

namespace dsperse {
namespace {

double Math(MathFn fn, double x, bool exact) {
  return exact ? ExactCall<double>(fn, x) : FastCall(fn, x);
}

struct Named {
  const char* name;
  Activation activation;
};

// Defaults: those of the operators of the same name.
constexpr Named kActivations[] = {
    {"Relu", {Activation::Kind::kRelu, 0, 0}},
    {"Tanh", {Activation::Kind::kTanh, 0, 0}},
    {"Sigmoid", {Activation::Kind::kSigmoid, 0, 0}},
    {"Softsign", {Activation::Kind::kSoftsign, 0, 0}},
    {"Softplus", {Activation::Kind::kSoftplus, 0, 0}},
    {"Affine", {Activation::Kind::kAffine, 1, 0}},
    {"LeakyRelu", {Activation::Kind::kLeakyRelu, static_cast<double>(0.01f), 0}},
    {"ThresholdedRelu", {Activation::Kind::kThresholdedRelu, 1, 0}},
    {"ScaledTanh", {Activation::Kind::kScaledTanh, 1, 1}},
    {"HardSigmoid", {Activation::Kind::kHardSigmoid, static_cast<double>(0.2f), 0.5}},
    {"Elu", {Activation::Kind::kElu, 1, 0}},
};

// One direction while it runs: the state of one sequence of the batch is advanced by one step.
class Runner {
 public:
  Runner(const RecurrentSpec& spec, const double* x) : spec_(spec) {
    const int64_t rows = spec.gates() * spec.hidden;
    from_input_.resize(static_cast<size_t>(spec.steps * spec.batch * rows));
    ProductShape shape;
    shape.m = spec.steps * spec.batch;
    shape.k = spec.input;
    shape.n = rows;
    shape.b_transposed = true;
    BlockedProduct<double>(spec.threads, shape, x, spec.w, [&](int64_t row, int64_t gate, double sum) {
      from_input_[row * rows + gate] = sum;
    });
  }

  void Step(int64_t t, int64_t b, double* h, double* c) {
    gate_input_ = from_input_.data() + (t * spec_.batch + b) * spec_.gates() * spec_.hidden;
    switch (spec_.cell) {
      case Cell::kRnn: StepRnn(h); break;
      case Cell::kGru: StepGru(h); break;
      case Cell::kLstm: StepLstm(h, c); break;
    }
  }

 private:
  // Row j of gate g of R times `state`.
  double FromState(int64_t gate, int64_t j, const double* state) const {
    const double* row = spec_.r + (gate * spec_.hidden + j) * spec_.hidden;
    double sum = 0;
    for (int64_t i = 0; i < spec_.hidden; ++i) sum += row[i] * state[i];
    return sum;
  }
  double Input(int64_t gate, int64_t j) const { return gate_input_[gate * spec_.hidden + j]; }
  double InputBias(int64_t gate, int64_t j) const {
    return spec_.bias == nullptr ? 0 : spec_.bias[gate * spec_.hidden + j];
  }
  double StateBias(int64_t gate, int64_t j) const {
    return spec_.bias == nullptr ? 0 : spec_.bias[(spec_.gates() + gate) * spec_.hidden + j];
  }
  double Peephole(int64_t which, int64_t j, double state) const {
    return spec_.peephole == nullptr ? 0 : spec_.peephole[which * spec_.hidden + j] * state;
  }
  double Activate(size_t which, double x) const {
    if (spec_.clip > 0) x = std::clamp(x, -spec_.clip, spec_.clip);
    return spec_.activations[which](x, spec_.exact);
  }
  double Sum(int64_t gate, int64_t j, const double* state) const {
    return Input(gate, j) + FromState(gate, j, state) + InputBias(gate, j) + StateBias(gate, j);
  }

  void StepRnn(double* h) {
    next_.resize(static_cast<size_t>(spec_.hidden));
    for (int64_t j = 0; j < spec_.hidden; ++j) next_[j] = Activate(0, Sum(0, j, h));
    std::copy(next_.begin(), next_.end(), h);
  }

  void StepGru(double* h) {
    const int64_t n = spec_.hidden;
    next_.resize(static_cast<size_t>(n));
    update_.resize(static_cast<size_t>(n));
    reset_.resize(static_cast<size_t>(n));
    for (int64_t j = 0; j < n; ++j) {
      update_[j] = Activate(0, Sum(0, j, h));
      reset_[j] = Activate(0, Sum(1, j, h));
    }
    if (!spec_.linear_before_reset) {
      gated_.resize(static_cast<size_t>(n));
      for (int64_t j = 0; j < n; ++j) gated_[j] = reset_[j] * h[j];
    }
    for (int64_t j = 0; j < n; ++j) {
      const double hidden =
          spec_.linear_before_reset
              ? Input(2, j) + reset_[j] * (FromState(2, j, h) + StateBias(2, j)) + InputBias(2, j)
              : Sum(2, j, gated_.data());
      next_[j] = (1 - update_[j]) * Activate(1, hidden) + update_[j] * h[j];
    }
    std::copy(next_.begin(), next_.end(), h);
  }

  // Gates in ONNX's order: input, output, forget, cell.
  void StepLstm(double* h, double* c) {
    const int64_t n = spec_.hidden;
    next_.resize(static_cast<size_t>(n));
    for (int64_t j = 0; j < n; ++j) {
      const double input = Activate(0, Sum(0, j, h) + Peephole(0, j, c[j]));
      const double forget = Activate(0, Sum(2, j, h) + Peephole(2, j, c[j]));
      const double cell = Activate(1, Sum(3, j, h));
      c[j] = forget * c[j] + input * cell;
      const double output = Activate(0, Sum(1, j, h) + Peephole(1, j, c[j]));
      next_[j] = output * spec_.activations[2](c[j], spec_.exact);
    }
    std::copy(next_.begin(), next_.end(), h);
  }

  const RecurrentSpec& spec_;
  std::vector<double> from_input_;  // [steps, batch, gates · hidden]
  const double* gate_input_ = nullptr;
  std::vector<double> next_, update_, reset_, gated_;
};

}  // namespace

bool Activation::Parse(absl::string_view name, Activation* out) {
  for (const Named& entry : kActivations) {
    if (!absl::EqualsIgnoreCase(name, entry.name)) continue;
    *out = entry.activation;
    return true;
  }
  return false;
}

bool Activation::TakesAlpha() const {
  return kind != Kind::kRelu && kind != Kind::kTanh && kind != Kind::kSigmoid &&
         kind != Kind::kSoftsign && kind != Kind::kSoftplus;
}

bool Activation::TakesBeta() const {
  return kind == Kind::kAffine || kind == Kind::kScaledTanh || kind == Kind::kHardSigmoid;
}

double Activation::operator()(double x, bool exact) const {
  switch (kind) {
    case Kind::kRelu: return x > 0 ? x : 0;
    case Kind::kTanh: return Math(MathFn::kTanh, x, exact);
    case Kind::kSigmoid: return 1 / (1 + Math(MathFn::kExp, -x, exact));
    case Kind::kSoftsign: return x / (1 + std::abs(x));
    case Kind::kSoftplus:
      // log(1 + e^x) without overflow.
      return std::max(x, 0.0) + Math(MathFn::kLog1p, Math(MathFn::kExp, -std::abs(x), exact), exact);
    case Kind::kAffine: return alpha * x + beta;
    case Kind::kLeakyRelu: return x >= 0 ? x : alpha * x;
    case Kind::kThresholdedRelu: return x > alpha ? x : 0;
    case Kind::kScaledTanh: return alpha * Math(MathFn::kTanh, beta * x, exact);
    case Kind::kHardSigmoid: return std::clamp(alpha * x + beta, 0.0, 1.0);
    case Kind::kElu: return x >= 0 ? x : alpha * Math(MathFn::kExpm1, x, exact);
  }
  return x;
}

void RunRecurrent(const RecurrentSpec& spec, const double* x, std::vector<double>* h,
                  std::vector<double>* c, std::vector<double>* y) {
  Runner runner(spec, x);
  y->assign(static_cast<size_t>(spec.steps * spec.batch * spec.hidden), 0.0);
  for (int64_t b = 0; b < spec.batch; ++b) {
    double* state = h->data() + b * spec.hidden;
    double* cell = spec.cell == Cell::kLstm ? c->data() + b * spec.hidden : nullptr;
    const int64_t length = spec.lengths[b];
    for (int64_t s = 0; s < length; ++s) {
      const int64_t t = spec.reverse ? length - 1 - s : s;
      runner.Step(t, b, state, cell);
      std::copy(state, state + spec.hidden, y->data() + (t * spec.batch + b) * spec.hidden);
    }
  }
}

}  // namespace dsperse
