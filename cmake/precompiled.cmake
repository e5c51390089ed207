# Headers of libraries that most files include, parsed once for all of them: clang reads them back in a
# third of the time. A file includes what it uses all the same: the preset `dev`, which `make lint`
# reads, builds without.
set(precompiled
  <algorithm> <array> <chrono> <expected> <filesystem> <functional> <map> <memory> <mutex> <optional>
  <span> <string> <string_view> <system_error> <thread> <utility> <vector>
  <boost/asio/as_tuple.hpp> <boost/asio/awaitable.hpp> <boost/asio/co_spawn.hpp>
  <boost/asio/detached.hpp> <boost/asio/io_context.hpp> <boost/asio/posix/stream_descriptor.hpp>
  <boost/asio/post.hpp> <boost/asio/steady_timer.hpp> <boost/asio/use_awaitable.hpp>
  <boost/json/serialize.hpp> <boost/json/value.hpp> <boost/unordered/unordered_flat_map.hpp>
  <fmt/core.h>)

# nxgate_precompiled(NAME LINK lib... HEADERS header...): targets that say
# `target_precompile_headers(TARGET REUSE_FROM NAME)` have HEADERS ready.
function(nxgate_precompiled NAME)
  cmake_parse_arguments(OF "" "" "LINK;HEADERS" ${ARGN})
  add_library(${NAME} OBJECT ${CMAKE_SOURCE_DIR}/cmake/precompiled.cc)
  target_link_libraries(${NAME} PRIVATE ${OF_LINK})
  target_precompile_headers(${NAME} PRIVATE ${OF_HEADERS})
endfunction()

# What most files of the rooms from level 4 on include of the rooms below, with all that these include.
set(below "\"config/settings.h\"" "\"engine/engine.h\""
  <boost/asio/ip/tcp.hpp> <boost/asio/local/stream_protocol.hpp>)
set(tests <gmock/gmock.h> <gtest/gtest.h>)

nxgate_precompiled(precompiled_for_rooms LINK nxgate_options Boost::headers Threads::Threads
  HEADERS ${precompiled})
nxgate_precompiled(precompiled_for_tests LINK nxgate_test_options Boost::headers GTest::gmock
  HEADERS ${precompiled} ${tests})
nxgate_precompiled(precompiled_for_upper_rooms LINK nxgate_options Boost::headers Threads::Threads
  HEADERS ${precompiled} ${below})
nxgate_precompiled(precompiled_for_upper_tests LINK nxgate_test_options Boost::headers GTest::gmock
  HEADERS ${precompiled} ${below} ${tests})
