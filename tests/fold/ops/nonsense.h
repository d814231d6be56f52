// Models of one node that make no sense, for whatever must take any.
#ifndef DSPERSE_TESTS_FOLD_OPS_NONSENSE_H_
#define DSPERSE_TESTS_FOLD_OPS_NONSENSE_H_

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "onnx/defs/schema.h"
#include "onnx/onnx_pb.h"

namespace dsperse::testing {

class Nonsense {
 public:
  explicit Nonsense(uint64_t seed) : random_(seed) {}

  // A model of one node of that operator at that opset.
  std::unique_ptr<onnx::ModelProto> Model(const onnx::OpSchema& schema);

 private:
  int Below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }
  bool Chance(int n) { return Below(n) == 0; }
  int64_t Number();
  void AddInput(const onnx::OpSchema& schema, int i, onnx::GraphProto* graph, onnx::NodeProto* node);
  void AddAttribute(const std::string& name, onnx::AttributeProto::AttributeType type, onnx::NodeProto* node);

  std::mt19937_64 random_;
};

// The operators' schemas, all versions.
const std::vector<onnx::OpSchema>& Schemas();

}  // namespace dsperse::testing

#endif  // DSPERSE_TESTS_FOLD_OPS_NONSENSE_H_
