// What the two halves of file.h share: calls of the operating system and their errors.
#ifndef DSPERSE_FOLD_IR_POSIX_FILE_H_
#define DSPERSE_FOLD_IR_POSIX_FILE_H_

#include <sys/types.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace dsperse {

// "path: doing: No such file or directory", with the code that file.h promises.
absl::Status FromErrno(int error, absl::string_view path, absl::string_view doing);

// open() that goes on after a signal, closed on exec, never a controlling terminal. −1 and errno on
// failure.
int OpenRetrying(const char* path, int flags, mode_t mode = 0);

// fsync(), where the file has anything to be synchronised to.
absl::Status SyncFd(int fd, absl::string_view path);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_IR_POSIX_FILE_H_
