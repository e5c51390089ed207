#include "app/attach_service.h"

#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "app/main_loop.h"
#include "attach/attachments.h"
#include "attach/controller.h"
#include "attach/dns_service.h"
#include "attach/hook_listener.h"
#include "base/error.h"
#include "base/log.h"
#include "cli/options.h"
#include "containers/engine.h"
#include "control/control_api.h"
#include "docker/docker_engine.h"
#include "firewall/firewall_reports.h"
#include "netfilter/gate.h"
#include "relay/relay.h"
#include "store/policy_store.h"
#include "sys/descriptor.h"
#include "workers/workers.h"

namespace nxgate::app {

Result<std::string> run_attach_service(MainLoop& loop, const cli::Options& options,
                                       attach::Subjects subjects, store::PolicyStore& policy_store,
                                       workers::Workers& workers, relay::Relay& relay,
                                       firewall::FirewallReports& reports, control::ControlApi& api,
                                       sys::Descriptor inotify,
                                       const std::function<void()>& ready) {
  const auto on_death = policy_store.docker().opens_on_death ? netfilter::OnDeath::kOpens
                                                             : netfilter::OnDeath::kStaysClosed;
  const bool watches_all = subjects.watches_all();
  attach::DnsService dns(workers);
  attach::Attachments attachments(loop.loop(), policy_store, dns, reports, relay, on_death);
  api.show(&attachments);
  std::shared_ptr<containers::Engine> engine;
  if (!subjects.socket.empty()) {
    engine = std::make_shared<docker::DockerEngine>(loop.loop(), subjects.socket);
  }
  attach::Controller controller(loop.loop(), std::move(subjects), std::move(engine), policy_store,
                                attachments, std::move(inotify));
  std::unique_ptr<attach::HookListener> hook;
  if (watches_all) {
    auto opened = attach::HookListener::open(loop.loop(), options.hook_socket, controller);
    if (opened) {
      hook = *std::move(opened);
    } else {
      log::warning("{}; containers with the runtime of `install-hook` can't start",
                   opened.error().message);
    }
  }
  loop.after_reload([&controller] { controller.reconsider(); });
  std::optional<Error> failure;
  controller.start([&](const Result<void>& begun) {
    if (begun) return ready();
    failure = begun.error();
    loop.end("failure");
  });
  Result<std::string> reason = failure ? std::unexpected(*failure) : loop.run();
  api.show(nullptr);
  if (loop.ending() == Ending::kHandOver) {
    attachments.hand_over();
  } else {
    attachments.detach_all();
  }
  if (failure) return std::unexpected(*std::move(failure));
  return reason;
}

}  // namespace nxgate::app
