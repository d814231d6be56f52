// Operators that sort along an axis: TopK, Unique.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/eval_util.h"
#include "fold/ops/families.h"

namespace dsperse {
namespace {

// A total order: NaN is larger than everything, as numpy sorts it.
template <typename T>
bool Less(T a, T b) {
  if constexpr (kIsFloat<T>) {
    const double x = static_cast<double>(a);
    const double y = static_cast<double>(b);
    if (std::isnan(y)) return !std::isnan(x);
    return x < y;
  } else {
    return a < b;
  }
}

absl::StatusOr<int64_t> ReadK(const NodeView& node, Inputs inputs) {
  if (const Tensor* k = InputAt(inputs, 1)) return IntOf(node, *k, "k");
  if (!node.HasAttr("k")) return InvalidNode(node, "k is missing");
  return node.Int("k", 0);
}

// The `sorted` attribute may be 0: any order is allowed then, this one among them.
absl::StatusOr<Outputs> EvaluateTopK(const EvalContext& context, const NodeView& node,
                                     Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Tensor& data = *inputs[0];
  DSPERSE_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(node, node.Int("axis", -1), data.rank()));
  DSPERSE_ASSIGN_OR_RETURN(const int64_t k, ReadK(node, inputs));
  const int64_t length = data.dims()[axis];
  if (k < 0 || k > length) {
    return InvalidNode(node, absl::StrCat("the first ", k, " of ", length, " elements"));
  }
  const bool largest = node.Int("largest", 1) != 0;
  Dims dims = data.dims();
  dims[axis] = k;
  const auto run = [&](auto tag) -> absl::StatusOr<Outputs> {
    using T = typename decltype(tag)::type;
    T* values = nullptr;
    int64_t* indices = nullptr;
    DSPERSE_ASSIGN_OR_RETURN(Tensor value_tensor, MakeOutput<T>(context, dims, &values));
    DSPERSE_ASSIGN_OR_RETURN(Tensor index_tensor, MakeOutput<int64_t>(context, dims, &indices));
    if (value_tensor.num_elements() > 0) {
      const T* in = data.data<T>().data();
      const int64_t outer = ProductOf(dims, 0, axis);
      const int64_t inner = ProductOf(dims, axis + 1, data.rank());
      std::vector<int64_t> order(static_cast<size_t>(length));
      for (int64_t o = 0; o < outer; ++o) {
        for (int64_t i = 0; i < inner; ++i) {
          const T* row = in + o * length * inner + i;
          std::iota(order.begin(), order.end(), 0);
          // Equal elements: the lower index first.
          std::partial_sort(order.begin(), order.begin() + k, order.end(),
                            [&](int64_t a, int64_t b) {
                              const T x = row[a * inner];
                              const T y = row[b * inner];
                              if (Less(x, y)) return !largest;
                              if (Less(y, x)) return largest;
                              return a < b;
                            });
          for (int64_t j = 0; j < k; ++j) {
            const int64_t at = (o * k + j) * inner + i;
            values[at] = row[order[j] * inner];
            indices[at] = order[j];
          }
        }
      }
    }
    Outputs outputs;
    outputs.push_back(std::move(value_tensor));
    outputs.push_back(std::move(index_tensor));
    outputs.resize(static_cast<size_t>(node.num_outputs()));
    return outputs;
  };
  return DispatchNumbers(data.dtype(), run, [&]() -> absl::StatusOr<Outputs> {
    return UnsupportedType(node, data.dtype());
  });
}

// The data of Unique as rows to be compared: `count` of them along the axis, element e of row r at
// (e / inner · count + r) · inner + e % inner.
struct Rows {
  int64_t count = 0;
  int64_t size = 0;   // elements of a row
  int64_t inner = 1;
  int64_t At(int64_t row, int64_t element) const {
    return (element / inner * count + row) * inner + element % inner;
  }
};

absl::StatusOr<Outputs> EvaluateUnique(const EvalContext& context, const NodeView& node,
                                       Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Tensor& data = *inputs[0];
  const bool sorted = node.Int("sorted", 1) != 0;
  const bool flat = !node.HasAttr("axis");
  int axis = 0;
  Rows rows{data.num_elements(), 1, 1};
  if (!flat) {
    DSPERSE_ASSIGN_OR_RETURN(axis, NormalizeAxis(node, node.Int("axis", 0), data.rank()));
    if (data.num_elements() == 0) return Unsupported(node, data.dtype(), "an empty tensor");
    rows.count = data.dims()[axis];
    rows.size = data.num_elements() / rows.count;
    rows.inner = ProductOf(data.dims(), axis + 1, data.rank());
  }
  const auto run = [&](auto tag) -> absl::StatusOr<Outputs> {
    using T = typename decltype(tag)::type;
    const T* in = data.data<T>().data();
    const auto compare = [&](int64_t a, int64_t b) {
      for (int64_t e = 0; e < rows.size; ++e) {
        const T x = in[rows.At(a, e)];
        const T y = in[rows.At(b, e)];
        if (Less(x, y)) return -1;
        if (Less(y, x)) return 1;
      }
      return 0;
    };
    std::vector<int64_t> order(static_cast<size_t>(rows.count));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return compare(a, b) < 0; });
    // Groups of equal rows, by value; each starts with its first occurrence.
    struct Group {
      int64_t first;
      int64_t begin;
      int64_t end;
    };
    std::vector<Group> groups;
    for (int64_t i = 0; i < rows.count; ++i) {
      if (i == 0 || compare(order[i - 1], order[i]) != 0) groups.push_back({order[i], i, i});
      groups.back().end = i + 1;
    }
    if (!sorted) {
      std::sort(groups.begin(), groups.end(),
                [](const Group& a, const Group& b) { return a.first < b.first; });
    }
    const int64_t kept = static_cast<int64_t>(groups.size());
    Dims dims = flat ? Dims{kept} : data.dims();
    if (!flat) dims[axis] = kept;
    T* values = nullptr;
    DSPERSE_ASSIGN_OR_RETURN(Tensor unique, MakeOutput<T>(context, dims, &values));
    const Rows out{kept, rows.size, rows.inner};
    std::vector<int64_t> first, inverse(static_cast<size_t>(rows.count)), counts;
    for (int64_t g = 0; g < kept; ++g) {
      for (int64_t e = 0; e < rows.size; ++e) values[out.At(g, e)] = in[rows.At(groups[g].first, e)];
      for (int64_t i = groups[g].begin; i < groups[g].end; ++i) inverse[order[i]] = g;
      first.push_back(groups[g].first);
      counts.push_back(groups[g].end - groups[g].begin);
    }
    Outputs outputs;
    outputs.push_back(std::move(unique));
    for (const std::vector<int64_t>* list : {&first, &inverse, &counts}) {
      outputs.push_back(Tensor::Of<int64_t>({static_cast<int64_t>(list->size())}, *list));
    }
    outputs.resize(static_cast<size_t>(node.num_outputs()));
    return outputs;
  };
  return DispatchDType(data.dtype(), run, [&]() -> absl::StatusOr<Outputs> {
    return UnsupportedType(node, data.dtype());
  });
}

}  // namespace

void AppendTopKOps(std::vector<OpDef>* rows) {
  const auto add = [rows](absl::string_view op_type, EvaluateFn evaluate) {
    AddRow(rows, op_type, 1, evaluate).keeps_bits = true;
  };
  add("TopK", &EvaluateTopK);
  add("Unique", &EvaluateUnique);
}

}  // namespace dsperse
