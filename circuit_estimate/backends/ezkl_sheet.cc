#include "circuit_estimate/backends/ezkl_sheet.h"

#include <algorithm>

namespace dsperse {
namespace {

EzklSheet::Position Difference(const EzklSheet::Position& a, const EzklSheet::Position& b) {
  return {a.cells - b.cells, a.einsum_cells - b.einsum_cells, a.shuffles - b.shuffles,
          a.shuffle_cells - b.shuffle_cells};
}

}  // namespace

void EzklSheet::Repeat(Count n, const std::function<void()>& body) {
  if (n.overflow()) {
    at_.cells += n;
    return;
  }
  // The coordinate modulo W is all that the body can see, so the run is periodic from the second
  // time that a residue comes up.
  struct Visit {
    uint64_t done = 0;
    bool seen = false;
    Position at;
  };
  std::vector<Visit> visits(columns_);
  bool jumped = false;
  for (uint64_t done = 0; done < n.value(); ++done) {
    Visit& visit = visits[at_.cells.value() % columns_];
    if (visit.seen && !jumped) {
      jumped = true;
      const uint64_t period = done - visit.done;
      const uint64_t rounds = (n.value() - done) / period;
      const Position step = Difference(at_, visit.at);
      at_.cells += step.cells * Count(rounds);
      at_.einsum_cells += step.einsum_cells * Count(rounds);
      at_.shuffles += step.shuffles * Count(rounds);
      at_.shuffle_cells += step.shuffle_cells * Count(rounds);
      done += rounds * period;
      if (done >= n.value()) return;
    }
    visit = {done, true, at_};
    body();
  }
}

void EzklSheet::Decompose(Count n, bool zero_test) {
  Add(Count(digits_ + 1) * n);
  Add(n);
  if (zero_test) Add(Count(6) * n);
  Add(Count(digits_) * n);
  Flush();
  Add(n * RoundUp(Count(digits_), columns_));
  Add(Count(2) * n);
}

void EzklSheet::Greater(Count n) {
  Add(n);
  Decompose(n, true);
  Equals(n);
}

void EzklSheet::GreaterOrEqual(Count n) {
  Add(n);
  Greater(n);
}

void EzklSheet::Abs(Count n) {
  Decompose(n);
  Add(n);
}

void EzklSheet::L1(Count n) {
  Add(n);
  Abs(n);
}

void EzklSheet::Rebase(Count n) {
  Decompose(n);
  Add(n);
  L1(n);
  Greater(n);
  Add(n);
}

void EzklSheet::Relu(Count n) {
  Decompose(n);
  Equals(n);
  Add(n);
}

void EzklSheet::Leaky(Count n) {
  Relu(n);
  Add(n);
  Not(n);
  Add(Count(3) * n);
}

void EzklSheet::Larger(Count n) {
  Greater(n);
  Not(n);
  Add(Count(3) * n);
}

void EzklSheet::Optimum(Count n, const std::function<void()>& f) {
  f();
  Add(n);
  f();
  Add(n);
  f();
  GreaterOrEqual(n);
  Greater(n);
  And(n);
}

void EzklSheet::Reciprocal(Count n) {
  Decompose(n);
  Add(Count(4) * n);  // equal to zero?
  Not(n);
  Equals(n);
  Add(Count(2) * n);
  Optimum(n, [&] {
    Add(n);
    L1(n);
  });
  Add(Count(2) * n);
}

void EzklSheet::Sqrt(Count n) {
  Abs(n);
  Add(n);
  Optimum(n, [&] {
    Add(n);
    L1(n);
  });
  Add(n);
}

void EzklSheet::Dots(Count n, Count k, uint64_t extra) {
  Repeat(n, [&] {
    Flush();
    Add(RoundUp(k, columns_));
    Add(Count(extra));
  });
}

void EzklSheet::Sums(Count n, Count k) {
  if (Count(1) < k) Dots(n, k);
}

void EzklSheet::MaxOf(Count n, Count k) {
  Repeat(n, [&] {
    Add(Count(2) * k);
    if (Count(1) < k) {
      const Count rest = k - Count(1);
      Add(rest);
      Greater(rest);
      Add(rest);
    }
    at_.shuffles += Count(1);
    at_.shuffle_cells += k;
  });
}

void EzklSheet::Einsum(absl::Span<const Axis> axes, absl::Span<const int> a,
                       absl::Span<const int> b, absl::Span<const int> out, Count n) {
  int free = 0;
  bool common = false;
  bool result = false;
  Count terms(1);
  for (const Axis& axis : axes) {
    if (axis.in_a && axis.in_b && !axis.in_out) terms *= Count(axis.size);
    if (axis.size <= 1) continue;
    free += axis.in_a != axis.in_b ? 1 : 0;
    common = common || (axis.in_a && axis.in_b);
    result = result || axis.in_out;
  }
  if (free <= 1 || !common || !result) {
    Flush();
    Dots(n, terms);
    return;
  }
  const auto large = [&](absl::Span<const int> list) {
    std::vector<int> kept;
    for (int i : list) {
      if (axes[static_cast<size_t>(i)].size > 1) kept.push_back(i);
    }
    return kept;
  };
  EinsumColumns(axes, large(a), large(b), large(out));
}

void EzklSheet::EinsumColumns(absl::Span<const Axis> axes, std::vector<int> a, std::vector<int> b,
                              std::vector<int> out) {
  const auto size = [&](int i) { return Count(axes[static_cast<size_t>(i)].size); };
  const auto product = [&](absl::Span<const int> list) {
    Count all(1);
    for (int i : list) all *= size(i);
    return all;
  };
  const auto contract = [&](Count others, int axis) {
    EinsumFlush();
    at_.einsum_cells += others * RoundUp(size(axis), columns_);
  };
  const auto remove = [](std::vector<int>* list, int axis) {
    const auto found = std::find(list->begin(), list->end(), axis);
    if (found == list->end()) return false;
    list->erase(found);
    return true;
  };
  // The result is contracted with random numbers, last axis first …
  for (size_t i = out.size(); i-- > 0;) {
    contract(product(absl::MakeConstSpan(out).subspan(0, i)), out[i]);
  }
  at_.einsum_cells += Count(1);
  // … then the operands, axis by axis of the result …
  for (int axis : out) {
    const bool in_a = std::find(a.begin(), a.end(), axis) != a.end();
    const bool in_b = std::find(b.begin(), b.end(), axis) != b.end();
    if (in_a && in_b) {  // both are multiplied, and are one from here on
      for (int i : b) {
        if (std::find(a.begin(), a.end(), i) == a.end()) a.push_back(i);
      }
      b.clear();
      EinsumFlush();
      at_.einsum_cells += product(a);
      remove(&a, axis);
      contract(product(a), axis);
      continue;
    }
    std::vector<int>* holder = in_a ? &a : &b;
    remove(holder, axis);
    contract(product(*holder), axis);
  }
  // … and what is left is summed.
  for (int i : b) {
    if (std::find(a.begin(), a.end(), i) == a.end()) a.push_back(i);
  }
  while (!a.empty()) {
    const int axis = a.front();
    a.erase(a.begin());
    contract(product(a), axis);
  }
  EinsumFlush();
  at_.einsum_cells += Count(columns_);
}

}  // namespace dsperse
