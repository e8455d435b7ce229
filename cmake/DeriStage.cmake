# deri_compile_flags: what every target of ours compiles with.
add_library(deri_compile_flags INTERFACE)
target_compile_options(
  deri_compile_flags
  INTERFACE -Wall -Wextra -Wpedantic -Werror
            # The synthetic generator promises the same bytes on every machine: no silent fused multiply-adds.
            -ffp-contract=off)
target_include_directories(deri_compile_flags INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_compile_definitions(deri_compile_flags INTERFACE DERI_VERSION="${PROJECT_VERSION}")
if(DERI_SANITIZE)
  target_compile_options(deri_compile_flags INTERFACE -fsanitize=address,undefined
                                                      -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  target_link_options(deri_compile_flags INTERFACE -fsanitize=address,undefined)
endif()
if(DERI_FUZZ)
  target_compile_options(deri_compile_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# deri_stage(NAME [TORCH] [USES libs...]): the static library of one folder of src/deri. Stages are linked
# in the order of docs/architecture.md, so a folder cannot use one to its right.
function(deri_stage name)
  cmake_parse_arguments(STAGE "TORCH" "" "USES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/deri/${name}/*.cpp)
  if(NOT sources)
    add_library(deri_${name} INTERFACE)
    target_link_libraries(deri_${name} INTERFACE deri_compile_flags ${STAGE_USES})
    return()
  endif()
  add_library(deri_${name} STATIC ${sources})
  target_link_libraries(deri_${name} PUBLIC deri_compile_flags ${STAGE_USES})
  if(STAGE_TORCH)
    target_link_libraries(deri_${name} PUBLIC deri_torch)
    deri_use_torch_pch(deri_${name})
  endif()
endfunction()

# torch/torch.h costs 20 s to parse, and its templates some seconds in every translation unit even when precompiled: parse it
# once, share it, and compile sources in groups.
function(deri_use_torch_pch target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 5)
  # A type of a .cpp with members from its anonymous namespace is sound, but not the main file in a group.
  target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
  if(target STREQUAL deri_nn)
    target_precompile_headers(${target} PRIVATE <torch/torch.h>)
  else()
    target_precompile_headers(${target} REUSE_FROM deri_nn)
  endif()
endfunction()

# Sources of a torch target that get by without libtorch: reading its precompiled header would only slow them down.
function(deri_torch_free)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_PRECOMPILE_HEADERS ON SKIP_UNITY_BUILD_INCLUSION ON
                              COMPILE_FLAGS "-include ${PROJECT_SOURCE_DIR}/cmake/torch_free.hpp")
endfunction()
