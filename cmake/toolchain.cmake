# Warnings, linker, cache and sanitizers: everything that is a property of the build, not of a room.
add_library(nxgate_options INTERFACE)
# -iquote, not -I: the room `sys` must not stand in front of the system's <sys/socket.h>.
target_compile_options(nxgate_options INTERFACE -iquote ${CMAKE_SOURCE_DIR}/src)
target_compile_options(nxgate_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wswitch-enum -Wnon-virtual-dtor
  -Wimplicit-fallthrough -Wno-missing-designated-field-initializers -Werror)
target_compile_definitions(nxgate_options INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_VISIBILITY NXGATE_VERSION="${PROJECT_VERSION}")

# Two builds of one commit are the same, wherever they are made.
target_compile_options(nxgate_options INTERFACE -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)

# Debian's valgrind reads no DWARF 5 of clang's.
target_compile_options(nxgate_options INTERFACE $<$<CONFIG:RelWithDebInfo>:-gdwarf-4>)

find_program(NXGATE_CCACHE ccache)
if(NXGATE_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${NXGATE_CCACHE})
endif()

find_program(NXGATE_MOLD mold)
if(NXGATE_MOLD)
  # A shared library in a static program mold takes without a word.
  target_link_options(nxgate_options INTERFACE
    -fuse-ld=$<IF:$<BOOL:$<TARGET_PROPERTY:NXGATE_STATIC>>,lld,mold>)
else()
  target_link_options(nxgate_options INTERFACE -fuse-ld=lld)
endif()

set(NXGATE_SANITIZE "" CACHE STRING "Sanitizers for -fsanitize=, for example address,undefined")
if(NXGATE_SANITIZE)
  target_compile_options(nxgate_options INTERFACE
    -fsanitize=${NXGATE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(nxgate_options INTERFACE -fsanitize=${NXGATE_SANITIZE})
endif()
if(NXGATE_FUZZ)
  target_compile_options(nxgate_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
