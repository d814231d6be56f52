#include "slicer/cli/model_in_out.h"

#include "CLI/CLI.hpp"

namespace dsperse {

void AddModelFlags(CLI::App& command, ModelFlags& flags) {
  command.add_option("model", flags.path, "The ONNX model to read")->required()->type_name("IN.onnx");
  command
      .add_option("--max-memory", flags.max_memory,
                  "Memory that loading may take (4 x the file + 1 GiB unless given)")
      ->transform(CLI::AsSizeValue(false))
      ->type_name("BYTES");
}

absl::StatusOr<LoadedModel> Load(const ModelFlags& flags, CliContext& context) {
  LoadOptions options;
  options.max_memory = flags.max_memory;
  absl::StatusOr<LoadedModel> model = LoadModel(flags.path, options);
  if (model.ok()) {
    for (const std::string& note : model->notes) context.Note(note);
  }
  return model;
}

}  // namespace dsperse
