#!/usr/bin/env bash
# run_source.sh BUILD_DIR C++_COMPILER: builds the project beside this file with the source tree as a part of it
# (FetchContent, add_subdirectory), in a folder beside BUILD_DIR and with its flags: the compiler's cache knows the
# objects then. Runs it, and installs it: nothing of ours may come along.
set -euo pipefail
build=$1
compiler=$2
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
work=$build-source
rm -rf "$work"
trap 'rm -rf "$work"' EXIT
cached() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }
type=$(cached CMAKE_BUILD_TYPE)
flags=CMAKE_CXX_FLAGS_${type^^}
cmake -G Ninja -S "$here" -B "$work" -DDSPERSE_SLICE_SOURCE="$top" -DCMAKE_CXX_COMPILER="$compiler" \
  -DCMAKE_BUILD_TYPE="$type" -D"$flags=$(cached "$flags")" -DCMAKE_INSTALL_PREFIX="$work/prefix"
cmake --build "$work" --target consumer
"$build/bin/make_model" resnet18 "$work/in.onnx" --size 16 --width 0.125
"$work/consumer" "$work/in.onnx" "$work/out.onnx" "$work/slices"
"$build/bin/dsperse-slice" verify "$work/in.onnx" "$work/slices"

if (cd "$work" && ctest -N) | grep -q 'Test *#1:'; then
  echo "our tests are tests of the project too" >&2
  exit 1
fi
cmake --install "$work" > "$work/install.log"
installed=$(cd "$work/prefix" && find . -type f)
if [ "$installed" != ./bin/consumer ]; then
  echo "more is installed than the project's own: $installed" >&2
  exit 1
fi
