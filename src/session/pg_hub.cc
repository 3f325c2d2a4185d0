#include "session/pg_hub.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <random>

namespace memagent {
namespace {

// Steps are short: a server's hundred readings do not need a hundred connections.
constexpr int kMostConnections = 8;
constexpr std::chrono::seconds kUnreachableFor{1};
// Steps are kept by the thread that drives a server's model: while one waits for its answer, nobody
// is read to. Nor is it of use to wait longer than a lease lasts.
constexpr std::chrono::milliseconds kLeastPatience{5'000};
constexpr std::chrono::milliseconds kMostPatience{20'000};

std::string this_process() {
  char host[256] = "";
  if (gethostname(host, sizeof host - 1) != 0) return fmt::format("process {}", getpid());
  return fmt::format("process {} on {}", getpid(), host);
}

std::int64_t random_token() {
  std::random_device random;
  return static_cast<std::int64_t>((std::uint64_t{random()} << 31 | random()) >> 1 | 1);
}

// As PostgreSQL writes it: {1,2}.
std::string as_array(const std::vector<std::int64_t>& numbers) {
  return fmt::format("{{{}}}", fmt::join(numbers, ","));
}

}  // namespace

PgHub::PgHub(std::string address, std::chrono::milliseconds lease)
    : address_(std::move(address)),
      lease_(lease),
      patience_(std::clamp(lease, kLeastPatience, kMostPatience)),
      holder_(this_process()),
      token_(random_token()) {}

PgHub::~PgHub() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (renewer_.joinable()) renewer_.join();
}

std::unique_ptr<PgConnection> PgHub::borrow() {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return borrowed_ < kMostConnections; });
    ++borrowed_;
    if (!idle_.empty()) {
      std::unique_ptr<PgConnection> connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
    if (!unreachable_.empty() &&
        std::chrono::steady_clock::now() - unreachable_at_ < kUnreachableFor) {
      --borrowed_;
      throw Error(ErrorKind::kUnreachable, unreachable_);
    }
  }
  try {
    auto connection = std::make_unique<PgConnection>(address_, patience_);
    const std::lock_guard lock(mutex_);
    was_reached_ = true;
    return connection;
  } catch (const Error& error) {
    give_back(nullptr);
    // What was refused from the first is a mistake in the address; later it is a change of the
    // server's, which may be put right while sessions wait.
    const std::lock_guard lock(mutex_);
    if (error.kind() != ErrorKind::kUnreachable && !was_reached_) throw;
    unreachable_ = error.what();
    unreachable_at_ = std::chrono::steady_clock::now();
    throw Error(ErrorKind::kUnreachable, unreachable_);
  } catch (...) {
    give_back(nullptr);
    throw;
  }
}

void PgHub::give_back(std::unique_ptr<PgConnection> connection) {
  {
    const std::lock_guard lock(mutex_);
    --borrowed_;
    if (connection != nullptr && !connection->broken()) idle_.push_back(std::move(connection));
  }
  changed_.notify_all();
}

void PgHub::forget_idle() {
  std::vector<std::unique_ptr<PgConnection>> idle;
  const std::lock_guard lock(mutex_);
  idle.swap(idle_);
}

// Who comes just after it does not wait as long again.
void PgHub::note_stall(const Error& error) {
  forget_idle();
  const std::lock_guard lock(mutex_);
  unreachable_ = error.what();
  unreachable_at_ = std::chrono::steady_clock::now();
}

void PgHub::hold(std::int64_t session, std::int64_t fence) {
  const std::lock_guard lock(mutex_);
  fences_[session] = fence;
  if (!renewer_.joinable()) renewer_ = std::thread([this] { renew_until_stopped(); });
}

void PgHub::drop(std::int64_t session, std::int64_t fence) {
  const std::lock_guard lock(mutex_);
  const auto held = fences_.find(session);
  if (held != fences_.end() && held->second == fence) fences_.erase(held);
}

std::string PgHub::held_ids() const {
  std::vector<std::int64_t> ids;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [session, fence] : fences_) ids.push_back(session);
  }
  return as_array(ids);
}

void PgHub::renew_until_stopped() {
  std::unique_ptr<PgConnection> connection;  // opened when it is needed
  std::unique_lock lock(mutex_);
  // Three tries before a lease runs out.
  while (!changed_.wait_for(lock, lease_ / 3, [this] { return stopping_; })) {
    if (fences_.empty()) continue;
    lock.unlock();
    try {
      renew(connection);
    } catch (const Error&) {
      // The next try may reach the store. If none does, commit() tells whoever it concerns.
      connection.reset();
    }
    lock.lock();
  }
}

void PgHub::renew(std::unique_ptr<PgConnection>& connection) {
  std::vector<std::int64_t> ids;
  std::vector<std::int64_t> fences;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [session, fence] : fences_) {
      ids.push_back(session);
      fences.push_back(fence);
    }
  }
  for (bool again = connection == nullptr;; again = true) {
    if (connection == nullptr) connection = std::make_unique<PgConnection>(address_, patience_);
    try {
      connection->run(
          "UPDATE memagent.session AS s SET lease_until = now() + $3 * interval '1 millisecond' "
          "FROM unnest(convert_from($1, 'UTF8')::int8[], convert_from($2, 'UTF8')::int8[]) "
          "AS held(id, fence) WHERE s.id = held.id AND s.fence = held.fence",
          {as_array(ids), as_array(fences), lease_.count()});
      return;
    } catch (const Error&) {
      if (again || !connection->broken() || connection->stalled()) throw;
      connection.reset();
    }
  }
}

}  // namespace memagent
