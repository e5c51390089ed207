# The lists of presets/ as rows of a table in the program, which therefore needs no file of them; a change of
# one calls for a new configuration.
file(GLOB lists CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/presets/*.list)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${lists})
set(rows "")
foreach(list ${lists})
  get_filename_component(name ${list} NAME_WE)
  file(READ ${list} text)
  string(APPEND rows "{\"${name}\", R\"list(${text})list\"},\n")
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/presets/presets.inc CONTENT "@rows@" @ONLY)
target_include_directories(nxgate_policy PRIVATE ${CMAKE_BINARY_DIR}/presets)
