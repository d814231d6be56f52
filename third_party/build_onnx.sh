#!/usr/bin/env bash
# Builds the ONNX library once, from its pinned source package, into the user's cache:
#   ${XDG_CACHE_HOME:-~/.cache}/dsperse-slice/onnx-1.19.1-<first 12 digits of this file's SHA-256>
# The package's operator tests (models, inputs, expected outputs) go to share/onnx-test-data in it.
# Does nothing when it is there. `--prefix` prints that folder and stops.
set -euo pipefail

version=1.19.1
sha256=737524d6eb3907d3499ea459c6f01c5a96278bb3a0f2ff8ae04786fb5d7f1ed5

key=$(sha256sum "$0" | cut -c1-12)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/dsperse-slice
prefix=$cache/onnx-$version-$key

if [ "${1-}" = --prefix ]; then
  echo "$prefix"
  exit 0
fi
[ -e "$prefix/lib/cmake/ONNX/ONNXConfig.cmake" ] && exit 0

echo "Building the ONNX $version library, once: about 4 minutes on two cores" >&2
mkdir -p "$cache"
work=$(mktemp -d "$cache/onnx-build.XXXXXX")
trap 'rm -rf "$work"' EXIT

echo "onnx==$version --hash=sha256:$sha256" > "$work/requirements.txt"
log=$work/log
fail() {
  tail -n 40 "$log" >&2
  echo "build_onnx.sh: $1" >&2
  exit 1
}
python3 -m pip download --no-deps --no-binary onnx --require-hashes -r "$work/requirements.txt" \
  -d "$work" > "$log" 2>&1 || fail "the source package could not be fetched"
tar -xzf "$work/onnx-$version.tar.gz" -C "$work"

generator=()
command -v ninja > /dev/null && generator=(-G Ninja)
launcher=()
command -v ccache > /dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
cmake -S "$work/onnx-$version" -B "$work/build" "${generator[@]}" "${launcher[@]}" \
  -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_CXX_FLAGS=-ffp-contract=off \
  -DCMAKE_POSITION_INDEPENDENT_CODE=ON \
  -DCMAKE_INSTALL_PREFIX="$work/install" \
  -DCMAKE_INSTALL_LIBDIR=lib \
  -DONNX_BUILD_PYTHON=OFF \
  -DONNX_USE_PROTOBUF_SHARED_LIBS=OFF \
  -DProtobuf_USE_STATIC_LIBS=ON > "$log" 2>&1 || fail "the build could not be configured"
cmake --build "$work/build" -j "$(nproc)" > "$log" 2>&1 || fail "the build failed"
cmake --install "$work/build" > "$log" 2>&1 || fail "the install failed"
mkdir -p "$work/install/share"
cp -r "$work/onnx-$version/onnx/backend/test/data" "$work/install/share/onnx-test-data"

# Whole or not at all; two builds at once end with one of them.
mv -T "$work/install" "$prefix" 2> /dev/null || [ -e "$prefix/lib/cmake/ONNX/ONNXConfig.cmake" ]
