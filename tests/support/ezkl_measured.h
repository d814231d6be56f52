// What EZKL 23.0.5 takes and computes as ONNX does, and what it doesn't: measured by gen_settings on each of these
// models, and by a witness beside what ONNX Runtime computes.
#ifndef DSPERSE_TESTS_SUPPORT_EZKL_MEASURED_H_
#define DSPERSE_TESTS_SUPPORT_EZKL_MEASURED_H_

#include <ostream>

namespace dsperse::testing {

struct EzklMeasured {
  const char* name;
  const char* op;  // the node that is asked about
  const char* model;
  const char* why = "";  // "": taken, and computed alike

  friend void PrintTo(const EzklMeasured& c, std::ostream* out) { *out << c.op << " of " << c.model; }
};

#define EZKL_OPSET(n) "<ir_version: 8, opset_import: [\"\" : " #n "]> "
#define EZKL_IMAGE "g (float[1, 2, 4, 4] x) => (y) "
#define EZKL_WEIGHTS_3 "<float[2, 2, 1, 3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3}> "
#define EZKL_WEIGHTS_1 "<float[2, 2, 1, 1] w = {1, 2, 3, 4}> "

inline constexpr EzklMeasured kEzklMeasured[] = {
    // ---- conv ----
    {"ConvOverOneAxis", "Conv",
             "g (float[1, 1, 4] x) => (y) <float[1, 1, 2] w = {1, 2}> { y = Conv<strides = [1]>(x, w) }"},
    {"ConvOverThree", "Conv",
             "g (float[1, 1, 2, 2, 2] x) => (y) <float[1, 1, 1, 1, 2] w = {1, 2}>"
             " { y = Conv<strides = [1, 1, 1]>(x, w) }"},
    {"ConvWithoutStrides", "Conv", EZKL_IMAGE EZKL_WEIGHTS_3 "{ y = Conv<kernel_shape = [1, 3]>(x, w) }",
             "attribute strides is not written out"},
    {"ConvStridesAlone", "Conv", EZKL_IMAGE EZKL_WEIGHTS_3 "{ y = Conv<strides = [1, 1]>(x, w) }"},
    {"ConvInGroups", "Conv",
             EZKL_IMAGE "<float[2, 1, 1, 2] w = {1, 2, 3, 4}> { y = Conv<strides = [1, 1], group = 2>(x, w) }"},
    {"ConvAutoPad", "Conv", EZKL_IMAGE EZKL_WEIGHTS_3 "{ y = Conv<strides = [2, 2], auto_pad = \"SAME_LOWER\">(x, w) }"},
    {"ConvComputedKernel", "Conv",
             "g (float[1, 2, 4, 4] x, float[2, 2, 3, 3] w) => (y) { y = Conv<strides = [1, 1]>(x, w) }"},
    {"ConvComputedBias", "Conv",
             "g (float[1, 2, 4, 4] x, float[2] b) => (y) " EZKL_WEIGHTS_3 "{ y = Conv<strides = [1, 1]>(x, w, b) }",
             "the bias is not constant"},
    {"ConvDilated", "Conv",
             EZKL_IMAGE EZKL_WEIGHTS_3 "{ y = Conv<strides = [1, 1], dilations = [1, 2]>(x, w) }", "dilations above 1"},
    {"ConvPointwiseWithoutStrides", "Conv", EZKL_IMAGE EZKL_WEIGHTS_1 "{ y = Conv(x, w) }"},
    {"ConvPointwiseWithComputedBias", "Conv",
             "g (float[1, 2, 4, 4] x, float[2] b) => (y) " EZKL_WEIGHTS_1 "{ y = Conv(x, w, b) }"},
    {"ConvPointwisePadded", "Conv", EZKL_IMAGE EZKL_WEIGHTS_1 "{ y = Conv<pads = [1, 1, 1, 1]>(x, w) }",
             "attribute strides is not written out"},
    {"ConvPointwiseInGroups", "Conv", EZKL_IMAGE "<float[2, 1, 1, 1] w = {1, 2}> { y = Conv<group = 2>(x, w) }",
             "attribute strides is not written out"},
    {"ConvPointwiseDilated", "Conv", EZKL_IMAGE EZKL_WEIGHTS_1 "{ y = Conv<dilations = [2, 2]>(x, w) }",
             "dilations above 1"},
    // ---- convtranspose ----
    {"ConvTransposePlain", "ConvTranspose",
             EZKL_IMAGE EZKL_WEIGHTS_3 "{ y = ConvTranspose<strides = [2, 2], pads = [0, 1, 0, 1], output_padding = [0, 1]>(x, w) }"},
    {"ConvTransposeWithoutStrides", "ConvTranspose", EZKL_IMAGE EZKL_WEIGHTS_1 "{ y = ConvTranspose(x, w) }",
             "attribute strides is not written out"},
    {"ConvTransposeInGroups", "ConvTranspose",
             EZKL_IMAGE "<float[2, 1, 1, 1] w = {1, 2}> { y = ConvTranspose<strides = [1, 1], group = 2>(x, w) }",
             "group is 2"},
    {"ConvTransposeDilated", "ConvTranspose",
             EZKL_IMAGE EZKL_WEIGHTS_3 "{ y = ConvTranspose<strides = [1, 1], dilations = [1, 2]>(x, w) }", "dilations above 1"},
    {"ConvTransposeStridesOf3", "ConvTranspose", EZKL_IMAGE EZKL_WEIGHTS_3 "{ y = ConvTranspose<strides = [1, 3]>(x, w) }",
             "a stride of 3"},
    {"ConvTransposeToAShape", "ConvTranspose",
             EZKL_IMAGE EZKL_WEIGHTS_3 "{ y = ConvTranspose<strides = [2, 2], output_shape = [8, 8]>(x, w) }",
             "its pads are not written out (output_shape)"},
    {"ConvTransposeAutoPad", "ConvTranspose",
             EZKL_IMAGE EZKL_WEIGHTS_3 "{ y = ConvTranspose<strides = [2, 2], auto_pad = \"SAME_UPPER\">(x, w) }",
             "pads are not written out (auto_pad)"},
    {"ConvTransposePaddedBeyondItsPads", "ConvTranspose",
             EZKL_IMAGE EZKL_WEIGHTS_3 "{ y = ConvTranspose<strides = [2, 2], pads = [1, 1, 0, 0], output_padding = [1, 0]>(x, w) }",
             "its output_padding exceeds its pads"},
    // ---- pools ----
    {"PoolsMaxWithoutStrides", "MaxPool", EZKL_IMAGE "{ y = MaxPool<kernel_shape = [2, 2]>(x) }",
             "attribute strides is not written out"},
    {"PoolsMaxDilated", "MaxPool",
             EZKL_IMAGE "{ y = MaxPool<kernel_shape = [2, 2], strides = [2, 2], dilations = [2, 2]>(x) }",
             "dilations above 1"},
    {"PoolsMaxWithIndices", "MaxPool",
             "g (float[1, 2, 4, 4] x) => (y, i) { y, i = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(x) }",
             "the output Indices is used"},
    {"PoolsMaxOfAWindowMore", "MaxPool",
             EZKL_IMAGE "{ y = MaxPool<kernel_shape = [3, 3], strides = [2, 2], ceil_mode = 1>(x) }",
             "ceil_mode adds windows, or may"},
    {"PoolsMaxOfNoWindowMore", "MaxPool",
             EZKL_IMAGE "{ y = MaxPool<kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1>(x) }"},
    {"PoolsMaxOverOneAxis", "MaxPool",
             "g (float[1, 2, 4] x) => (y) { y = MaxPool<kernel_shape = [2], strides = [2]>(x) }"},
    // Pads are zeros, not what is below every number.
    {"PoolsMaxPadded", "MaxPool",
             EZKL_IMAGE "{ y = MaxPool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]>(x) }",
             "it pads with zeros what may be negative"},
    {"PoolsMaxPaddedBehindRelu", "MaxPool",
             EZKL_IMAGE "{ r = Relu(x) y = MaxPool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]>(r) }"},
    {"PoolsMaxPaddedBehindClip", "MaxPool",
             EZKL_IMAGE "<float a = {0}, float b = {6}> { r = Clip(x, a, b) s = Concat<axis = 1>(r, r)"
             " y = MaxPool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]>(s) }"},
    {"PoolsMaxPaddedBehindAnotherClip", "MaxPool",
             EZKL_IMAGE "<float a = {0}, float b = {-6}> { r = Clip(x, a, b)"
             " y = MaxPool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]>(r) }",
             "it pads with zeros what may be negative"},
    {"PoolsMaxPaddedBehindMax", "MaxPool",
             EZKL_IMAGE "<float a = {0.5}> { r = Max(x, a)"
             " y = MaxPool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]>(r) }"},
    {"PoolsMaxPaddedBehindASum", "MaxPool",
             EZKL_IMAGE "{ r = Relu(x) s = Add(r, x)"
             " y = MaxPool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]>(s) }",
             "it pads with zeros what may be negative"},
    {"PoolsMaxToTheSameSize", "MaxPool",
             EZKL_IMAGE "{ y = MaxPool<kernel_shape = [3, 3], strides = [2, 2], auto_pad = \"SAME_UPPER\">(x) }",
             "it pads with zeros what may be negative"},
    {"PoolsMaxToTheSameSizeByNoPads", "MaxPool",
             EZKL_IMAGE "{ y = MaxPool<kernel_shape = [2, 2], strides = [2, 2], auto_pad = \"SAME_UPPER\">(x) }"},
    {"PoolsAveragePadded", "AveragePool",
             EZKL_IMAGE "{ y = AveragePool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]>(x) }",
             "its pads do not count, but are counted"},
    {"PoolsAveragePaddedAndCounted", "AveragePool",
             EZKL_IMAGE "{ y = AveragePool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1], count_include_pad = 1>(x) }"},
    {"PoolsAverageDilated", "AveragePool",
             EZKL_OPSET(19) EZKL_IMAGE "{ y = AveragePool<kernel_shape = [2, 2], strides = [2, 2], dilations = [2, 2]>(x) }",
             "dilations above 1"},
    {"PoolsAverageOfAWindowMore", "AveragePool",
             EZKL_IMAGE "{ y = AveragePool<kernel_shape = [3, 3], strides = [2, 2], ceil_mode = 1>(x) }",
             "ceil_mode adds windows, or may"},
    // ---- numbers ----
    {"NumbersMaxOfANumber", "Max", "g (float[4] x) => (y) <float[1] c = {0.5}> { y = Max(c, x) }"},
    {"NumbersMaxOfATensor", "Max", "g (float[2] x) => (y) <float[2] c = {1, 2}> { y = Max(x, c) }",
             "a constant of several elements"},
    {"NumbersMinOfATensor", "Min", "g (float[2] x) => (y) <float[2] c = {1, 2}> { y = Min(x, c) }"},
    {"NumbersMinOfMuch", "Min", "g (float[2] x) => (y) <float c = {3e6}> { y = Min(x, c) }",
             "a constant of 2^21 or more"},
    {"NumbersMaxOfMuch", "Max", "g (float[2] x) => (y) <float c = {-3e38}> { y = Max(x, c) }",
             "a constant of 2^21 or more"},
    {"NumbersAddOfAMask", "Add", "g (float[2] x) => (y) <float[2] c = {0, -1e9}> { y = Add(x, c) }",
             "a constant of 2^21 or more"},
    {"NumbersAddOfASmallerMask", "Add", "g (float[2] x) => (y) <float[2] c = {0, -10000}> { y = Add(x, c) }"},
    {"NumbersClipOfMuch", "Clip", "g (float[2] x) => (y) <float a = {0}, float b = {3.4e38}> { y = Clip(x, a, b) }",
             "a constant of 2^21 or more"},
    {"NumbersClipOfMuchInAttributes", "Clip", EZKL_OPSET(6) "g (float[2] x) => (y) { y = Clip<min = 0.0, max = 3.4e38>(x) }",
             "a constant of 2^21 or more"},
    {"NumbersClipOfAttributes", "Clip", EZKL_OPSET(6) "g (float[2] x) => (y) { y = Clip<min = 0.0>(x) }"},
    {"NumbersCastToWhole", "Cast", "g (float[2] x) => (y) { y = Cast<to = 7>(x) }", "a Cast that may change numbers: int64"},
    {"NumbersCastToDouble", "Cast", "g (float[2] x) => (y) { y = Cast<to = 11>(x) }"},
    {"NumbersDivOfWhole", "Div", "g (int64[2] x) => (y) <int64 c = {3}> { y = Div(x, c) }", "a quotient of int64"},
    {"NumbersMeanOfWhole", "ReduceMean", "g (int64[2] x) => (y) { y = ReduceMean(x) }", "a quotient of int64"},
    {"NumbersAListOfNumbers", "Constant", "g (float[2] x) => (y) { c = Constant<value_floats = [1.0, 2.0]>() y = Add(x, c) }",
             "its value is a list, or no number"},
    {"NumbersANumber", "Constant", "g (float[2] x) => (y) { c = Constant<value_float = 1.0>() y = Add(x, c) }"},
    // ---- products ----
    {"ProductsOfVectors", "MatMul", "g (float[2] x, float[2] z) => (y) { y = MatMul(x, z) }", "a product of two vectors"},
    {"ProductsOfAVector", "MatMul", "g (float[2] x, float[1, 2, 2] z) => (y) { y = MatMul(x, z) }"},
    {"ProductsOfOtherBatches", "MatMul", "g (float[2, 1, 2] x, float[1, 2, 1] z) => (y) { y = MatMul(x, z) }",
             "its operands have batches of other sizes"},
    {"ProductsOfOtherRanks", "MatMul", "g (float[3, 2, 1, 2] x, float[2, 2, 1] z) => (y) { y = MatMul(x, z) }"},
    {"ProductsOfARepeatedConstant", "MatMul", "g (float[2, 1, 2] x) => (y) <float[1, 2, 1] w = {1, 2}> { y = MatMul(x, w) }"},
    {"ProductsByALongerConstant", "MatMul", "g (float[1, 1, 1] x) => (y) <float[2, 1, 1] w = {1, 2}> { y = MatMul(x, w) }",
             "its operands have batches of other sizes"},
    {"ProductsBatchNormInTraining", "BatchNormalization",
             "g (float[1, 1, 2] x) => (y) <float[1] p = {1}> { y, m, v = BatchNormalization<training_mode = 1>(x, p, p, p, p) }",
             "training_mode is set"},
    {"ProductsInstanceNormOfABatch", "InstanceNormalization",
             "g (float[2, 1, 2] x) => (y) <float[1] p = {1}> { y = InstanceNormalization(x, p, p) }", "a batch of 2"},
    {"ProductsInstanceNormOfOne", "InstanceNormalization",
             "g (float[1, 1, 2] x) => (y) <float[1] p = {1}> { y = InstanceNormalization(x, p, p) }"},
    {"ProductsOldSoftmax", "Softmax", EZKL_OPSET(11) "g (float[1, 2, 2] x) => (y) { y = Softmax(x) }", "it is over several axes"},
    {"ProductsOldSoftmaxAlongTheLast", "Softmax", EZKL_OPSET(11) "g (float[2, 2] x) => (y) { y = Softmax(x) }"},
    {"ProductsSoftmaxAlongAnother", "Softmax", "g (float[2, 2] x) => (y) { y = Softmax<axis = 0>(x) }"},
    // ---- movement ----
    {"MovementPadByZeros", "Pad", "g (float[2] x) => (y) <int64[2] p = {1, 2}> { y = Pad(x, p) }"},
    {"MovementPadByOnes", "Pad", "g (float[2] x) => (y) <int64[2] p = {1, 2}, float v = {1}> { y = Pad(x, p, v) }",
             "it pads with another value than 0"},
    {"MovementPadByTheEdge", "Pad", "g (float[2] x) => (y) <int64[2] p = {1, 2}> { y = Pad<mode = \"edge\">(x, p) }",
             "mode is not constant"},
    {"MovementPadThatCuts", "Pad", "g (float[2] x) => (y) <int64[2] p = {-1, 0}> { y = Pad(x, p) }", "it drops elements"},
    {"MovementPadOfAxes", "Pad",
             EZKL_OPSET(18) "g (float[2, 2] x) => (y) <int64[2] p = {1, 0}, int64[1] a = {1}> { y = Pad(x, p, , a) }",
             "it names axes"},
    {"MovementTileOfOne", "Tile", "g (float[1, 2] x) => (y) <int64[2] r = {3, 1}> { y = Tile(x, r) }"},
    {"MovementTileOfTwo", "Tile", "g (float[1, 2] x) => (y) <int64[2] r = {1, 2}> { y = Tile(x, r) }",
             "it repeats an axis of more than one element"},
    {"MovementTileToNothing", "Tile", "g (float[1, 2] x) => (y) <int64[2] r = {0, 1}> { y = Tile(x, r) }",
             "it leaves no element"},
    {"MovementExpandByAnAxis", "Expand", "g (float[2] x) => (y) <int64[2] s = {1, 2}> { y = Expand(x, s) }", "it adds axes"},
    {"MovementExpandOfOneElement", "Expand", "g (float[1] x) => (y) <int64[2] s = {3, 2}> { y = Expand(x, s) }"},
    {"MovementExpandOfAnAxis", "Expand", "g (float[1, 2] x) => (y) <int64[2] s = {3, 2}> { y = Expand(x, s) }"},
    {"MovementDropoutWithARatio", "Dropout", "g (float[2] x) => (y) <float r = {0.5}> { y = Dropout(x, r) }", "2 inputs"},
    {"MovementDropoutWithAMask", "Dropout", "g (float[2] x) => (y, m) { y, m = Dropout(x) }", "the output mask is used"},
    {"MovementResizeByTwo", "Resize", EZKL_IMAGE "<float[4] s = {1, 1, 2, 2}> { y = Resize(x, , s) }"},
    {"MovementResizeByAHalf", "Resize", EZKL_IMAGE "<float[4] s = {1, 1, 0.5, 1}> { y = Resize(x, , s) }",
             "scale 0.5 is no whole number"},
    {"MovementResizeToSizes", "Resize", EZKL_IMAGE "<int64[4] s = {1, 2, 8, 8}> { y = Resize(x, , , s) }",
             "it is given sizes, no scales"},
    {"MovementResizeOfAxes", "Resize",
             EZKL_OPSET(18) EZKL_IMAGE "<float[2] s = {2, 2}> { y = Resize<axes = [2, 3]>(x, , s) }", "it names axes"},
    {"MovementResizeByTheFloor", "Resize",
             EZKL_IMAGE "<float[4] s = {1, 1, 3, 2}> { y = Resize<coordinate_transformation_mode = \"asymmetric\","
             " nearest_mode = \"floor\">(x, , s) }"},
    {"MovementResizeByTheFloorOfHalfPixels", "Resize",
             EZKL_IMAGE "<float[4] s = {1, 1, 2, 2}> { y = Resize<nearest_mode = \"floor\">(x, , s) }",
             "scale 2 by half_pixel, floor repeats no elements alike"},
    {"MovementResizeAlignedByThree", "Resize",
             EZKL_IMAGE "<float[4] s = {1, 1, 3, 3}> { y = Resize<coordinate_transformation_mode = \"align_corners\">(x, , s) }",
             "scale 3 by align_corners, round_prefer_floor repeats no elements alike"},
    {"MovementResizeAlignedByTwo", "Resize",
             EZKL_IMAGE "<float[4] s = {1, 1, 2, 2}> { y = Resize<coordinate_transformation_mode = \"align_corners\">(x, , s) }"},
    {"MovementResizeOfPytorch", "Resize",
             EZKL_IMAGE "<float[4] s = {1, 1, 2, 2}> { y = Resize<coordinate_transformation_mode = \"pytorch_half_pixel\">(x, , s) }",
             "scale 2 by pytorch_half_pixel, round_prefer_floor repeats no elements alike"},
    {"MovementOldResize", "Resize", EZKL_OPSET(10) EZKL_IMAGE "<float[4] s = {1, 1, 3, 2}> { y = Resize(x, s) }"},
};

#undef EZKL_OPSET
#undef EZKL_IMAGE
#undef EZKL_WEIGHTS_3
#undef EZKL_WEIGHTS_1

}  // namespace dsperse::testing

#endif  // DSPERSE_TESTS_SUPPORT_EZKL_MEASURED_H_
