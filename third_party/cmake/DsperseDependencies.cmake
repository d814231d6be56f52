# Finds what the libraries link. Used by this tree and, installed beside the package configuration, by the
# projects that use it; so it says nothing about programs and tests.

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

# Static where a short run would have to load and relocate the library: a process starts in 1 ms that way, in
# 3 ms with shared ones.
set(Protobuf_USE_STATIC_LIBS ON)
find_package(Protobuf 3.21 REQUIRED)
find_package(absl REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(Eigen3 3.4 REQUIRED)
set(OPENSSL_USE_STATIC_LIBS ON)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(MPFR REQUIRED)
include(DsperseOnnx)
