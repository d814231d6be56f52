// Turns a ModelSpec into the bytes of an ONNX file: IR version 8, opset 17, raw_data, fields in the
// order in which protobuf serialises them.

#ifndef DSPERSE_BENCH_MODELS_WRITE_MODEL_H_
#define DSPERSE_BENCH_MODELS_WRITE_MODEL_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "bench/models/model_spec.h"

namespace dsperse::models {

// The whole file in memory, for tests and small models.
// ResourceExhausted: the model would pass protobuf's limit of 2 GiB.
absl::StatusOr<std::string> SerializeModel(const ModelSpec& model);

// Writes the file through one buffer of 1 MiB; weights are made as they are written. The target is
// replaced at the end, by a rename: an error leaves the old file whole and nothing beside it.
// ResourceExhausted: as above, or the disk is full. FailedPrecondition: the target is a folder or a
// device. Other codes: the system's error on the path.
absl::Status WriteModel(const ModelSpec& model, const std::string& path);

}  // namespace dsperse::models

#endif  // DSPERSE_BENCH_MODELS_WRITE_MODEL_H_
