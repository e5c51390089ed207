# The program, its manual pages and its completions. The program itself writes them while it is
# installed, so that they are always those of its own commands and keys; one for another architecture runs
# in the toolchain's emulator.
include(GNUInstallDirs)
install(TARGETS nxgate RUNTIME)

# nxgate_installed_text(DIRECTORY FILE ARGUMENTS...): what the program prints, installed as a file.
function(nxgate_installed_text DIRECTORY FILE)
  list(JOIN ARGN " " arguments)
  set(text ${CMAKE_BINARY_DIR}/installed/${FILE})
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/installed)
  install(CODE "execute_process(COMMAND $<TARGET_PROPERTY:nxgate,CROSSCOMPILING_EMULATOR> \"$<TARGET_FILE:nxgate>\" ${arguments}
                OUTPUT_FILE \"${text}\" COMMAND_ERROR_IS_FATAL ANY)")
  install(FILES ${text} DESTINATION ${DIRECTORY})
endfunction()

nxgate_installed_text(${CMAKE_INSTALL_MANDIR}/man1 nxgate.1 man nxgate)
nxgate_installed_text(${CMAKE_INSTALL_MANDIR}/man5 nxgate.toml.5 man nxgate.toml)
set(share ${CMAKE_INSTALL_DATADIR})
nxgate_installed_text(${share}/bash-completion/completions nxgate completion bash)
nxgate_installed_text(${share}/zsh/site-functions _nxgate completion zsh)
nxgate_installed_text(${share}/fish/vendor_completions.d nxgate.fish completion fish)
