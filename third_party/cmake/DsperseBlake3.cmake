# dsperse_blake3: BLAKE3's own C implementation, compiled from its source. Debian 12 has no library of it, but the
# source, in the package of the Rust library.
enable_language(C)

file(GLOB _dsperse_blake3_hints /usr/share/cargo/registry/blake3-*/c)
find_path(
  DSPERSE_BLAKE3_SOURCE blake3_dispatch.c
  HINTS ${_dsperse_blake3_hints}
  DOC "Folder c/ of BLAKE3's source (Debian: librust-blake3-dev)")
if(NOT DSPERSE_BLAKE3_SOURCE)
  message(FATAL_ERROR "BLAKE3's C source is missing: apt-get install librust-blake3-dev, or set DSPERSE_BLAKE3_SOURCE")
endif()

set(_dsperse_blake3_sources blake3.c blake3_dispatch.c blake3_portable.c)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  enable_language(ASM)
  list(APPEND _dsperse_blake3_sources blake3_sse2_x86-64_unix.S blake3_sse41_x86-64_unix.S blake3_avx2_x86-64_unix.S
       blake3_avx512_x86-64_unix.S)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  list(APPEND _dsperse_blake3_sources blake3_neon.c)
endif()
list(TRANSFORM _dsperse_blake3_sources PREPEND "${DSPERSE_BLAKE3_SOURCE}/")

add_library(dsperse_blake3 STATIC ${_dsperse_blake3_sources})
target_include_directories(dsperse_blake3 SYSTEM PUBLIC "$<BUILD_INTERFACE:${DSPERSE_BLAKE3_SOURCE}>")
# Always as the release: its assembly doesn't care, and what is around it is small.
target_compile_options(dsperse_blake3 PRIVATE -O2)
set_target_properties(dsperse_blake3 PROPERTIES EXPORT_NAME blake3 POSITION_INDEPENDENT_CODE ON)
