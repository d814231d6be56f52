// Bytes into the reader of slices metadata (MessagePack): an error with a reason, or metadata that is written
// and read back the same.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "slicer/metadata.h"

namespace {

void Fail(const char* what, const absl::Status& status) {
  std::fprintf(stderr, "%s: %s\n", what, status.ToString().c_str());
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::StatusOr<dsperse::Metadata> metadata =
      dsperse::DecodeMetadata(std::string(reinterpret_cast<const char*>(data), size));
  if (!metadata.ok()) {
    if (absl::IsInternal(metadata.status()) || absl::IsUnknown(metadata.status())) Fail("decode", metadata.status());
    return 0;
  }
  const std::string bytes = dsperse::EncodeMetadata(*metadata);
  const absl::StatusOr<dsperse::Metadata> again = dsperse::DecodeMetadata(bytes);
  if (!again.ok()) Fail("decode what was encoded", again.status());
  if (dsperse::EncodeMetadata(*again) != bytes) Fail("encoding again gives other bytes", absl::OkStatus());
  return 0;
}
