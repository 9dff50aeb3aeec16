# weir_add_job(name source...): a job library, name.so, for `weir run`. In this tree and, by find_package(Weir), elsewhere.
function(weir_add_job name)
  add_library(${name} MODULE ${ARGN})
  target_link_libraries(${name} PRIVATE Weir::weir)
  target_compile_features(${name} PRIVATE cxx_std_20)
  set_target_properties(${name} PROPERTIES PREFIX "" SUFFIX ".so" CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
  # What neither the job nor libweir.so has is an error here, not in a worker. Sanitizers come with the worker.
  if(NOT WEIR_SANITIZE)
    target_link_options(${name} PRIVATE -Wl,--no-undefined)
  endif()
endfunction()
