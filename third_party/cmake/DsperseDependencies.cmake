# Finds what the libraries link. Used by this tree and, installed beside the package configuration, by the
# projects that use it; so it says nothing about tests.
#
# Everything that a short run would have to load and relocate is linked statically: a process starts in
# 1 ms that way, in 3 ms with the shared libraries.

set(CMAKE_THREAD_PREFER_PTHREAD ON)
find_package(Threads REQUIRED)
set(THREADS_PREFER_PTHREAD_FLAG ON)

set(Protobuf_USE_STATIC_LIBS ON)
find_package(Protobuf 3.21 REQUIRED)
find_package(absl REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(Eigen3 3.4 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
set(OPENSSL_USE_STATIC_LIBS ON)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(MPFR REQUIRED)
include(DsperseOnnx)

# Debian's Abseil ships both forms, its CMake package names the shared one.
function(dsperse_link_absl_statically)
  get_property(targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  foreach(target IN LISTS targets)
    if(NOT target MATCHES "^absl::")
      continue()
    endif()
    get_target_property(config ${target} IMPORTED_CONFIGURATIONS)
    if(NOT config)
      continue()
    endif()
    list(GET config 0 config)
    get_target_property(location ${target} IMPORTED_LOCATION_${config})
    string(REGEX REPLACE "\\.so[.0-9]*$" ".a" archive "${location}")
    if(EXISTS "${archive}")
      set_target_properties(
        ${target} PROPERTIES IMPORTED_LOCATION_${config} "${archive}" IMPORTED_SONAME_${config} ""
                             IMPORTED_NO_SONAME_${config} ON)
    endif()
  endforeach()
endfunction()
dsperse_link_absl_statically()

# Imported targets are visible in the folder that finds them; the whole tree needs them.
get_property(_dsperse_imported DIRECTORY PROPERTY IMPORTED_TARGETS)
foreach(_dsperse_target IN LISTS _dsperse_imported)
  get_target_property(_dsperse_type ${_dsperse_target} TYPE)
  if(NOT _dsperse_target MATCHES "^(protobuf::protoc)$" AND NOT _dsperse_type STREQUAL "EXECUTABLE")
    set_target_properties(${_dsperse_target} PROPERTIES IMPORTED_GLOBAL ON)
  endif()
endforeach()
unset(_dsperse_imported)
unset(_dsperse_type)
