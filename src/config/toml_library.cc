// toml++, compiled here once: Debian has no static library of it.
#define TOML_IMPLEMENTATION
#include <toml++/toml.h>
