#include "sys/broker.h"

namespace nxgate::sys {
namespace {

const Broker* active_broker = nullptr;

}  // namespace

const Broker* Broker::active() noexcept { return active_broker; }

void Broker::set_active() const noexcept { active_broker = this; }

void Broker::reset_active() const noexcept {
  if (active_broker == this) active_broker = nullptr;
}

}  // namespace nxgate::sys
