#include "slicer/cli/model_in_out.h"

#include "CLI/CLI.hpp"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "fold/ir/status_macros.h"
#include "slicer/cli/exit_code.h"
#include "slicer/cli/flag_values.h"

namespace dsperse {

void AddModelFlags(CLI::App& command, ModelFlags& flags) {
  command.add_option("IN.onnx", flags.path, "The ONNX model to read")->required()->type_name("");
  AddMaxMemoryFlag(command, flags.max_memory);
}

void AddMaxMemoryFlag(CLI::App& command, int64_t& max_memory) {
  TakesBytes(command.add_option("--max-memory", max_memory,
                                "Memory that loading a model may take: 4096, 512M, 2G (4 x the file + 1 GiB)"));
}

void AddInputShapeFlags(CLI::App& command, InputShapeFlags& flags) {
  const auto is_size = [](absl::string_view text) {
    int64_t size = 0;
    return text.find_first_not_of("0123456789") == absl::string_view::npos && absl::SimpleAtoi(text, &size) && size > 0;
  };
  const auto sizes = [is_size](const std::string& text) -> std::string {
    // A shape without dimensions is written as nothing: "scalar=".
    const std::string list = text.substr(text.rfind('=') + 1);
    bool ok = true;
    if (!list.empty()) {
      for (absl::string_view size : absl::StrSplit(list, ',')) ok = ok && is_size(size);
    }
    return ok ? "" : absl::StrCat("'", text, "': write sizes of at least 1, as 1,3,224,224");
  };
  const auto size = [is_size](const std::string& text) -> std::string {
    const size_t equals = text.rfind('=');
    const bool ok = equals != std::string::npos && equals > 0 && is_size(absl::string_view(text).substr(equals + 1));
    return ok ? "" : absl::StrCat("'", text, "': write name=size, a size of at least 1");
  };
  command
      .add_option("--input-shape", flags.input_shapes,
                  "The shape of an input, 1,3,224,224; with several inputs name=1,3,224,224")
      ->check(CLI::Validator(sizes, "", "sizes"))
      ->allow_extra_args(false)
      ->type_name("[NAME=]SIZES");
  command.add_option("--dim", flags.dims, "The size of a named dimension, batch=1")
      ->check(CLI::Validator(size, "", "size"))
      ->allow_extra_args(false)
      ->type_name("NAME=SIZE");
}

absl::StatusOr<LoadedModel> Load(const ModelFlags& flags, CliContext& context) {
  DSPERSE_RETURN_IF_ERROR(IsFileName("IN.onnx", flags.path));
  if (flags.path.empty()) return UsageError("IN.onnx: an empty name");
  LoadOptions options;
  options.max_memory = flags.max_memory;
  absl::StatusOr<LoadedModel> model = LoadModel(flags.path, options);
  if (model.ok()) {
    for (const std::string& note : model->notes) context.Note(note);
  }
  return model;
}

}  // namespace dsperse
