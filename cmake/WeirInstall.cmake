# cmake --install: bin (programs and scripts), lib, include, conf. Meant for a folder of its own, such as /opt/weir.
include(CMakePackageConfigHelpers)

function(weir_install)
  set(package lib/cmake/Weir)
  foreach(program weir-cli weir-jobmanager weir-taskmanager weir-worker)
    if(TARGET ${program})
      set_target_properties(${program} PROPERTIES INSTALL_RPATH "$ORIGIN/../lib")
      install(TARGETS ${program} RUNTIME DESTINATION bin)
    endif()
  endforeach()
  install(TARGETS weir EXPORT WeirTargets LIBRARY DESTINATION lib INCLUDES DESTINATION include)
  install(EXPORT WeirTargets NAMESPACE Weir:: DESTINATION ${package})
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/weir DESTINATION include FILES_MATCHING PATTERN *.h)
  configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/WeirConfig.cmake.in ${CMAKE_BINARY_DIR}/WeirConfig.cmake
    INSTALL_DESTINATION ${package})
  # 0.x: a job is built for one minor version.
  write_basic_package_version_file(${CMAKE_BINARY_DIR}/WeirConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_BINARY_DIR}/WeirConfig.cmake ${CMAKE_BINARY_DIR}/WeirConfigVersion.cmake
    ${CMAKE_SOURCE_DIR}/cmake/WeirJobs.cmake DESTINATION ${package})
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/conf/ DESTINATION conf)
  install(PROGRAMS ${CMAKE_SOURCE_DIR}/deploy/start-cluster.sh ${CMAKE_SOURCE_DIR}/deploy/stop-cluster.sh
    ${CMAKE_SOURCE_DIR}/deploy/jobmanager.sh ${CMAKE_SOURCE_DIR}/deploy/taskmanager.sh
    ${CMAKE_SOURCE_DIR}/deploy/weir-daemon.sh ${CMAKE_SOURCE_DIR}/deploy/config.sh DESTINATION bin)
  install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION share/doc/weir)
endfunction()
