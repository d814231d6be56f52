// A directory being made beside the one it is to become, so that a reader never sees half of one.
#ifndef DSPERSE_SLICER_TEMPORARY_DIRECTORY_H_
#define DSPERSE_SLICER_TEMPORARY_DIRECTORY_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace dsperse {

class TemporaryDirectory {
 public:
  // Beside `target`, named ".NAME.N.tmp"; folders on the way there are made. Several may exist at a
  // time, in several threads and processes.
  static absl::StatusOr<std::unique_ptr<TemporaryDirectory>> Create(const std::string& target);
  // Removes the directory with everything in it. Links are removed, not followed.
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  // Makes the folders on the way to `relative` ("a/b/file") and returns the full path. NotFound where the directory
  // itself is gone: CleanUp has run.
  absl::StatusOr<std::string> Place(absl::string_view relative) const;

  // Gives the directory the name `target` in one step, if nothing is there (AlreadyExists otherwise).
  absl::Status MoveTo(const std::string& target);
  // Exchanges it with the directory at `target` in one step: from then on this object holds the old
  // one, and removes it. Where kernel or file system can't do that, the old one is moved aside for the
  // moment between two renames; CleanUp moves it back. NotFound: nothing is there.
  absl::Status ExchangeWith(const std::string& target);
  // What ExchangeWith does where it has to; public so that it can be tested anywhere.
  absl::Status ExchangeByRenaming(const std::string& target);

  // Removes all temporaries of the process, and moves back what was moved aside. Async-signal-safe.
  static void CleanUp();

 private:
  struct Slot;
  TemporaryDirectory() = default;

  std::string path_;
  Slot* slot_ = nullptr;
};

}  // namespace dsperse

#endif  // DSPERSE_SLICER_TEMPORARY_DIRECTORY_H_
