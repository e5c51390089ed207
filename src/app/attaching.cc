#include "app/attaching.h"

#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "app/attacher.h"
#include "app/attachments.h"
#include "app/fence_reports.h"
#include "app/hook_listener.h"
#include "app/main_loop.h"
#include "app/options.h"
#include "app/panel.h"
#include "app/reloader.h"
#include "app/workers.h"
#include "base/error.h"
#include "base/log.h"
#include "netfilter/gate.h"

namespace nxgate::app {

Result<std::string> run_attaching(MainLoop& loop, const Options& options, Targets targets,
                                  Reloader& reloader, Workers& workers, FenceReports& reports,
                                  Panel& panel, const std::function<void()>& ready) {
  const auto on_death = reloader.docker().opens_on_death ? netfilter::OnDeath::kOpens
                                                         : netfilter::OnDeath::kStaysClosed;
  const bool watches_all = targets.watches_all();
  Attachments attachments(loop.loop(), reloader, workers, reports, on_death);
  panel.show(&attachments);
  Attacher attacher(loop.loop(), options, std::move(targets), reloader, attachments);
  std::unique_ptr<HookListener> hook;
  if (watches_all) {
    auto opened = HookListener::open(loop.loop(), options.hook_socket, attacher);
    if (opened) {
      hook = *std::move(opened);
    } else {
      log::warning("{}; containers of the runtime of `install-hook` can't start",
                   opened.error().message);
    }
  }
  loop.after_reload([&attacher] { attacher.reconsider(); });
  std::optional<Error> failure;
  attacher.start([&](const Result<void>& begun) {
    if (begun) return ready();
    failure = begun.error();
    loop.end("failure");
  });
  Result<std::string> reason = failure ? std::unexpected(*failure) : loop.run();
  panel.show(nullptr);
  if (loop.ending() == Ending::kHandOver) {
    attachments.hand_over();
  } else {
    attachments.detach_all();
  }
  if (failure) return std::unexpected(*std::move(failure));
  return reason;
}

}  // namespace nxgate::app
