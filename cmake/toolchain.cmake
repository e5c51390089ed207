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

# Hardening. A sanitizer brings its own, and what fortifies glibc's functions wants an optimised build.
# docs/security.md says what else was tried, and what it would cost.
set(NXGATE_SANITIZE "" CACHE STRING "Sanitizers for -fsanitize=, for example address,undefined")
target_compile_options(nxgate_options INTERFACE -fPIE -fvisibility=hidden -fvisibility-inlines-hidden)
target_link_options(nxgate_options INTERFACE
  $<$<NOT:$<BOOL:$<TARGET_PROPERTY:NXGATE_STATIC>>>:-pie> -Wl,-z,relro,-z,now,-z,noexecstack)
if(NOT NXGATE_SANITIZE)
  target_compile_options(nxgate_options INTERFACE
    -fstack-protector-strong -fstack-clash-protection
    $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3>)
  if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    target_compile_options(nxgate_options INTERFACE -fcf-protection=full)
  endif()
endif()

# What only tests are made of: optimising them takes more time than it saves when they run.
add_library(nxgate_test_options INTERFACE)
target_link_libraries(nxgate_test_options INTERFACE nxgate_options)
target_compile_options(nxgate_test_options INTERFACE -O0 SHELL:-U_FORTIFY_SOURCE)

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

if(NXGATE_SANITIZE)
  target_compile_options(nxgate_options INTERFACE
    -fsanitize=${NXGATE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(nxgate_options INTERFACE -fsanitize=${NXGATE_SANITIZE})
endif()
if(NXGATE_FUZZ)
  target_compile_options(nxgate_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
