#include "sys/attached.h"

#include <expected>

#include "base/error.h"
#include "sys/broker.h"
#include "sys/netns.h"

namespace nxgate::sys {

Result<Attached> Attached::at(const NetnsRef& netns) {
  const Broker* const broker = Broker::active();
  if (broker == nullptr) return Attached();
  if (auto done = broker->attach(netns); !done) return std::unexpected(done.error());
  return Attached(netns);
}

Attached::~Attached() {
  const Broker* const broker = Broker::active();
  if (broker != nullptr && netns_.held() != nullptr) broker->detach(netns_);
}

}  // namespace nxgate::sys
