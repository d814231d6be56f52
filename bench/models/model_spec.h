// The plain description of a generated model: what a builder makes and what write_model.h turns
// into a file. Parameters are described, not held: a network of 550 MB is a few hundred kilobytes
// here.

#ifndef DSPERSE_BENCH_MODELS_MODEL_SPEC_H_
#define DSPERSE_BENCH_MODELS_MODEL_SPEC_H_

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace dsperse::models {

// Values as in TensorProto.DataType.
enum class ElementType : int { kFloat = 1, kInt64 = 7 };

// Element i is (offset + k) * scale, k drawn uniformly from [0, count) by a hash of the model's
// seed, the parameter's name and i. The product is one multiplication in double, rounded once to
// float.
struct UniformGrid {
  double scale = 1;
  int64_t offset = 0;
  uint64_t count = 1;  // at most 2^32
};

// A float or int64 tensor of the model. `values` is either the raw little-endian bytes themselves
// (small constants: bounds of a Clip, the shape of a Reshape) or a distribution (float only).
struct Parameter {
  std::string name;
  std::vector<int64_t> dims;
  ElementType type = ElementType::kFloat;
  bool trainable = false;  // weights and biases; not running statistics, not constants
  std::variant<UniformGrid, std::string> values;
};

using AttributeValue = std::variant<int64_t, float, std::vector<int64_t>>;

struct Node {
  std::string op_type;
  std::string name;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<std::pair<std::string, AttributeValue>> attributes;
};

// A float tensor of the interface.
struct Interface {
  std::string name;
  std::vector<int64_t> dims;
};

struct ModelSpec {
  std::string name;
  uint64_t seed = 0;
  // Parameters become Constant nodes, each right before its first reader, instead of initializers.
  bool constant_nodes = false;
  Interface input;
  Interface output;
  std::vector<Node> nodes;  // in topological order
  std::vector<Parameter> parameters;
};

}  // namespace dsperse::models

#endif  // DSPERSE_BENCH_MODELS_MODEL_SPEC_H_
