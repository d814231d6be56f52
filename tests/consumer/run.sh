#!/usr/bin/env bash
# run.sh BUILD_DIR C++_COMPILER: installs the tree built in BUILD_DIR, builds the project beside this file
# against it, and runs that.
set -euo pipefail
build=$1
compiler=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$build/consumer
rm -rf "$work"
cmake --install "$build" --prefix "$work/prefix" > "$work.log"
"$work/prefix/bin/dsperse-slice" --version
# Nothing in the installed package may lead back to the source or build tree.
top=$(cd "$here/../.." && pwd)
if grep -rnF "$top/" "$work/prefix/lib/cmake"; then
  echo "the installed package names the source tree" >&2
  exit 1
fi
cmake -S "$here" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" \
  -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=Release > "$work.log"
cmake --build "$work/build"
"$build/bin/make_model" resnet18 "$work/in.onnx" --size 16 --width 0.125
"$work/build/consumer" "$work/in.onnx" "$work/out.onnx" "$work/slices"
"$work/prefix/bin/dsperse-slice" verify "$work/in.onnx" "$work/out.onnx"
"$work/prefix/bin/dsperse-slice" verify "$work/in.onnx" "$work/slices"
