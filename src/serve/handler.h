// The handler of incoming requests: the engine, or a stand-in in tests.
#pragma once

#include <cstddef>

#include "base/bytes.h"
#include "base/clock.h"
#include "engine/engine.h"

namespace nxgate::serve {

/// Makes the callback of a request that must wait; asked at most once, during `handle`.
class LateSource {
 public:
  virtual engine::LateReply make_late() = 0;

 protected:
  ~LateSource() = default;
};

/// One worker's handler. One virtual call per query; used only by the worker's thread.
class Handler {
 public:
  virtual ~Handler() = default;

  /// Called once before the requests of a batch.
  virtual void refresh() = 0;
  /// As engine::Engine::handle.
  virtual engine::Handled handle(const engine::Request& request, MutableBytes out,
                                 LateSource& late) = 0;
  /// Called once after the replies of a UDP batch were sent, so long after it was received.
  virtual void sent(std::size_t replies, Clock::duration taken) = 0;
};

/// The real one.
class EngineHandler final : public Handler {
 public:
  explicit EngineHandler(engine::Engine& engine) : engine_(engine) {}

  void refresh() override { engine_.refresh(); }
  engine::Handled handle(const engine::Request& request, MutableBytes out,
                         LateSource& late) override {
    return engine_.handle(request, out, [&late] { return late.make_late(); });
  }
  void sent(std::size_t replies, Clock::duration taken) override {
    engine_.sent_at_once(replies, taken);
  }

 private:
  engine::Engine& engine_;
};

}  // namespace nxgate::serve
