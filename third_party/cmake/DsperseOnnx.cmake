# ONNX::onnx and ONNX::onnx_proto. A system package of 1.19 is taken when there is one; else the copy that
# build_onnx.sh makes once in the user's cache, and which is made here when it is missing.
#
# The cache key is the hash of the script, which also pins the source package. The installed form of this
# module gets the key from the package configuration.

set(_dsperse_onnx_script "${CMAKE_CURRENT_LIST_DIR}/../build_onnx.sh")
if(NOT DEFINED DSPERSE_ONNX_KEY)
  file(SHA256 "${_dsperse_onnx_script}" DSPERSE_ONNX_KEY)
  string(SUBSTRING "${DSPERSE_ONNX_KEY}" 0 12 DSPERSE_ONNX_KEY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${_dsperse_onnx_script}")
endif()

if(DEFINED ENV{XDG_CACHE_HOME} AND NOT "$ENV{XDG_CACHE_HOME}" STREQUAL "")
  set(_dsperse_cache "$ENV{XDG_CACHE_HOME}/dsperse-slice")
else()
  set(_dsperse_cache "$ENV{HOME}/.cache/dsperse-slice")
endif()
set(_dsperse_onnx "${_dsperse_cache}/onnx-1.19.1-${DSPERSE_ONNX_KEY}")

# A build folder remembers what it found; a copy made by an older script does not count.
if("${ONNX_DIR}" MATCHES "^${_dsperse_cache}/" AND NOT "${ONNX_DIR}" MATCHES "^${_dsperse_onnx}/")
  unset(ONNX_DIR CACHE)
endif()
find_package(ONNX 1.19 CONFIG QUIET)

if(NOT ONNX_FOUND)
  if(NOT EXISTS "${_dsperse_onnx}/lib/cmake/ONNX/ONNXConfig.cmake"
     AND EXISTS "${_dsperse_onnx_script}")
    execute_process(COMMAND "${_dsperse_onnx_script}" COMMAND_ERROR_IS_FATAL ANY)
  endif()
  find_package(ONNX 1.19 CONFIG REQUIRED PATHS "${_dsperse_onnx}" NO_DEFAULT_PATH)
endif()

# Instrumented for fuzzing: the same headers, so that objects compiled with them serve either way.
if(DSPERSE_SANITIZED_ONNX)
  set(_dsperse_onnx_script "${CMAKE_CURRENT_LIST_DIR}/../build_sanitized_onnx.sh")
  execute_process(COMMAND "${_dsperse_onnx_script}" COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND "${_dsperse_onnx_script}" --prefix OUTPUT_VARIABLE _dsperse_sanitized
                  OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  foreach(target IN ITEMS onnx onnx_proto)
    set_target_properties(ONNX::${target} PROPERTIES IMPORTED_LOCATION_RELEASE
                                                     "${_dsperse_sanitized}/lib/lib${target}.a")
  endforeach()
endif()

# Its package configuration leaves these to the reader. The system's own include folder needs no mention.
get_filename_component(_dsperse_onnx_include "${ONNX_DIR}/../../../include" ABSOLUTE)
if(EXISTS "${_dsperse_onnx_include}/onnx/onnx_pb.h")
  set_property(TARGET ONNX::onnx_proto APPEND PROPERTY INTERFACE_INCLUDE_DIRECTORIES
                                                       "${_dsperse_onnx_include}")
endif()
set_property(TARGET ONNX::onnx_proto APPEND PROPERTY INTERFACE_COMPILE_DEFINITIONS
                                                     ONNX_NAMESPACE=onnx ONNX_ML=1)

# ONNX's own operator tests, where the copy brings them; our tests skip without.
get_filename_component(_dsperse_onnx_data "${ONNX_DIR}/../../../share/onnx-test-data" ABSOLUTE)
set(DSPERSE_ONNX_TEST_DATA "${_dsperse_onnx_data}" CACHE INTERNAL "Folder of ONNX's operator tests")
