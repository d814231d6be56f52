// Protobuf's wire format with holes: a message whose large payloads are named, not held, so that a
// model of any size is laid out in memory that does not depend on its weights.

#ifndef DSPERSE_BENCH_MODELS_WIRE_H_
#define DSPERSE_BENCH_MODELS_WIRE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "bench/models/model_spec.h"

namespace dsperse::models {

// Fields are appended by the caller in the order of their numbers, which is the order in which
// protobuf serialises: such a file comes out of a load and save byte for byte.
class Message {
 public:
  // The payload of `parameter` belongs before `bytes()[offset]`.
  struct Hole {
    uint64_t offset;
    const Parameter* parameter;
  };

  void AddVarint(int field, int64_t value);
  void AddFloat(int field, float value);
  void AddBytes(int field, absl::string_view value);
  void AddMessage(int field, const Message& value);
  // The parameter's payload as a bytes field. The parameter must outlive the message.
  void AddPayload(int field, const Parameter& parameter);

  // Length of the serialised message, payloads included.
  uint64_t size() const { return bytes_.size() + payload_bytes_; }
  const std::string& bytes() const { return bytes_; }
  const std::vector<Hole>& holes() const { return holes_; }

 private:
  void AppendVarint(uint64_t value);
  void AppendHeader(int field, uint64_t length);

  std::string bytes_;
  std::vector<Hole> holes_;
  uint64_t payload_bytes_ = 0;
};

}  // namespace dsperse::models

#endif  // DSPERSE_BENCH_MODELS_WIRE_H_
