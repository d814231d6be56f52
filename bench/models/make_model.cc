// make_model: writes a generated model to a file. Exit codes: 0 done, 2 usage, 5 output, 70 our
// bug.

#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "bench/models/models.h"
#include "bench/models/write_model.h"

namespace {

constexpr int kUsage = 2;
constexpr int kOutput = 5;
constexpr int kBug = 70;

constexpr char kDescription[] =
    "Writes a network with seeded weights to an ONNX file (opset 17, batch 1, BatchNormalizations "
    "not "
    "fused, input `input`, output `output`). The same arguments give the same bytes on every "
    "machine.";

constexpr char kFooter[] =
    "Exit codes: 0 done; 2 usage, a size too small for the network among it; 5 the output could "
    "not be "
    "written or would pass 2 GiB; 70 a bug of this program.\n"
    "Example: make_model resnet50 resnet50.onnx --size 64 --width 0.25";

int Fail(const absl::Status& status) {
  const std::string message(status.message());
  std::fprintf(stderr, "make_model: %s\n", message.c_str());
  if (absl::IsInvalidArgument(status) || absl::IsNotFound(status)) return kUsage;
  return absl::IsInternal(status) ? kBug : kOutput;
}

}  // namespace

int main(int argc, char** argv) {
  using dsperse::models::ModelOptions;

  CLI::App app(kDescription, "make_model");
  app.footer(kFooter);
  std::string name;
  std::string path;
  ModelOptions options;
  bool list = false;
  app.add_option("NAME", name, "The network; --list names them");
  app.add_option("OUT", path, "The file to write");
  app.add_flag("--list", list, "Print the names of the networks, one a line");
  app.add_option("--seed", options.seed, "Seed of the weights")->capture_default_str();
  app.add_option("--size", options.size,
                 "Side of the input (tokens of transformer_block, samples of conv1d_net); the "
                 "published one unless given");
  app.add_option("--classes", options.classes, "Length of the classifier's result");
  app.add_option("--width", options.width,
                 "Factor on channel numbers: c becomes max(1, round(c * F))")
      ->capture_default_str();
  app.add_option("--blocks", options.blocks, "Length of conv_bn_relu_chain");
  app.add_flag("--constant-nodes", options.constant_nodes,
               "Write every weight and every other constant as a Constant node before its first "
               "reader; the file has no initializers then. Without it, it has no Constant nodes");
  try {
    app.parse(argc, argv);
    if (!list && (name.empty() || path.empty())) {
      throw CLI::RequiredError(name.empty() ? "NAME" : "OUT");
    }
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    std::fprintf(stderr, "make_model: %s; --help lists the options\n", error.what());
    return kUsage;
  }
  if (list) {
    for (const absl::string_view model : dsperse::models::ModelNames()) {
      std::fprintf(stdout, "%.*s\n", static_cast<int>(model.size()), model.data());
    }
    return std::fflush(stdout) == 0 ? 0 : kOutput;
  }

  const auto model = dsperse::models::BuildModel(name, options);
  if (!model.ok()) return Fail(model.status());
  const absl::Status written = dsperse::models::WriteModel(*model, path);
  if (!written.ok()) {
    // Writing knows no wrong usage: whatever it reports concerns the output.
    const int code = Fail(written);
    return code == kUsage ? kOutput : code;
  }
  return 0;
}
