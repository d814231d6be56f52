// Text that holds names from files, for people to read.
#ifndef DSPERSE_FOLD_IR_ONE_LINE_H_
#define DSPERSE_FOLD_IR_ONE_LINE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace dsperse {

// `text` with its control characters (U+0000 to U+001F, U+007F to U+009F) written as escapes, "\x0a", "\u009b": no line
// ends early by a name, and no terminal takes orders from one. All else stays, UTF-8 or not. O(size).
std::string OneLine(absl::string_view text);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_IR_ONE_LINE_H_
