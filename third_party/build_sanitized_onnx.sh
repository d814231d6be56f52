#!/usr/bin/env bash
# Builds the ONNX library of build_onnx.sh once more, instrumented for the preset `fuzz`: clang, coverage counters,
# AddressSanitizer and UndefinedBehaviorSanitizer. `--prefix` prints its folder and stops.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

export CXX=$here/sanitized_clang++
key=$(sha256sum "$CXX" | cut -c1-12)
export XDG_CACHE_HOME=${XDG_CACHE_HOME:-$HOME/.cache}/dsperse-slice/sanitized-$key
exec "$here/build_onnx.sh" "$@"
