#include "fold/ops/partial_values.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dsperse {
namespace {

// One integer: known, the size of a named dimension, or unknown.
struct Element {
  std::optional<int64_t> number;
  std::string name;

  bool named() const { return !name.empty(); }
  static Element Known(int64_t number) { return {number, ""}; }
  friend bool operator==(const Element& a, const Element& b) {
    return a.number == b.number && a.name == b.name;
  }
};
using Elements = std::vector<Element>;

Element FromDim(const Dim& dim) {
  if (dim.known()) return Element::Known(dim.size());
  return {std::nullopt, dim.name()};
}

bool Countable(DType type) { return IsInteger(type) || type == DType::kBool; }

// The elements of a fact, all unknown where only their number is told; nothing for what is no short
// list of integers.
std::optional<Elements> ElementsOf(const Fact* fact) {
  if (fact == nullptr || !Countable(fact->dtype)) return std::nullopt;
  if (!fact->shape.has_rank() || fact->shape.rank() > 1) return std::nullopt;
  const std::optional<int64_t> count = fact->shape.NumElements();
  if (!count || *count > kMaxElements) return std::nullopt;
  Elements elements(static_cast<size_t>(*count));
  if (fact->value) {
    if (fact->value->dtype() == DType::kUint64) return std::nullopt;
    const absl::StatusOr<std::vector<int64_t>> ints = ToInts(*fact->value);
    if (!ints.ok()) return std::nullopt;
    for (size_t i = 0; i < elements.size(); ++i) elements[i].number = (*ints)[i];
  } else if (fact->elements && fact->elements->size() == elements.size()) {
    for (size_t i = 0; i < elements.size(); ++i) elements[i] = FromDim((*fact->elements)[i]);
  }
  return elements;
}

template <typename T>
Tensor TypedTensor(Dims dims, const Elements& elements) {
  std::vector<T> values;
  if constexpr (std::is_same_v<T, bool>) {
    std::string bytes;
    for (const Element& element : elements) bytes.push_back(*element.number != 0 ? 1 : 0);
    return *Tensor::FromBytes(DType::kBool, std::move(dims), std::move(bytes));
  } else {
    for (const Element& element : elements) values.push_back(static_cast<T>(*element.number));
    return Tensor::Of<T>(std::move(dims), absl::MakeConstSpan(values));
  }
}

bool FitsType(DType type, int64_t number) {
  const int bits = BitWidth(type);
  if (type == DType::kBool) return number == 0 || number == 1;
  if (bits >= 64) return IsSigned(type) || number >= 0;
  if (IsSigned(type)) return number >= -(int64_t{1} << (bits - 1)) && number < (int64_t{1} << (bits - 1));
  return number >= 0 && number < (int64_t{1} << bits);
}

// Stores what came out for an output of `rank` 0 or 1.
void Store(Fact* output, int rank, const Elements& elements) {
  if (output->value || !Countable(output->dtype)) return;
  if (elements.size() > static_cast<size_t>(kMaxElements)) return;
  if (output->shape.has_rank()) {
    if (output->shape.rank() != rank) return;
    if (rank == 1 && output->shape.dim(0).known() &&
        output->shape.dim(0).size() != static_cast<int64_t>(elements.size())) {
      return;
    }
  }
  Dims dims;
  if (rank == 1) dims.push_back(static_cast<int64_t>(elements.size()));
  output->shape = Shape::Of(dims);
  bool all = true;
  bool any = false;
  std::vector<Dim> known;
  for (const Element& element : elements) {
    if (element.number && !FitsType(output->dtype, *element.number)) return;
    all = all && element.number.has_value();
    any = any || element.number || element.named();
    if (element.number && *element.number >= 0) {
      known.push_back(Dim(*element.number));
    } else {
      known.push_back(element.named() ? Dim(element.name) : Dim());
    }
  }
  if (all) {
    switch (output->dtype) {
      case DType::kInt64: output->value = TypedTensor<int64_t>(dims, elements); break;
      case DType::kInt32: output->value = TypedTensor<int32_t>(dims, elements); break;
      case DType::kBool: output->value = TypedTensor<bool>(dims, elements); break;
      default: return;  // left to the evaluator
    }
    output->elements.reset();
  } else if (any) {
    output->elements = std::move(known);
  }
}

int RankOf(const Fact* fact) { return fact->shape.rank(); }

std::optional<std::vector<int64_t>> ConstantInts(absl::Span<const Fact* const> inputs, size_t i) {
  if (i >= inputs.size() || inputs[i] == nullptr || !inputs[i]->value) return std::nullopt;
  if (inputs[i]->value->num_elements() > kMaxElements) return std::nullopt;
  absl::StatusOr<std::vector<int64_t>> ints = ToInts(*inputs[i]->value);
  if (!ints.ok()) return std::nullopt;
  return *std::move(ints);
}

void PropagateShape(const NodeView& node, const Fact& input, Fact* output) {
  if (!input.shape.has_rank()) return;
  const int64_t rank = input.shape.rank();
  const auto clamp = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); };
  const int64_t start = clamp(node.Int("start", 0));
  const int64_t end = clamp(node.Int("end", rank));
  Elements elements;
  for (int64_t i = start; i < end; ++i) {
    elements.push_back(FromDim(input.shape.dim(static_cast<int>(i))));
  }
  Store(output, 1, elements);
}

void PropagateSize(const Fact& input, Fact* output) {
  if (!input.shape.has_rank()) return;
  if (const std::optional<int64_t> count = input.shape.NumElements()) {
    Store(output, 0, {Element::Known(*count)});
    return;
  }
  // One named dimension among ones.
  Element size = Element::Known(1);
  for (const Dim& dim : input.shape.dims()) {
    if (dim.known() && dim.size() == 1) continue;
    if (size.named() || dim.name().empty()) return;
    size = FromDim(dim);
  }
  Store(output, 0, {size});
}

void PropagateGather(const NodeView& node, absl::Span<const Fact* const> inputs, Fact* output) {
  const std::optional<Elements> data = ElementsOf(inputs[0]);
  const std::optional<std::vector<int64_t>> indices = ConstantInts(inputs, 1);
  const int64_t axis = node.Int("axis", 0);
  if (!data || !indices || RankOf(inputs[0]) != 1 || (axis != 0 && axis != -1)) return;
  if (inputs[1]->value->rank() > 1) return;
  Elements picked;
  for (int64_t index : *indices) {
    const int64_t size = static_cast<int64_t>(data->size());
    if (index < -size || index >= size) return;
    picked.push_back((*data)[static_cast<size_t>(index < 0 ? index + size : index)]);
  }
  Store(output, inputs[1]->value->rank(), picked);
}

void PropagateSlice(const NodeView& node, absl::Span<const Fact* const> inputs, Fact* output) {
  const std::optional<Elements> data = ElementsOf(inputs[0]);
  if (!data || RankOf(inputs[0]) != 1) return;
  std::optional<std::vector<int64_t>> starts;
  std::optional<std::vector<int64_t>> ends;
  int64_t step = 1;
  if (node.opset() < 10) {
    starts = node.Ints("starts");
    ends = node.Ints("ends");
  } else {
    starts = ConstantInts(inputs, 1);
    ends = ConstantInts(inputs, 2);
    if (inputs.size() > 4 && inputs[4] != nullptr) {
      const std::optional<std::vector<int64_t>> steps = ConstantInts(inputs, 4);
      if (!steps || steps->size() != 1) return;
      step = (*steps)[0];
    }
  }
  if (!starts || !ends || starts->size() != 1 || ends->size() != 1 || step == 0) return;
  const int64_t size = static_cast<int64_t>(data->size());
  if (step < -size - 1 || step > size + 1) step = step < 0 ? -size - 1 : size + 1;
  const auto from_end = [&](int64_t at) { return at < 0 ? std::max(at, -2 * size - 2) + size : at; };
  int64_t begin = from_end((*starts)[0]);
  int64_t end = from_end((*ends)[0]);
  begin = step > 0 ? std::clamp<int64_t>(begin, 0, size) : std::clamp<int64_t>(begin, 0, size - 1);
  end = step > 0 ? std::clamp<int64_t>(end, 0, size) : std::clamp<int64_t>(end, -1, size - 1);
  Elements picked;
  if (size > 0) {
    for (int64_t i = begin; step > 0 ? i < end : i > end; i += step) {
      picked.push_back((*data)[static_cast<size_t>(i)]);
    }
  }
  Store(output, 1, picked);
}

void PropagateConcat(absl::Span<const Fact* const> inputs, Fact* output) {
  Elements joined;
  for (const Fact* input : inputs) {
    const std::optional<Elements> part = ElementsOf(input);
    if (!part || RankOf(input) != 1) return;
    joined.insert(joined.end(), part->begin(), part->end());
  }
  Store(output, 1, joined);
}

void PropagateSplit(absl::Span<const Fact* const> inputs, absl::Span<Fact> outputs) {
  const std::optional<Elements> data = ElementsOf(inputs[0]);
  if (!data || RankOf(inputs[0]) != 1) return;
  size_t begin = 0;
  for (Fact& output : outputs) {
    const std::optional<int64_t> length = output.shape.NumElements();
    if (!length || begin + static_cast<size_t>(*length) > data->size()) return;
    const size_t end = begin + static_cast<size_t>(*length);
    Store(&output, 1, Elements(data->begin() + static_cast<int64_t>(begin),
                               data->begin() + static_cast<int64_t>(end)));
    begin = end;
  }
}

// Same elements, another rank ≤ 1.
void PropagateSame(absl::Span<const Fact* const> inputs, Fact* output) {
  const std::optional<Elements> data = ElementsOf(inputs[0]);
  if (!data) return;
  if (!output->shape.has_rank() || output->shape.rank() > 1) return;
  if (output->shape.rank() == 0 && data->size() != 1) return;
  Store(output, output->shape.rank(), *data);
}

void PropagateCast(absl::Span<const Fact* const> inputs, Fact* output) {
  const std::optional<Elements> data = ElementsOf(inputs[0]);
  if (!data) return;
  Elements cast = *data;
  for (Element& element : cast) {
    if (output->dtype == DType::kBool) {
      element.name.clear();
      if (element.number) element.number = *element.number != 0;
    } else if (element.number && !FitsType(output->dtype, *element.number)) {
      element = Element();
    }
  }
  Store(output, RankOf(inputs[0]), cast);
}

enum class Binary { kAdd, kSub, kMul, kDiv, kMod, kMin, kMax, kEqual, kLess, kLessEqual, kAnd, kOr };

Element Apply(Binary op, const Element& a, const Element& b) {
  if (a.number && b.number) {
    const int64_t x = *a.number;
    const int64_t y = *b.number;
    const bool divides = y != 0 && !(y == -1 && x == std::numeric_limits<int64_t>::min());
    int64_t result = 0;
    switch (op) {
      case Binary::kAdd: return __builtin_add_overflow(x, y, &result) ? Element() : Element::Known(result);
      case Binary::kSub: return __builtin_sub_overflow(x, y, &result) ? Element() : Element::Known(result);
      case Binary::kMul: return __builtin_mul_overflow(x, y, &result) ? Element() : Element::Known(result);
      case Binary::kDiv: return divides ? Element::Known(x / y) : Element();
      case Binary::kMod: {
        if (!divides) return Element();
        const int64_t rest = x % y;
        return Element::Known(rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest);
      }
      case Binary::kMin: return Element::Known(std::min(x, y));
      case Binary::kMax: return Element::Known(std::max(x, y));
      case Binary::kEqual: return Element::Known(x == y);
      case Binary::kLess: return Element::Known(x < y);
      case Binary::kLessEqual: return Element::Known(x <= y);
      case Binary::kAnd: return Element::Known(x != 0 && y != 0);
      case Binary::kOr: return Element::Known(x != 0 || y != 0);
    }
  }
  const auto is = [](const Element& element, int64_t number) { return element.number == number; };
  const bool same = a.named() && a.name == b.name;
  switch (op) {
    case Binary::kAdd:
      if (is(b, 0)) return a;
      if (is(a, 0)) return b;
      break;
    case Binary::kSub:
      if (is(b, 0)) return a;
      if (same) return Element::Known(0);
      break;
    case Binary::kMul:
      if (is(b, 1)) return a;
      if (is(a, 1)) return b;
      if (is(a, 0) || is(b, 0)) return Element::Known(0);
      break;
    case Binary::kDiv:
      if (is(b, 1)) return a;
      break;
    case Binary::kMod:
      if (is(b, 1)) return Element::Known(0);
      break;
    // A named element is a dimension: not negative.
    case Binary::kMin:
      if (same) return a;
      break;
    case Binary::kMax:
      if (same || (a.named() && b.number && *b.number <= 0)) return a;
      if (b.named() && a.number && *a.number <= 0) return b;
      break;
    case Binary::kEqual:
      if (same) return Element::Known(1);
      if ((a.named() && b.number && *b.number < 0) || (b.named() && a.number && *a.number < 0)) {
        return Element::Known(0);
      }
      break;
    case Binary::kLess:
      if (same || (a.named() && b.number && *b.number <= 0)) return Element::Known(0);
      if (b.named() && a.number && *a.number < 0) return Element::Known(1);
      break;
    case Binary::kLessEqual:
      if (same || (b.named() && a.number && *a.number <= 0)) return Element::Known(1);
      if (a.named() && b.number && *b.number < 0) return Element::Known(0);
      break;
    case Binary::kAnd:
      if (is(a, 0) || is(b, 0)) return Element::Known(0);
      if (is(a, 1)) return b;
      if (is(b, 1)) return a;
      break;
    case Binary::kOr:
      if (is(a, 1) || is(b, 1)) return Element::Known(1);
      if (is(a, 0)) return b;
      if (is(b, 0)) return a;
      break;
  }
  return Element();
}

void PropagateBinary(Binary op, bool swap, absl::Span<const Fact* const> inputs, Fact* output) {
  std::optional<Elements> total = ElementsOf(inputs[0]);
  if (!total) return;
  int rank = RankOf(inputs[0]);
  for (size_t i = 1; i < inputs.size(); ++i) {
    const std::optional<Elements> next = ElementsOf(inputs[i]);
    if (!next) return;
    const size_t n = total->size() == 1 ? next->size() : total->size();
    if ((total->size() != n && total->size() != 1) || (next->size() != n && next->size() != 1)) return;
    rank = std::max(rank, RankOf(inputs[i]));
    Elements result;
    for (size_t k = 0; k < n; ++k) {
      const Element& a = (*total)[total->size() == 1 ? 0 : k];
      const Element& b = (*next)[next->size() == 1 ? 0 : k];
      Element element = swap ? Apply(op, b, a) : Apply(op, a, b);
      // What doesn't fit the type wraps; the evaluator knows how.
      if (element.number && !FitsType(output->dtype, *element.number)) element = Element();
      result.push_back(std::move(element));
    }
    total = std::move(result);
  }
  Store(output, rank, *total);
}

void PropagateUnary(absl::string_view op, absl::Span<const Fact* const> inputs, Fact* output) {
  std::optional<Elements> data = ElementsOf(inputs[0]);
  if (!data) return;
  for (Element& element : *data) {
    if (element.number == std::numeric_limits<int64_t>::min()) element = Element();
    if (op == "Neg") {
      element.name.clear();
      if (element.number) element.number = -*element.number;
    } else if (op == "Not") {
      element.name.clear();
      if (element.number) element.number = *element.number == 0;
    } else if (element.number) {  // Abs; of a dimension it is the dimension
      element.number = std::abs(*element.number);
    }
  }
  Store(output, RankOf(inputs[0]), *data);
}

void PropagateWhere(absl::Span<const Fact* const> inputs, Fact* output) {
  const std::optional<Elements> condition = ElementsOf(inputs[0]);
  const std::optional<Elements> yes = ElementsOf(inputs[1]);
  const std::optional<Elements> no = ElementsOf(inputs[2]);
  if (!condition || !yes || !no) return;
  size_t n = 1;
  int rank = 0;
  for (int i = 0; i < 3; ++i) rank = std::max(rank, RankOf(inputs[static_cast<size_t>(i)]));
  for (const Elements* part : {&*condition, &*yes, &*no}) {
    if (part->size() != 1) n = part->size();
  }
  for (const Elements* part : {&*condition, &*yes, &*no}) {
    if (part->size() != 1 && part->size() != n) return;
  }
  Elements result;
  for (size_t k = 0; k < n; ++k) {
    const auto at = [&](const Elements& list) -> const Element& { return list[list.size() == 1 ? 0 : k]; };
    const Element& choice = at(*condition);
    if (choice.number) {
      result.push_back(*choice.number != 0 ? at(*yes) : at(*no));
    } else {
      result.push_back(at(*yes) == at(*no) ? at(*yes) : Element());
    }
  }
  Store(output, rank, result);
}

}  // namespace

void PropagateElements(const NodeView& node, absl::Span<const Fact* const> inputs,
                       absl::Span<Fact> outputs) {
  if (!node.domain().empty() || inputs.empty() || outputs.empty() || inputs[0] == nullptr) return;
  const absl::string_view op = node.op_type();
  Fact* output = &outputs[0];
  if (op == "Shape") return PropagateShape(node, *inputs[0], output);
  if (op == "Size") return PropagateSize(*inputs[0], output);
  // The rest computes with integers of rank ≤ 1.
  if (inputs[0]->shape.has_rank() && inputs[0]->shape.rank() > 1) return;
  if (op == "Gather" && inputs.size() == 2) return PropagateGather(node, inputs, output);
  if (op == "Slice") return PropagateSlice(node, inputs, output);
  if (op == "Concat") return PropagateConcat(inputs, output);
  if (op == "Split") return PropagateSplit(inputs, outputs);
  if (op == "Squeeze" || op == "Unsqueeze" || op == "Reshape" || op == "Flatten" ||
      op == "Identity") {
    return PropagateSame(inputs, output);
  }
  if (op == "Cast") return PropagateCast(inputs, output);
  if (op == "Neg" || op == "Abs" || op == "Not") return PropagateUnary(op, inputs, output);
  if (op == "Where" && inputs.size() == 3) return PropagateWhere(inputs, output);
  if (op == "Min") return PropagateBinary(Binary::kMin, false, inputs, output);
  if (op == "Max") return PropagateBinary(Binary::kMax, false, inputs, output);
  if (inputs.size() != 2) return;
  if (op == "Mod" && node.Int("fmod", 0) == 0) return PropagateBinary(Binary::kMod, false, inputs, output);
  static constexpr struct {
    absl::string_view op;
    Binary binary;
    bool swap;
  } kBinary[] = {
      {"Add", Binary::kAdd, false},
      {"Sub", Binary::kSub, false},
      {"Mul", Binary::kMul, false},
      {"Div", Binary::kDiv, false},
      {"Equal", Binary::kEqual, false},
      {"Less", Binary::kLess, false},
      {"LessOrEqual", Binary::kLessEqual, false},
      {"Greater", Binary::kLess, true},
      {"GreaterOrEqual", Binary::kLessEqual, true},
      {"And", Binary::kAnd, false},
      {"Or", Binary::kOr, false},
  };
  for (const auto& row : kBinary) {
    if (op == row.op) return PropagateBinary(row.binary, row.swap, inputs, output);
  }
}

void CompleteReshape(const Shape& input, Shape* output) {
  if (!input.has_rank() || !output->has_rank()) return;
  int64_t have = 1;
  std::vector<std::string> names;
  for (const Dim& dim : input.dims()) {
    if (dim.known()) {
      if (__builtin_mul_overflow(have, dim.size(), &have)) return;
    } else if (dim.name().empty()) {
      return;
    } else {
      names.push_back(dim.name());
    }
  }
  int64_t placed = 1;
  int open = -1;
  for (int i = 0; i < output->rank(); ++i) {
    const Dim& dim = output->dim(i);
    if (dim.known()) {
      if (__builtin_mul_overflow(placed, dim.size(), &placed)) return;
    } else if (dim.name().empty()) {
      if (open >= 0) return;
      open = i;
    } else {
      const auto found = std::find(names.begin(), names.end(), dim.name());
      if (found == names.end()) return;
      names.erase(found);
    }
  }
  if (open < 0 || placed == 0 || have % placed != 0) return;
  absl::InlinedVector<Dim, 4> dims(output->dims().begin(), output->dims().end());
  if (names.empty()) {
    dims[static_cast<size_t>(open)] = Dim(have / placed);
  } else if (names.size() == 1 && have == placed) {
    dims[static_cast<size_t>(open)] = Dim(names[0]);
  } else {
    return;
  }
  *output = Shape(std::move(dims));
}

}  // namespace dsperse
