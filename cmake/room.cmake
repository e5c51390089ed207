# Builds the *_bench.cc of every room; `make microbench` runs them.
add_custom_target(microbench)

# nxgate_room(NAME LEVEL n [USES room...] [LINK lib...] [PRIVATE_LINK lib...])
#
# Makes the library nxgate_NAME from src/NAME/*.cc, one GoogleTest program from its *_test.cc, a fuzz
# target from each *_fuzz.cc, and one google-benchmark program from its *_bench.cc (if the library is
# there; not part of an ordinary build). Refuses at configure time a room in USES that is not on a
# lower level, an #include of a room that is not in USES, and a room without README.md.
function(nxgate_room NAME)
  cmake_parse_arguments(ROOM "" "LEVEL" "USES;LINK;PRIVATE_LINK" ${ARGN})
  set(dir ${CMAKE_SOURCE_DIR}/src/${NAME})
  set_property(GLOBAL PROPERTY nxgate_level_${NAME} ${ROOM_LEVEL})
  foreach(used ${ROOM_USES})
    get_property(used_level GLOBAL PROPERTY nxgate_level_${used})
    if("${used_level}" STREQUAL "" OR NOT used_level LESS ROOM_LEVEL)
      message(FATAL_ERROR "room ${NAME} (level ${ROOM_LEVEL}) may not use ${used}: arrows point down only")
    endif()
  endforeach()

  if(NOT EXISTS ${dir}/README.md)
    message(FATAL_ERROR "room ${NAME} has no README.md: what it is, where to start, what always holds")
  endif()

  file(GLOB sources CONFIGURE_DEPENDS ${dir}/*.cc)
  file(GLOB headers CONFIGURE_DEPENDS ${dir}/*.h)
  _nxgate_check_includes(${NAME} "${ROOM_USES}" "${sources};${headers}")

  set(tests ${sources})
  set(fuzzers ${sources})
  set(benches ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")
  list(FILTER benches INCLUDE REGEX "_bench\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_(test|fuzz|bench)\\.cc$")

  add_library(nxgate_${NAME} STATIC ${sources})
  target_link_libraries(nxgate_${NAME} PUBLIC ${ROOM_LINK} Threads::Threads
                        PRIVATE nxgate_options ${ROOM_PRIVATE_LINK})
  target_precompile_headers(nxgate_${NAME} REUSE_FROM precompiled_for_rooms)
  foreach(used ${ROOM_USES})
    target_link_libraries(nxgate_${NAME} PUBLIC nxgate_${used})
  endforeach()

  if(tests)
    add_executable(${NAME}_test ${tests})
    target_link_libraries(${NAME}_test PRIVATE nxgate_${NAME} nxgate_options GTest::gmock GTest::gtest_main)
    target_precompile_headers(${NAME}_test REUSE_FROM precompiled_for_tests)
    add_test(NAME unit.${NAME} COMMAND ${NAME}_test WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  endif()
  foreach(fuzzer ${fuzzers})
    _nxgate_fuzz_target(${NAME} ${fuzzer})
  endforeach()
  if(benches AND TARGET benchmark::benchmark_main)
    add_executable(${NAME}_bench EXCLUDE_FROM_ALL ${benches})
    target_link_libraries(${NAME}_bench PRIVATE nxgate_${NAME} nxgate_options benchmark::benchmark_main)
    add_dependencies(microbench ${NAME}_bench)
  endif()
endfunction()

function(_nxgate_check_includes NAME USES FILES)
  foreach(file ${FILES})
    file(STRINGS ${file} includes REGEX "^#include \"[a-z]+/")
    foreach(line ${includes})
      string(REGEX REPLACE "^#include \"([a-z]+)/.*" "\\1" room "${line}")
      if(NOT room STREQUAL NAME AND NOT room IN_LIST USES)
        message(FATAL_ERROR "${file}: room ${NAME} may not include room ${room} (see CMakeLists.txt)")
      endif()
    endforeach()
  endforeach()
endfunction()

# A fuzz target is a libFuzzer program with the preset `fuzz`; with every other preset it is a plain
# test that runs each file of tests/corpus/TARGET once.
function(_nxgate_fuzz_target ROOM FILE)
  get_filename_component(target ${FILE} NAME_WE)
  if(NXGATE_FUZZ)
    add_executable(${target} ${FILE})
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    add_dependencies(fuzzers ${target})
  else()
    add_executable(${target} ${FILE} ${CMAKE_SOURCE_DIR}/tests/corpus_replay.cc)
  endif()
  target_link_libraries(${target} PRIVATE nxgate_${ROOM} nxgate_options)
  target_precompile_headers(${target} REUSE_FROM precompiled_for_rooms)
  add_test(NAME corpus.${target} COMMAND ${target} ${CMAKE_SOURCE_DIR}/tests/corpus/${target})
  set_property(GLOBAL APPEND PROPERTY nxgate_fuzz_targets ${target})
endfunction()
