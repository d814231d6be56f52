# Language level, compiler launcher and linker: how this tree is built, nothing about what is in it.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

# One cache for all work trees: paths below the source folder are hashed relative to the build folder.
find_program(DSPERSE_CCACHE ccache)
mark_as_advanced(DSPERSE_CCACHE)
if(DSPERSE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" "CCACHE_NOHASHDIR=1"
      "${DSPERSE_CCACHE}")
endif()

find_program(DSPERSE_LLD ld.lld)
mark_as_advanced(DSPERSE_LLD)
if(DSPERSE_LLD)
  add_link_options(-fuse-ld=lld)
endif()
