# The messages of dnstap, made from src/observe/dnstap.proto while building. Their source is C that is
# C++ as well, so one compiler and its flags do for all.
find_program(NXGATE_PROTOC_C protoc-c REQUIRED)
set(schema ${CMAKE_SOURCE_DIR}/src/observe/dnstap.proto)
set(made ${CMAKE_BINARY_DIR}/dnstap)
file(MAKE_DIRECTORY ${made})
add_custom_command(
  OUTPUT ${made}/dnstap.pb-c.c ${made}/dnstap.pb-c.h
  COMMAND ${NXGATE_PROTOC_C} --c_out=${made} --proto_path=${CMAKE_SOURCE_DIR}/src/observe ${schema}
  DEPENDS ${schema})
set_source_files_properties(${made}/dnstap.pb-c.c PROPERTIES LANGUAGE CXX COMPILE_OPTIONS -Wno-everything)
add_library(nxgate_dnstap_messages STATIC ${made}/dnstap.pb-c.c)
target_include_directories(nxgate_dnstap_messages SYSTEM PUBLIC ${made})
target_link_libraries(nxgate_dnstap_messages PUBLIC lib::protobufc PRIVATE nxgate_options)
