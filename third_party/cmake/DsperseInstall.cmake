# cmake --install: the program, the libraries with their headers, and find_package(dsperse-slice).
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/dsperse-slice")

install(TARGETS dsperse-slice RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(
  TARGETS dsperse_blake3 dsperse_options dsperse_ir dsperse_ops dsperse_fold dsperse_estimate dsperse_slicer dsperse_prepare
  EXPORT dsperse-slice-targets
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(
  EXPORT dsperse-slice-targets
  NAMESPACE dsperse::
  DESTINATION "${package_dir}")

# Headers keep their paths: #include "fold/ir/graph.h".
foreach(folder IN ITEMS fold circuit_estimate slicer)
  install(
    DIRECTORY "${PROJECT_SOURCE_DIR}/${folder}"
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/dsperse-slice"
    FILES_MATCHING
    PATTERN "*.h"
    PATTERN "cli" EXCLUDE)
endforeach()

# The modules that find the dependencies; what the package configuration must know of them is written into it.
set(DSPERSE_ONNX_KEY_INSTALLED "${DSPERSE_ONNX_KEY}")
configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/third_party/cmake/dsperse-slice-config.cmake.in" "${PROJECT_BINARY_DIR}/dsperse-slice-config.cmake"
  INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file(
  "${PROJECT_BINARY_DIR}/dsperse-slice-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(
  FILES "${PROJECT_BINARY_DIR}/dsperse-slice-config.cmake"
        "${PROJECT_BINARY_DIR}/dsperse-slice-config-version.cmake"
        "${PROJECT_SOURCE_DIR}/third_party/cmake/DsperseDependencies.cmake"
        "${PROJECT_SOURCE_DIR}/third_party/cmake/DsperseOnnx.cmake"
        "${PROJECT_SOURCE_DIR}/third_party/cmake/FindMPFR.cmake"
  DESTINATION "${package_dir}")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
