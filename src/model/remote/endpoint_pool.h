// Which of several servers gets the next request, and which are left alone for a while.
//
// Pure bookkeeping: no network; the time is handed in. Three things are kept of each endpoint:
// - its outstanding requests: the next one goes where there are fewest;
// - its health: after a failure to connect, or three other failures without a success between, it
//   is put aside, for longer each time. When its time is over it is probed; once the probe is
//   answered, one request goes there on trial, and its success brings the endpoint back;
// - its share: an endpoint that says "too many requests" is given half as many at once as it had,
//   and one more for every round of successes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "model/remote/retry.h"

namespace memagent {

enum class EndpointFailure {
  kConnect,   // no connection: put aside at once
  kOther,     // broken connections, time-outs, 5xx, replies that are no replies
  kOverload,  // 429: not a failure of the endpoint, only too much asked of it
};

class EndpointPool {
 public:
  // A request's stay at an endpoint.
  struct Ticket {
    std::size_t endpoint = 0;
    std::uint64_t term = 0;        // of the endpoint's health when the request started
    std::uint64_t share_term = 0;  // of its share
    bool trial = false;
  };

  // `draw` gives numbers in [0, 1) for the jitter.
  EndpointPool(std::size_t endpoints, BackOff back_off, std::int32_t max_outstanding,
               std::function<double()> draw);

  // A place for one request, if there is any; another than `avoid` if there is a choice.
  std::optional<Ticket> begin(Clock::time_point now, std::optional<std::size_t> avoid = {});
  void succeeded(const Ticket& ticket);
  void failed(const Ticket& ticket, EndpointFailure failure, Clock::time_point now);
  // The request ended without telling anything about the endpoint (cancelled, refused as wrong).
  void ended(const Ticket& ticket);
  // The server asked for no requests until then (Retry-After).
  void pause(std::size_t endpoint, Clock::time_point until);

  // Endpoints that are to be probed now; each is reported once, then answered by one of the next
  // two.
  std::vector<std::size_t> due_probes(Clock::time_point now);
  void probe_succeeded(std::size_t endpoint);
  void probe_failed(std::size_t endpoint, Clock::time_point now);

  // When, after `now`, begin() or due_probes() may give something again by the passing of time
  // alone; time_point::max() if that takes an event.
  Clock::time_point next_change(Clock::time_point now) const;
  // How often, so far, every endpoint was put aside or failed its probe once more while none was
  // usable. Each such round stands for one failed attempt of every request that waits.
  std::uint64_t lost_rounds() const { return lost_rounds_; }
  // Some endpoint is not put aside.
  bool any_usable() const;

 private:
  enum class Health { kUp, kAside, kProbing, kTrial };
  struct State {
    Health health = Health::kUp;
    Clock::time_point aside_until;
    Clock::time_point paused_until;  // in the past: not paused
    std::int32_t outstanding = 0;
    std::int32_t failures = 0;   // in a row
    std::int32_t put_aside = 0;  // in a row
    std::uint64_t term = 0;
    std::uint64_t share_term = 0;
    double share = 0;  // requests at once
  };
  void put_aside(std::size_t endpoint, Clock::time_point now);

  std::vector<State> states_;
  BackOff back_off_;
  double max_outstanding_;
  std::function<double()> draw_;
  std::size_t next_first_ = 0;  // where the search for the fewest begins: ties take turns
  std::uint64_t lost_rounds_ = 0;
  std::int32_t counted_rounds_ = 0;
};

}  // namespace memagent
