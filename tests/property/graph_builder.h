// GraphBuilder: grows a random model node by node, with a sample run beside it.
//
// Each node is run by the interpreter on the values so far before it is kept. What the interpreter refuses,
// and what gives NaN, infinities or large numbers, is thrown away: so recipes (recipes.h) may propose
// anything, every model is valid, and its values stay in a range where rounding errors can be told from
// errors.
#ifndef DSPERSE_TESTS_PROPERTY_GRAPH_BUILDER_H_
#define DSPERSE_TESTS_PROPERTY_GRAPH_BUILDER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "fold/ir/graph.h"
#include "fold/ir/tensor.h"
#include "tests/property/choices.h"

namespace dsperse::testing {

// A value of the model, as it is in the sample run.
struct Item {
  std::string name;
  Tensor value;
  bool constant = false;  // an initializer or the output of a Constant node
  // Holds the same bits however the model is rewritten: it is an input, a constant, data moved from such,
  // or integers computed from such. Only these may go into operators that are not continuous.
  bool firm = true;
  double scale = 1;  // largest magnitude on the way to it: what rounding errors are relative to
  int readers = 0;
};

// A node to be tried. Inputs are indices of items, −1 an absent one.
struct NodeSpec {
  using Attributes = std::vector<std::pair<std::string, AttributeValue>>;
  NodeSpec(std::string o, std::vector<int> i, Attributes a = {}, int count = 1, bool m = false)
      : op(std::move(o)), inputs(std::move(i)), attributes(std::move(a)), outputs(count), moves(m) {}

  std::string op;
  std::vector<int> inputs;
  Attributes attributes;
  int outputs;
  bool moves;  // its results are rearranged elements of its inputs
  std::vector<std::pair<std::string, std::shared_ptr<onnx::GraphProto>>> bodies;
  std::vector<int> captured;  // outer items that bodies read
};

struct RandomModel {
  std::shared_ptr<onnx::ModelProto> model;
  std::vector<Tensor> inputs;   // of the sample run, for the inputs without initializer
  std::vector<Tensor> outputs;  // of the sample run
  std::vector<double> scales;   // of each output
  DType float_type = DType::kFloat;
  int64_t symbolic_dim = 0;  // what "N" is; 0: all dimensions are numbers
};

class GraphBuilder {
 public:
  GraphBuilder(Choices* choices, int64_t opset, DType float_type);
  ~GraphBuilder();

  Choices& choices() { return *choices_; }
  int64_t opset() const { return opset_; }
  DType float_type() const { return float_type_; }
  const Item& item(int i) const { return items_[static_cast<size_t>(i)]; }
  const Dims& dims(int i) const { return item(i).value.dims(); }
  int rank(int i) const { return item(i).value.rank(); }
  int num_items() const { return static_cast<int>(items_.size()); }

  // An item for which `fits` holds, mostly one of the newest; −1 if there is none.
  int Pick(const std::function<bool(const Item&)>& fits);
  // A float item that is computed or an input; a new input if there is none. `rank` −1: any.
  int Activation(int rank = -1);
  // The same, but firm.
  int FirmActivation();

  // New leaves.
  int NewInput(Tensor value);
  // As an initializer (perhaps one that the caller may override), or a Constant node.
  int NewConstant(Tensor value);
  // The constant of these elements, an earlier one of the same dims and type perhaps.
  int FloatConstant(const Dims& dims);
  // Bounded away from zero: 0.25 … 2.25.
  int PositiveConstant(const Dims& dims);
  int Ints(const std::vector<int64_t>& values);
  int Int(int64_t value);
  // Elements of `float_type()`.
  Tensor Floats(const Dims& dims, const std::function<double()>& element);
  double RandomFloat();

  // Tries the node. Its outputs' items, or none where it was thrown away.
  std::vector<int> Add(NodeSpec spec);
  // The first output, or −1.
  int Add1(NodeSpec spec);

  // A body that sees all items of this builder. It must be finished before this one grows further.
  std::unique_ptr<GraphBuilder> Body();
  // The grown graph as a body with these outputs, and what it reads of the outside.
  std::shared_ptr<onnx::GraphProto> FinishBody(const std::vector<int>& inputs,
                                               const std::vector<int>& outputs,
                                               std::vector<int>* captured);
  // An input of a body, holding `value` in the sample run; never firm.
  int BodyInput(Tensor value);

  // Picks outputs and ends. Nothing if no node was kept.
  std::optional<RandomModel> Finish();

 private:
  GraphBuilder(GraphBuilder* parent);
  std::string NewName(absl::string_view hint);
  int AddItem(Item item);
  absl::StatusOr<std::vector<Tensor>> Evaluate(const onnx::NodeProto& node,
                                               const std::vector<int>& reads) const;
  bool Acceptable(const Tensor& value) const;

  Choices* choices_;
  int64_t opset_;
  DType float_type_;
  int64_t symbolic_dim_ = 0;
  bool listed_constants_ = false;  // IR 3: initializers are listed as inputs
  bool is_body_ = false;
  int outer_items_ = 0;  // of a body: items below are the parent's
  std::shared_ptr<int> name_counter_;
  std::vector<Item> items_;
  std::vector<int> inputs_;
  std::vector<int> computed_;  // outputs of nodes
  absl::flat_hash_set<int> captured_;
  std::unique_ptr<onnx::GraphProto> graph_;
};

}  // namespace dsperse::testing

#endif  // DSPERSE_TESTS_PROPERTY_GRAPH_BUILDER_H_
