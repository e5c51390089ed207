// How many descriptors and threads the process may have.
#pragma once

#include <cstddef>

namespace nxgate::sys {

/// Every TCP client and every port at an upstream holds a descriptor: raises the limit as far as it
/// goes, and returns how many there may be. Logs if it can't.
std::size_t raise_descriptor_limit();

/// Any process with our user, in any container, counts against our limit of threads. Without the
/// right to raise it the limit stays as it was for root.
void raise_thread_limit();

}  // namespace nxgate::sys
