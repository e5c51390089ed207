#include <cstdio>
#include <exception>

#include "app/run.h"

int main(int argc, char** argv) {
  try {
    return nxgate::app::run(argc, argv);
  } catch (const std::exception& error) {  // out of memory, in effect
    std::fprintf(stderr, "nxgate: %s\n", error.what());
    return 1;
  }
}
