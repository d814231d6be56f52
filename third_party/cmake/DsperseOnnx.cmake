# ONNX::onnx and ONNX::onnx_proto. A system package of 1.19 is taken when there is one; else the copy that
# build_onnx.sh makes once in the user's cache, and which is made here when it is missing.
#
# The cache key is the hash of the script, which also pins the source package. The installed form of this
# module gets the key from the package configuration.

find_package(ONNX 1.19 CONFIG QUIET)

if(NOT ONNX_FOUND)
  if(NOT DEFINED DSPERSE_ONNX_KEY)
    file(SHA256 "${CMAKE_CURRENT_LIST_DIR}/../build_onnx.sh" DSPERSE_ONNX_KEY)
    string(SUBSTRING "${DSPERSE_ONNX_KEY}" 0 12 DSPERSE_ONNX_KEY)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
                                           "${CMAKE_CURRENT_LIST_DIR}/../build_onnx.sh")
  endif()
  if(DEFINED ENV{XDG_CACHE_HOME} AND NOT "$ENV{XDG_CACHE_HOME}" STREQUAL "")
    set(_dsperse_cache "$ENV{XDG_CACHE_HOME}")
  else()
    set(_dsperse_cache "$ENV{HOME}/.cache")
  endif()
  set(_dsperse_onnx "${_dsperse_cache}/dsperse-slice/onnx-1.19.1-${DSPERSE_ONNX_KEY}")

  if(NOT EXISTS "${_dsperse_onnx}/lib/cmake/ONNX/ONNXConfig.cmake"
     AND EXISTS "${CMAKE_CURRENT_LIST_DIR}/../build_onnx.sh")
    execute_process(COMMAND "${CMAKE_CURRENT_LIST_DIR}/../build_onnx.sh" COMMAND_ERROR_IS_FATAL ANY)
  endif()
  find_package(ONNX 1.19 CONFIG REQUIRED PATHS "${_dsperse_onnx}" NO_DEFAULT_PATH)
endif()

# Its package configuration leaves these to the reader. The system's own include folder needs no mention.
get_filename_component(_dsperse_onnx_include "${ONNX_DIR}/../../../include" ABSOLUTE)
if(EXISTS "${_dsperse_onnx_include}/onnx/onnx_pb.h")
  set_property(TARGET ONNX::onnx_proto APPEND PROPERTY INTERFACE_INCLUDE_DIRECTORIES
                                                       "${_dsperse_onnx_include}")
endif()
# ONNX's own operator tests, where the copy brings them; our tests skip without.
get_filename_component(_dsperse_onnx_data "${ONNX_DIR}/../../../share/onnx-test-data" ABSOLUTE)
set(DSPERSE_ONNX_TEST_DATA "${_dsperse_onnx_data}" CACHE INTERNAL "Folder of ONNX's operator tests")
set_property(TARGET ONNX::onnx_proto APPEND PROPERTY INTERFACE_COMPILE_DEFINITIONS
                                                     ONNX_NAMESPACE=onnx ONNX_ML=1)
