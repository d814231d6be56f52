// The sheet that EZKL lays out, and the gadgets that fill it.
//
// EZKL writes every intermediate number into one long list that is later cut into columns: a gadget
// on n elements advances the coordinate by so many cells; a flush moves on to a multiple of the
// number of inner columns. Einsums with several free axes lie on a sheet of their own. Measured on
// EZKL 23.0.5; see docs/cost_models.md.
#ifndef DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_EZKL_SHEET_H_
#define DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_EZKL_SHEET_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/types/span.h"
#include "circuit_estimate/count.h"

namespace dsperse {

class EzklSheet {
 public:
  // `columns`: inner columns (W); `digits`: of a decomposed number (L).
  EzklSheet(uint64_t columns, uint64_t digits) : columns_(columns), digits_(digits) {}

  struct Position {
    Count cells;
    Count einsum_cells;
    Count shuffles;
    Count shuffle_cells;
  };
  const Position& position() const { return at_; }

  void Add(Count cells) { at_.cells += cells; }
  void Flush() { at_.cells = RoundUp(at_.cells, columns_); }
  // `body` n times, in O(columns) calls: what it adds depends on the coordinate modulo W only.
  void Repeat(Count n, const std::function<void()>& body);

  // ---- gadgets on n elements ----
  void Decompose(Count n, bool zero_test = false);
  void Equals(Count n) { Add(Count(5) * n); }
  void Not(Count n) { Add(Count(6) * n); }
  void And(Count n) { Add(Count(5) * n); }
  void Greater(Count n);
  void GreaterOrEqual(Count n);
  void Abs(Count n);
  void L1(Count n);
  // Division by a constant.
  void Rebase(Count n);
  void Relu(Count n);
  void Leaky(Count n);
  // Max or Min of two.
  void Larger(Count n);
  void Reciprocal(Count n);
  void Sqrt(Count n);
  // n dot products (or sums) of k terms, each followed by `extra` cells.
  void Dots(Count n, Count k, uint64_t extra = 0);
  void Sums(Count n, Count k);
  // The largest of k elements, n times.
  void MaxOf(Count n, Count k);

  // An axis of an einsum: its size and which operands and result hold it.
  struct Axis {
    int64_t size = 1;
    bool in_a = false;
    bool in_b = false;
    bool in_out = false;
  };
  // One einsum; the lists name axes in the order of each tensor. n: elements of the result.
  void Einsum(absl::Span<const Axis> axes, absl::Span<const int> a, absl::Span<const int> b,
              absl::Span<const int> out, Count n);

 private:
  void Optimum(Count n, const std::function<void()>& f);
  void EinsumColumns(absl::Span<const Axis> axes, std::vector<int> a, std::vector<int> b,
                     std::vector<int> out);
  void EinsumFlush() { at_.einsum_cells = RoundUp(at_.einsum_cells, columns_); }

  uint64_t columns_;
  uint64_t digits_;
  Position at_;
};

}  // namespace dsperse

#endif  // DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_EZKL_SHEET_H_
