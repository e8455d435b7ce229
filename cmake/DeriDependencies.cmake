# Everything the project links against. `make setup` installs the Debian 12 packages.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(Torch REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(PkgConfig REQUIRED)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(SOXR REQUIRED IMPORTED_TARGET soxr)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
find_package(pugixml REQUIRED)
find_package(ZLIB REQUIRED)
if(DERI_BUILD_TESTS)
  find_package(GTest REQUIRED)
endif()

# libtorch as a target of our own: its warnings are not ours, and its flags reach only who links it.
add_library(deri_torch INTERFACE)
target_link_libraries(deri_torch INTERFACE ${TORCH_LIBRARIES})
target_include_directories(deri_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
separate_arguments(DERI_TORCH_FLAGS UNIX_COMMAND "${TORCH_CXX_FLAGS}")
target_compile_options(deri_torch INTERFACE ${DERI_TORCH_FLAGS})

# OpenBLAS's own threads and libtorch's (OpenMP) would wait for each other by spinning on the same cores; its OpenMP variant
# shares them. An rpath of the old kind, which counts for libtorch's dependencies, too, chooses it whatever the
# system's default is.
find_path(DERI_OPENBLAS_OPENMP libopenblas.so.0 PATHS /usr/lib PATH_SUFFIXES ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp
                                                                             openblas-openmp)
if(DERI_OPENBLAS_OPENMP)
  target_link_options(deri_torch INTERFACE -Wl,--disable-new-dtags -Wl,-rpath,${DERI_OPENBLAS_OPENMP})
else()
  message(WARNING "OpenBLAS for OpenMP (libopenblas0-openmp) was not found: training will be slower")
endif()

# deri_optional(NAME FOUND WHAT): sets DERI_WITH_<NAME> to 1 or 0, which the sources of the stage that uses it see. Without
# the library of a reader, the program says of such a file that this build cannot read it.
function(deri_optional name found what)
  if(found)
    set(DERI_WITH_${name} 1 PARENT_SCOPE)
  else()
    message(WARNING "${name} was not found: this build will not have ${what}")
    set(DERI_WITH_${name} 0 PARENT_SCOPE)
  endif()
endfunction()

# deri_find(NAME HEADER libraries...): an imported target, and NAME_FOUND, for libraries whose own package files are of no use: DCMTK's
# ask for libraries that its data module does not need, BioSig's pass on what it was compiled with.
function(deri_find name header)
  find_path(${name}_INCLUDE ${header})
  set(found ${${name}_INCLUDE})
  foreach(library ${ARGN})
    find_library(${name}_${library} ${library})
    list(APPEND paths ${${name}_${library}})
    if(NOT ${name}_${library})
      set(found FALSE)
    endif()
  endforeach()
  if(found)
    add_library(PkgConfig::${name} INTERFACE IMPORTED)
    target_include_directories(PkgConfig::${name} SYSTEM INTERFACE ${${name}_INCLUDE})
    target_link_libraries(PkgConfig::${name} INTERFACE ${paths})
  endif()
  set(${name}_FOUND "${found}" PARENT_SCOPE)
endfunction()
deri_find(DCMTK dcmtk/dcmdata/dctk.h dcmdata oflog ofstd)
deri_find(BIOSIG biosig.h biosig)
pkg_check_modules(FLAC QUIET IMPORTED_TARGET flac)
pkg_check_modules(CAIRO QUIET IMPORTED_TARGET cairo cairo-pdf cairo-svg)
deri_find(ONEDNN dnnl.hpp dnnl)
deri_optional(ONEDNN "${ONEDNN_FOUND}" "the fast inference kernels (libtorch's own take their place)")
deri_optional(DCMTK "${DCMTK_FOUND}" "the DICOM reader")
deri_optional(BIOSIG "${BIOSIG_FOUND}" "the readers of SCP-ECG, EDF, BDF and ISHNE")
deri_optional(FLAC "${FLAC_FOUND}" "WFDB's compressed signal formats 508, 516 and 524")
deri_optional(CAIRO "${CAIRO_FOUND}" "`deri plot`")
# For everybody who uses libtorch: a precompiled header is shared only under the same definitions.
target_compile_definitions(deri_torch INTERFACE DERI_WITH_ONEDNN=${DERI_WITH_ONEDNN})
