#include "slicer/cli/read_inputs.h"

#include <cmath>
#include <filesystem>
#include <limits>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ir/tensor_proto.h"
#include "fold/ops/interpreter.h"
#include "nlohmann/json.hpp"
#include "onnx/onnx_pb.h"
#include "slicer/cli/read_file.h"

namespace dsperse {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

absl::Status Invalid(absl::string_view where, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(where, ": ", what));
}

// ---- a directory of TensorProtos ----

absl::StatusOr<Tensor> ReadTensor(const std::string& path) {
  DSPERSE_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
  onnx::TensorProto proto;
  if (!proto.ParseFromString(bytes)) return Invalid(path, "holds no tensor");
  return TensorFromProto(proto, PayloadTable(), path);
}

absl::StatusOr<std::vector<Tensor>> ReadDirectory(const Graph& graph, const std::string& path) {
  std::vector<Tensor> inputs;
  for (ValueId input : RequiredInputs(graph)) {
    const std::string name(graph.Name(input));
    fs::path file = fs::path(path) / absl::StrCat("input_", inputs.size(), ".pb");
    // A name may hold anything; one with a separator isn't a file of this directory.
    const bool plain = name.find('/') == std::string::npos && !name.empty();
    if (plain && !fs::exists(file)) file = fs::path(path) / (name + ".pb");
    if (!fs::exists(file)) {
      return absl::NotFoundError(absl::StrCat(path, ": neither input_", inputs.size(), ".pb nor '",
                                              name, ".pb' is there"));
    }
    DSPERSE_ASSIGN_OR_RETURN(Tensor tensor, ReadTensor(file.string()));
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

// ---- JSON ----

// Number after number of nested lists; `dims` is what the nesting says, if it is regular.
struct Flat {
  std::vector<const Json*> numbers;
  Dims dims;
  bool regular = true;
};

void Flatten(const Json& json, size_t depth, Flat* flat) {
  constexpr size_t kMaxDepth = 64;
  if (!json.is_array() || depth > kMaxDepth) {
    if (depth != flat->dims.size()) flat->regular = false;
    flat->numbers.push_back(&json);
    return;
  }
  const int64_t size = static_cast<int64_t>(json.size());
  // The first way down tells the dimensions, the others must agree.
  if (depth == flat->dims.size() && flat->numbers.empty()) {
    flat->dims.push_back(size);
  } else if (depth >= flat->dims.size() || flat->dims[depth] != size) {
    flat->regular = false;
  }
  for (const Json& item : json) Flatten(item, depth + 1, flat);
}

template <typename T>
bool FromJson(const Json& json, T* value) {
  if constexpr (std::is_same_v<T, bool>) {
    if (json.is_boolean()) {
      *value = json.get<bool>();
      return true;
    }
    if (!json.is_number_integer()) return false;
    *value = json.get<int64_t>() != 0;
    return true;
  } else if constexpr (std::is_integral_v<T>) {
    if (json.is_number_unsigned()) {
      const uint64_t number = json.get<uint64_t>();
      *value = static_cast<T>(number);
      return number <= static_cast<uint64_t>(std::numeric_limits<T>::max());
    }
    if (json.is_number_integer()) {
      const int64_t number = json.get<int64_t>();
      *value = static_cast<T>(number);
      return std::is_signed_v<T> && number >= static_cast<int64_t>(std::numeric_limits<T>::min()) &&
             number <= static_cast<int64_t>(std::numeric_limits<T>::max());
    }
    // 3.0 is an integer to many writers.
    if (!json.is_number_float()) return false;
    const double number = json.get<double>();
    if (std::trunc(number) != number || std::fabs(number) > 9007199254740992.0) return false;
    *value = static_cast<T>(number);
    return static_cast<double>(*value) == number;
  } else {
    if (!json.is_number()) return false;
    *value = static_cast<T>(json.get<double>());
    return true;
  }
}

// The dims of an input whose declared shape has `count` elements, one unknown dimension filled in.
bool DimsFor(const Shape& shape, const Flat& flat, Dims* dims) {
  const int64_t count = static_cast<int64_t>(flat.numbers.size());
  if (!shape.has_rank()) {
    *dims = flat.dims;
    return flat.regular;
  }
  bool nested = flat.regular && static_cast<int>(flat.dims.size()) == shape.rank();
  for (int i = 0; nested && i < shape.rank(); ++i) {
    nested = !shape.dim(i).known() || shape.dim(i).size() == flat.dims[static_cast<size_t>(i)];
  }
  if (nested) {
    *dims = flat.dims;
    return true;
  }
  int64_t known = 1;
  int unknown = -1;
  dims->clear();
  for (int i = 0; i < shape.rank(); ++i) {
    if (!shape.dim(i).known() && unknown >= 0) return false;
    if (!shape.dim(i).known()) unknown = i;
    dims->push_back(shape.dim(i).known() ? shape.dim(i).size() : 1);
    if (__builtin_mul_overflow(known, dims->back(), &known)) return false;
  }
  if (unknown >= 0 && known > 0 && count % known == 0) {
    (*dims)[static_cast<size_t>(unknown)] = count / known;
    return true;
  }
  return known == count;
}

absl::StatusOr<Tensor> TensorOf(const Graph& graph, ValueId input, const Json& json,
                                const std::string& path) {
  const std::string where = absl::StrCat(path, ": input '", graph.Name(input), "'");
  Flat flat;
  Flatten(json, 0, &flat);
  Dims dims;
  const Shape shape = graph.DeclaredShape(input);
  if (!DimsFor(shape, flat, &dims)) {
    return Invalid(where, absl::StrCat(flat.numbers.size(), " numbers for shape ", shape.ToString()));
  }
  return DispatchDType(
      graph.DeclaredType(input),
      [&](auto tag) -> absl::StatusOr<Tensor> {
        using T = typename decltype(tag)::type;
        T* data = nullptr;
        DSPERSE_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Make<T>(dims, &data));
        for (size_t i = 0; i < flat.numbers.size(); ++i) {
          if (!FromJson(*flat.numbers[i], &data[i])) {
            return Invalid(where, absl::StrCat("element ", i, " is no ",
                                               DTypeName(graph.DeclaredType(input))));
          }
        }
        return tensor;
      },
      [&]() -> absl::StatusOr<Tensor> {
        return absl::UnimplementedError(absl::StrCat(where, ": element type ",
                                                     DTypeName(graph.DeclaredType(input)),
                                                     " from JSON"));
      });
}

absl::StatusOr<std::vector<Tensor>> ReadJson(const Graph& graph, const std::string& path) {
  DSPERSE_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return Invalid(path, "is no JSON");
  const std::vector<ValueId> wanted = RequiredInputs(graph);
  const Json* data = &json;
  std::vector<const Json*> parts;
  if (json.is_object()) {
    if (const auto found = json.find("input_data"); found != json.end()) {
      data = &*found;
    } else {
      for (ValueId input : wanted) {
        const auto named = json.find(std::string(graph.Name(input)));
        if (named == json.end()) {
          return Invalid(path, absl::StrCat("has neither \"input_data\" nor \"", graph.Name(input),
                                            "\""));
        }
        parts.push_back(&*named);
      }
    }
  }
  if (parts.empty() && wanted.size() == 1) parts.push_back(data);
  if (parts.empty()) {
    if (!data->is_array() || data->size() != wanted.size()) {
      return Invalid(path, absl::StrCat("\"input_data\" must list the data of ", wanted.size(),
                                        " inputs"));
    }
    for (const Json& part : *data) parts.push_back(&part);
  }
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < wanted.size(); ++i) {
    DSPERSE_ASSIGN_OR_RETURN(Tensor tensor, TensorOf(graph, wanted[i], *parts[i], path));
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

}  // namespace

absl::StatusOr<std::vector<Tensor>> ReadInputs(const Graph& graph, const std::string& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return absl::NotFoundError(absl::StrCat(path, ": no such file"));
  return fs::is_directory(path, ignored) ? ReadDirectory(graph, path) : ReadJson(graph, path);
}

}  // namespace dsperse
