// RNN, GRU and LSTM as arithmetic on doubles; recurrent_ops.cc reads the nodes.
//
// Formulas: ONNX's operator specifications. States stay double from step to step; outputs are rounded by
// the caller.
#ifndef DSPERSE_FOLD_OPS_RECURRENT_H_
#define DSPERSE_FOLD_OPS_RECURRENT_H_

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"

namespace dsperse {

// One of ONNX's activation functions of recurrent operators.
struct Activation {
  enum class Kind {
    kRelu,
    kTanh,
    kSigmoid,
    kSoftsign,
    kSoftplus,
    kAffine,
    kLeakyRelu,
    kThresholdedRelu,
    kScaledTanh,
    kHardSigmoid,
    kElu,
  };
  Kind kind = Kind::kTanh;
  double alpha = 0;
  double beta = 0;

  // By ONNX's name (in any case) with its default parameters; false for an unknown name.
  static bool Parse(absl::string_view name, Activation* out);
  bool TakesAlpha() const;
  bool TakesBeta() const;
  // `exact`: exp and its relatives through MPFR, else the C library's.
  double operator()(double x, bool exact) const;
};

enum class Cell { kRnn, kGru, kLstm };

// Everything about one direction of one node. Matrices are row-major: w [gates · hidden, input],
// r [gates · hidden, hidden], bias [2 · gates · hidden] (of w, then of r), peephole [3 · hidden] (i, o, f);
// the last two may be null.
struct RecurrentSpec {
  Cell cell = Cell::kRnn;
  int64_t steps = 0;
  int64_t batch = 0;
  int64_t input = 0;
  int64_t hidden = 0;
  bool reverse = false;
  bool linear_before_reset = false;  // GRU
  double clip = 0;                   // 0: none
  bool exact = true;
  int threads = 1;
  const double* w = nullptr;
  const double* r = nullptr;
  const double* bias = nullptr;
  const double* peephole = nullptr;
  std::vector<Activation> activations;  // f; f, g; f, g, h
  std::vector<int64_t> lengths;         // of each sequence, in [0, steps]

  int64_t gates() const { return cell == Cell::kRnn ? 1 : cell == Cell::kGru ? 3 : 4; }
};

// Runs over x [steps, batch, input]. `h` and `c` (LSTM) are [batch, hidden]: initial states in, last states
// out. `y` [steps, batch, hidden] has zeros beyond a sequence's length.
void RunRecurrent(const RecurrentSpec& spec, const double* x, std::vector<double>* h,
                  std::vector<double>* c, std::vector<double>* y);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_RECURRENT_H_
