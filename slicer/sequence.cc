#include "slicer/sequence.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "slicer/reads.h"

namespace dsperse {
absl::StatusOr<Sequence> Sequence::Make(const Graph& graph, Facts& facts,
                                        std::vector<NodeId> order) {
  Sequence s;
  s.order_ = std::move(order);
  const size_t values = static_cast<size_t>(graph.ValueLimit());
  s.made_at_.assign(values, -1);
  s.last_read_at_.assign(values, -1);
  s.elements_.assign(values, 0);
  s.reads_.resize(s.order_.size());
  s.writes_.resize(s.order_.size());
  int64_t all = 0;  // elements: what a plan adds up is of different values, so its sums fit too
  auto measure = [&](ValueId v) -> absl::Status {
    const Shape& shape = facts.ShapeOf(v);
    if (!shape.is_static()) {
      return absl::UnimplementedError(absl::StrCat("the shape of '", graph.Name(v), "' is not known in full (",
                                                   shape.ToString(), "): fix it with --input-shape or --dim"));
    }
    const std::optional<int64_t> count = shape.NumElements();
    // An input is measured by each of its readers.
    const int64_t before = std::exchange(s.elements_[static_cast<size_t>(v.index)], count.value_or(0));
    if (!count || __builtin_add_overflow(all, *count - before, &all)) {
      return absl::ResourceExhaustedError(absl::StrCat("the values up to '", graph.Name(v), "' of shape ",
                                                       shape.ToString(),
                                                       " have more than 2^63 - 1 elements together"));
    }
    return absl::OkStatus();
  };
  for (size_t p = 0; p < s.order_.size(); ++p) {
    for (ValueId v : ReadsOf(graph, s.order_[p])) {
      if (graph.IsInitializer(v)) continue;
      s.reads_[p].push_back(v);
      s.last_read_at_[static_cast<size_t>(v.index)] = static_cast<int32_t>(p);
      if (graph.IsInput(v)) DSPERSE_RETURN_IF_ERROR(measure(v));
    }
    for (ValueId v : graph.node(s.order_[p]).outputs()) {
      if (!v.valid()) continue;
      s.made_at_[static_cast<size_t>(v.index)] = static_cast<int32_t>(p);
      if (graph.Uses(v).empty()) continue;
      DSPERSE_RETURN_IF_ERROR(measure(v));
      s.writes_[p].push_back(v);
    }
  }
  for (ValueId v : graph.Outputs(graph.main())) {
    s.last_read_at_[static_cast<size_t>(v.index)] = s.size();
  }
  return s;
}

std::vector<ValueId> Sequence::LiveIn(int begin, int end) const {
  std::vector<ValueId> out;
  absl::flat_hash_set<ValueId> seen;
  for (int p = begin; p < end; ++p) {
    for (ValueId v : Reads(p)) {
      if (MadeAt(v) < begin && seen.insert(v).second) out.push_back(v);
    }
  }
  return out;
}

std::vector<ValueId> Sequence::LiveOut(int begin, int end) const {
  std::vector<ValueId> out;
  for (int p = begin; p < end; ++p) {
    for (ValueId v : Writes(p)) {
      if (LastReadAt(v) >= end) out.push_back(v);
    }
  }
  return out;
}

BoundaryCounter::BoundaryCounter(const Sequence* sequence) : sequence_(sequence) {}

void BoundaryCounter::Begin(int position) {
  begin_ = end_ = position;
  in_ = out_ = 0;
}

void BoundaryCounter::Extend() {
  const int p = end_++;
  for (ValueId v : sequence_->Reads(p)) {
    if (sequence_->MadeAt(v) >= begin_) {
      if (sequence_->LastReadAt(v) == p) out_ -= sequence_->Elements(v);
      continue;
    }
    const size_t i = static_cast<size_t>(v.index);
    if (seen_.size() <= i) seen_.resize(i + 1, -1);
    if (seen_[i] == begin_) continue;
    seen_[i] = begin_;
    in_ += sequence_->Elements(v);
  }
  for (ValueId v : sequence_->Writes(p)) {
    if (sequence_->LastReadAt(v) > p) out_ += sequence_->Elements(v);
  }
}

}  // namespace dsperse
