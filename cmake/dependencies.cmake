# What is linked, and nothing else. docs/dependencies.md says why each one.
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED CONFIG)
find_package(CLI11 REQUIRED)
find_package(GTest REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(benchmark QUIET)  # for `make microbench` alone

# nxgate_library(NAME PACKAGE [LIB...]): a package as lib::NAME, with what its static library needs
# beside it. Linked by name and not by path, so that the same rooms go into the program with shared
# libraries and into the one without.
function(nxgate_library NAME PACKAGE)
  pkg_check_modules(${NAME} REQUIRED ${PACKAGE})
  add_library(lib::${NAME} INTERFACE IMPORTED GLOBAL)
  target_link_libraries(lib::${NAME} INTERFACE ${${NAME}_LIBRARIES}
    $<$<BOOL:$<TARGET_PROPERTY:NXGATE_STATIC>>:${ARGN}>)
endfunction()

# Of its headers alone; src/config/toml_library.cc compiles the rest.
add_library(lib::tomlplusplus INTERFACE IMPORTED GLOBAL)
target_compile_definitions(lib::tomlplusplus INTERFACE TOML_HEADER_ONLY=0)
nxgate_library(sodium libsodium)
nxgate_library(psl libpsl idn2 unistring)
nxgate_library(capng libcap-ng)
nxgate_library(seccomp libseccomp)
nxgate_library(ncursesw ncursesw)
nxgate_library(fstrm libfstrm)
nxgate_library(protobufc libprotobuf-c)

# Boost.URL: up to 1.81 src/base/libraries.cc compiles it from its headers, later ones have a library alone.
add_library(lib::boost_url INTERFACE IMPORTED GLOBAL)
target_link_libraries(lib::boost_url INTERFACE Boost::headers)
if(Boost_VERSION VERSION_GREATER_EQUAL 1.82)
  find_package(Boost REQUIRED CONFIG COMPONENTS url)
  target_link_libraries(lib::boost_url INTERFACE boost_url)
  # The libstdc++ beside it marks std::aligned_storage as deprecated, which Beast uses.
  target_compile_options(nxgate_options INTERFACE -U__DEPRECATED)
endif()
