// DNS inside attached namespaces.
#pragma once

#include <memory>
#include <string>

#include "attach/service.h"
#include "base/error.h"
#include "sys/netns.h"
#include "workers/workers.h"

namespace nxgate::attach {

/// UDP and TCP on loopback, served by the workers.
class DnsService final : public Service {
 public:
  explicit DnsService(workers::Workers& workers) : workers_(workers) {}

  [[nodiscard]] Result<std::unique_ptr<Sockets>> open(const sys::NetnsRef& netns,
                                                      const std::string& key) override;
  void end(const std::string& key) override { workers_.abandon(key); }

 private:
  workers::Workers& workers_;
};

}  // namespace nxgate::attach
