#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "bench/models/networks.h"

namespace dsperse::models {
namespace {

// Output channels of the convolutions; 0 is a pooling.
constexpr int64_t kLayers[] = {64, 64,  0,   128, 128, 0,   256, 256, 256,
                               0,  512, 512, 512, 0,   512, 512, 512, 0};

// The side that the published classifier reads.
constexpr int64_t kPooledSide = 7;

}  // namespace

Value BuildVgg16Bn(absl::string_view, NetworkBuilder& net) {
  const int64_t size = net.options().size;
  Value x = net.Input({1, 3, size, size});
  int index = 0;
  const auto next = [&] { return absl::StrCat("features.", index++); };
  double gain = 1;
  for (const int64_t published : kLayers) {
    if (published == 0) {
      x = net.Pool("MaxPool", x, next(), {.kernel = 2, .stride = 2});
      gain = 1;  // the largest of four has about twice the second moment
      continue;
    }
    x = net.Conv(x, next(),
                 {.channels = net.Channels(published),
                  .kernel = 3,
                  .padding = 1,
                  .bias = true,
                  .gain = gain});
    x = net.BatchNorm(x, next());
    x = net.Relu(x, next());
    gain = 2;
  }
  // The published pooling gives 7×7 for every input, by windows that ONNX's operators can't have
  // unless they all are alike. At 224 they have size 1.
  const int64_t side = x.dims[2];
  if (side % kPooledSide == 0) {
    const int64_t kernel = side / kPooledSide;
    x = net.Pool("AveragePool", x, "avgpool", {.kernel = kernel, .stride = kernel});
  }
  x = net.Flatten(x, "");
  x = net.Relu(net.Linear(x, "classifier.0", net.Channels(4096)), "classifier.1");
  x = net.Relu(net.Linear(x, "classifier.3", net.Channels(4096), 2), "classifier.4");
  return net.Linear(x, "classifier.6", net.options().classes, 2);
}

}  // namespace dsperse::models
