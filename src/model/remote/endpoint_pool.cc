#include "model/remote/endpoint_pool.h"

#include <algorithm>

#include "base/check.h"

namespace memagent {
namespace {

constexpr std::int32_t kFailuresToPutAside = 3;

}  // namespace

EndpointPool::EndpointPool(std::size_t endpoints, BackOff back_off, std::int32_t max_outstanding,
                           std::function<double()> draw)
    : states_(endpoints),
      back_off_(back_off),
      max_outstanding_(max_outstanding),
      draw_(std::move(draw)) {
  for (State& state : states_) state.share = max_outstanding_;
}

bool EndpointPool::any_usable() const {
  return std::any_of(states_.begin(), states_.end(), [](const State& state) {
    return state.health == Health::kUp || state.health == Health::kTrial;
  });
}

std::optional<EndpointPool::Ticket> EndpointPool::begin(Clock::time_point now,
                                                        std::optional<std::size_t> avoid) {
  std::optional<std::size_t> best;
  const auto better = [&](std::size_t a, std::size_t b) {
    if ((a == avoid) != (b == avoid)) return b == avoid;
    const State& x = states_[a];
    const State& y = states_[b];
    // One on trial first: the sooner it is known to work, the sooner it shares the load.
    if (x.health != y.health) return x.health == Health::kTrial;
    return x.outstanding < y.outstanding;
  };
  for (std::size_t i = 0; i < states_.size(); ++i) {
    const std::size_t endpoint = (next_first_ + i) % states_.size();
    const State& state = states_[endpoint];
    if (state.paused_until > now) continue;
    const bool room = state.health == Health::kUp ? state.outstanding < std::max(1.0, state.share)
                                                  : state.health == Health::kTrial;
    if (room && (!best || better(endpoint, *best))) best = endpoint;
  }
  if (!best) return std::nullopt;
  next_first_ = (*best + 1) % states_.size();
  State& state = states_[*best];
  ++state.outstanding;
  const Ticket ticket{*best, state.term, state.share_term, state.health == Health::kTrial};
  // The trial's place is taken; until its end the endpoint is as good as aside.
  if (ticket.trial) state.health = Health::kProbing;
  return ticket;
}

void EndpointPool::ended(const Ticket& ticket) {
  State& state = states_[ticket.endpoint];
  MEMAGENT_CHECK(state.outstanding > 0, "endpoint {}", ticket.endpoint);
  --state.outstanding;
  if (ticket.trial && ticket.term == state.term && state.health == Health::kProbing) {
    state.health = Health::kTrial;
  }
}

void EndpointPool::succeeded(const Ticket& ticket) {
  ended(ticket);
  State& state = states_[ticket.endpoint];
  // A success is good news even from a request that started before the endpoint was put aside.
  state.health = Health::kUp;
  state.failures = 0;
  state.put_aside = 0;
  counted_rounds_ = 0;
  state.share = std::min(max_outstanding_, state.share + 1.0 / std::max(1.0, state.share));
}

void EndpointPool::failed(const Ticket& ticket, EndpointFailure failure, Clock::time_point now) {
  ended(ticket);
  State& state = states_[ticket.endpoint];
  if (failure == EndpointFailure::kOverload) {
    // Of all the requests that were refused together, the first halves the share.
    if (ticket.share_term != state.share_term) return;
    ++state.share_term;
    state.share = std::max(1.0, (state.outstanding + 1) / 2.0);
    if (state.health == Health::kTrial) state.health = Health::kUp;
    return;
  }
  if (ticket.term != state.term) return;  // it was put aside for this already
  ++state.failures;
  if (ticket.trial || failure == EndpointFailure::kConnect ||
      state.failures >= kFailuresToPutAside) {
    put_aside(ticket.endpoint, now);
  }
}

void EndpointPool::put_aside(std::size_t endpoint, Clock::time_point now) {
  State& state = states_[endpoint];
  state.health = Health::kAside;
  ++state.term;
  ++state.put_aside;
  state.failures = 0;
  state.aside_until = now + back_off_.after(state.put_aside, draw_());
  if (any_usable()) return;
  std::int32_t fewest = state.put_aside;
  for (const State& other : states_) fewest = std::min(fewest, other.put_aside);
  if (fewest > counted_rounds_) {
    counted_rounds_ = fewest;
    ++lost_rounds_;
  }
}

void EndpointPool::pause(std::size_t endpoint, Clock::time_point until) {
  State& state = states_[endpoint];
  state.paused_until = std::max(state.paused_until, until);
}

std::vector<std::size_t> EndpointPool::due_probes(Clock::time_point now) {
  std::vector<std::size_t> due;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    State& state = states_[i];
    if (state.health == Health::kAside && std::max(state.aside_until, state.paused_until) <= now) {
      state.health = Health::kProbing;
      due.push_back(i);
    }
  }
  return due;
}

void EndpointPool::probe_succeeded(std::size_t endpoint) {
  if (states_[endpoint].health == Health::kProbing) states_[endpoint].health = Health::kTrial;
}

void EndpointPool::probe_failed(std::size_t endpoint, Clock::time_point now) {
  if (states_[endpoint].health == Health::kProbing) put_aside(endpoint, now);
}

Clock::time_point EndpointPool::next_change(Clock::time_point now) const {
  Clock::time_point next = Clock::time_point::max();
  for (const State& state : states_) {
    if (state.health == Health::kProbing) continue;
    Clock::time_point at = state.paused_until;
    if (state.health == Health::kAside) at = std::max(at, state.aside_until);
    if (at > now) next = std::min(next, at);
  }
  return next;
}

}  // namespace memagent
