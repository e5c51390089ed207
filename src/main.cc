#include <cstdio>
#include <exception>

#include <malloc.h>
#ifdef NXGATE_STATIC
#include <nss.h>
#endif

#include "app/run.h"

int main(int argc, char** argv) {
  // Tables of a reload go back to the system when they are freed. By default glibc learns to keep
  // blocks of their size, and the process grows from reload to reload.
  ::mallopt(M_MMAP_THRESHOLD, 1 << 20);  // NOLINT(concurrency-mt-unsafe): there is one thread
#ifdef NXGATE_STATIC
  // A static program can't load what nsswitch.conf names, as libnss-systemd: glibc tries, and it
  // crashes. So users and groups are those of /etc/passwd and /etc/group.
  __nss_configure_lookup("passwd", "files");
  __nss_configure_lookup("group", "files");
#endif
  try {
    return nxgate::app::run(argc, argv);
  } catch (const std::exception& error) {  // out of memory, in effect
    std::fprintf(stderr, "nxgate: %s\n", error.what());
    return 1;
  }
}
