// What the protobuf library would need to parse given bytes, found without parsing them.
#ifndef DSPERSE_FOLD_IR_PARSE_COST_H_
#define DSPERSE_FOLD_IR_PARSE_COST_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace dsperse {

struct ParseCost {
  // Upper bound of the memory of the messages, in bytes. Two bytes of a file can make a message of
  // 200 bytes, so the size of the file says little.
  int64_t memory = 0;
  int nesting = 0;  // messages and groups inside each other
};

// Of a serialised onnx.ModelProto. What follows a malformed place in a message is not counted. Linear.
ParseCost CostOfModel(absl::string_view bytes);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_IR_PARSE_COST_H_
