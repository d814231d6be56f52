// Einsum: sums of products over labelled axes, by its definition.
//
// Each output element is one sum, over the contracted labels in the order of their first appearance, of
// products taken from left to right.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/eval_util.h"
#include "fold/ops/families.h"
#include "fold/ops/parallel.h"
#include "fold/ops/strided.h"
#include "fold/ops/window.h"

namespace dsperse {
namespace {

// Labels are letters; axes of an ellipsis are numbers from −1 (the last) downwards.
using Labels = std::vector<int>;

// "ij...k" with `ellipsis` axes behind the dots. Spaces were removed.
absl::StatusOr<Labels> ParseTerm(const NodeView& node, absl::string_view term, int ellipsis) {
  Labels labels;
  for (size_t i = 0; i < term.size(); ++i) {
    const char c = term[i];
    if (c == '.') {
      if (term.substr(i, 3) != "...") return InvalidNode(node, absl::StrCat("term ", term));
      for (int k = ellipsis; k > 0; --k) labels.push_back(-k);
      i += 2;
    } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      labels.push_back(c);
    } else {
      return InvalidNode(node, absl::StrCat("term ", term));
    }
  }
  return labels;
}

struct Equation {
  std::vector<Labels> terms;
  Labels output;
};

absl::StatusOr<Equation> ParseEquation(const NodeView& node, Inputs inputs) {
  std::string text = node.String("equation", "");
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  const size_t arrow = text.find("->");
  const std::vector<std::string> terms = absl::StrSplit(text.substr(0, arrow), ',');
  if (terms.size() != inputs.size()) {
    return InvalidNode(node, absl::StrCat(terms.size(), " terms for ", inputs.size(), " inputs"));
  }
  Equation equation;
  int widest = 0;
  for (size_t i = 0; i < terms.size(); ++i) {
    const size_t dots = terms[i].find("...");
    const int letters = static_cast<int>(terms[i].size()) - (dots == std::string::npos ? 0 : 3);
    const int ellipsis = dots == std::string::npos ? 0 : inputs[i]->rank() - letters;
    if (ellipsis < 0) return InvalidNode(node, absl::StrCat("term ", terms[i]));
    widest = std::max(widest, ellipsis);
    DSPERSE_ASSIGN_OR_RETURN(Labels labels, ParseTerm(node, terms[i], ellipsis));
    if (static_cast<int>(labels.size()) != inputs[i]->rank()) {
      return InvalidNode(node, absl::StrCat("term ", terms[i], " for ", DimsToString(inputs[i]->dims())));
    }
    equation.terms.push_back(std::move(labels));
  }
  if (arrow != std::string::npos) {
    DSPERSE_ASSIGN_OR_RETURN(equation.output, ParseTerm(node, text.substr(arrow + 2), widest));
    return equation;
  }
  // Without an arrow: the ellipsis, then all letters that appear once, in alphabetical order.
  for (int k = widest; k > 0; --k) equation.output.push_back(-k);
  for (int c = 'A'; c <= 'z'; ++c) {
    int64_t times = 0;
    for (const Labels& term : equation.terms) times += std::count(term.begin(), term.end(), c);
    if (times == 1) equation.output.push_back(c);
  }
  return equation;
}

// The loops of an Einsum: output axes, then contracted ones; strides of every input along them.
struct Contraction {
  Dims out_dims;
  Dims sum_dims;
  std::vector<Dims> out_strides;  // one list an input
  std::vector<Dims> sum_strides;
};

absl::StatusOr<Contraction> Plan(const NodeView& node, Inputs inputs, const Equation& equation) {
  Labels labels = equation.output;
  for (size_t i = 0; i < labels.size(); ++i) {
    if (std::count(labels.begin(), labels.end(), labels[i]) > 1) {
      return InvalidNode(node, "a label occurs twice in the output");
    }
  }
  for (const Labels& term : equation.terms) {
    for (int label : term) {
      if (std::find(labels.begin(), labels.end(), label) == labels.end()) labels.push_back(label);
    }
  }
  Contraction plan;
  for (size_t l = 0; l < labels.size(); ++l) {
    int64_t size = -1;
    for (size_t i = 0; i < inputs.size(); ++i) {
      for (size_t k = 0; k < equation.terms[i].size(); ++k) {
        if (equation.terms[i][k] != labels[l]) continue;
        const int64_t d = inputs[i]->dims()[k];
        if (size >= 0 && size != d && size != 1 && d != 1) {
          return InvalidNode(node, absl::StrCat("one label for axes of ", size, " and ", d));
        }
        size = size < 0 || size == 1 ? d : size;
      }
    }
    if (size < 0) return InvalidNode(node, "an output label that no input has");
    (l < equation.output.size() ? plan.out_dims : plan.sum_dims).push_back(size);
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Dims strides = RowMajorStrides(inputs[i]->dims());
    Dims along(labels.size(), 0);
    for (size_t k = 0; k < equation.terms[i].size(); ++k) {
      const size_t l = static_cast<size_t>(
          std::find(labels.begin(), labels.end(), equation.terms[i][k]) - labels.begin());
      if (inputs[i]->num_elements() == 0) continue;           // no place is looked at, and strides may be anything
      if (inputs[i]->dims()[k] != 1) along[l] += strides[k];  // a repeated label walks the diagonal
    }
    const auto middle = along.begin() + equation.output.size();
    plan.out_strides.emplace_back(along.begin(), middle);
    plan.sum_strides.emplace_back(middle, along.end());
  }
  return plan;
}

// Places of all inputs at the loop indices of flat index `at` over `dims`.
void Locate(int64_t at, const Dims& dims, const std::vector<Dims>& strides, int64_t* places) {
  for (size_t k = dims.size(); k-- > 0;) {
    const int64_t index = at % dims[k];
    at /= dims[k];
    for (size_t i = 0; i < strides.size(); ++i) places[i] += index * strides[i][k];
  }
}

template <typename T>
absl::StatusOr<Outputs> Contract(const EvalContext& context, Inputs inputs, const Contraction& plan,
                                 int64_t terms) {
  using Acc = std::conditional_t<kIsFloat<T>, double, ArithType<T>>;
  T* y = nullptr;
  DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<T>(context, plan.out_dims, &y));
  if (result.num_elements() == 0) return Single(std::move(result));
  const size_t count = inputs.size();
  std::vector<const T*> data;
  for (const Tensor* input : inputs) data.push_back(input->data<T>().data());
  // The innermost contracted label is a plain loop.
  const bool sums = !plan.sum_dims.empty();
  const int64_t inner = sums ? plan.sum_dims.back() : 1;
  Dims outer_dims = plan.sum_dims;
  std::vector<Dims> outer_strides = plan.sum_strides;
  std::vector<int64_t> step(count, 0);
  for (size_t i = 0; sums && i < count; ++i) {
    step[i] = plan.sum_strides[i].back();
    outer_strides[i].pop_back();
  }
  if (sums) outer_dims.pop_back();
  const int64_t outer = terms == 0 ? 0 : terms / inner;
  ParallelFor(context.threads, result.num_elements(), terms * static_cast<int64_t>(count),
              [&](int64_t begin, int64_t end) {
    std::vector<int64_t> base(count), places(count);
    for (int64_t o = begin; o < end; ++o) {
      std::fill(base.begin(), base.end(), 0);
      Locate(o, plan.out_dims, plan.out_strides, base.data());
      Acc sum{};
      for (int64_t s = 0; s < outer; ++s) {
        places = base;
        Locate(s, outer_dims, outer_strides, places.data());
        for (int64_t j = 0; j < inner; ++j) {
          Acc product = static_cast<Acc>(data[0][places[0] + j * step[0]]);
          for (size_t i = 1; i < count; ++i) {
            product *= static_cast<Acc>(data[i][places[i] + j * step[i]]);
          }
          sum += product;
        }
      }
      y[o] = static_cast<T>(sum);
    }
  });
  return Single(std::move(result));
}

absl::StatusOr<Outputs> EvaluateEinsum(const EvalContext& context, const NodeView& node,
                                       Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, std::max<int>(1, inputs.size())));
  for (const Tensor* input : inputs) {
    DSPERSE_RETURN_IF_ERROR(RequireSameType(node, *inputs[0], *input));
  }
  DSPERSE_ASSIGN_OR_RETURN(const Equation equation, ParseEquation(node, inputs));
  DSPERSE_ASSIGN_OR_RETURN(const Contraction plan, Plan(node, inputs, equation));
  DSPERSE_ASSIGN_OR_RETURN(const int64_t elements, NumElements(plan.out_dims));
  DSPERSE_ASSIGN_OR_RETURN(const int64_t terms, NumElements(plan.sum_dims));
  DSPERSE_RETURN_IF_ERROR(CheckOperations(context, node, elements, terms));
  const DType dtype = inputs[0]->dtype();
  return DispatchNumbers(
      dtype,
      [&](auto tag) {
        return Contract<typename decltype(tag)::type>(context, inputs, plan, terms);
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, dtype); });
}

}  // namespace

void AppendEinsumOps(std::vector<OpDef>* rows) {
  AddRow(rows, "Einsum", 12, &EvaluateEinsum);
}

}  // namespace dsperse
