// A process's dealings with one database: connections that its threads share, and the leases of
// the sessions that it holds.
//
// Connections are opened when they are needed, kept while idle, and replaced when they turn out to
// be dead. One thread renews all leases, so that a model that thinks for minutes loses none; it has
// a connection of its own, because uploads may keep the others busy for longer than a lease. Any
// thread may call.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "memagent/error.h"
#include "session/pg.h"

namespace memagent {

class PgHub {
 public:
  PgHub(std::string address, std::chrono::milliseconds lease);
  ~PgHub();
  PgHub(const PgHub&) = delete;
  PgHub& operator=(const PgHub&) = delete;

  const std::string& address() const { return address_; }
  std::int64_t lease_ms() const { return lease_.count(); }
  // Who this process is: for people, and as a number that no other process has.
  const std::string& holder() const { return holder_; }
  std::int64_t token() const { return token_; }

  // Calls `body(connection)`, twice if the first connection turns out to be dead: it must be such
  // that doing it again does no harm. Throws Error: kUnreachable, or kStorage if the server has
  // refused this user or database from the first.
  template <typename Body>
  auto with(const Body& body) {
    for (bool again = false;; again = true) {
      Borrowed borrowed(*this);
      try {
        return body(*borrowed.connection);
      } catch (const Error& error) {
        if (borrowed.connection->stalled()) note_stall(error);
        if (again || !borrowed.connection->broken() || borrowed.connection->stalled()) throw;
      }
      forget_idle();  // they were made with it
    }
  }

  // Leases that are renewed until they are dropped or turn out to be lost.
  void hold(std::int64_t session, std::int64_t fence);
  // Leaves a later claim on the same session alone.
  void drop(std::int64_t session, std::int64_t fence);
  std::string held_ids() const;  // as an array of PostgreSQL's: {1,2}

 private:
  struct Borrowed {
    explicit Borrowed(PgHub& hub) : hub_of(hub), connection(hub.borrow()) {}
    ~Borrowed() { hub_of.give_back(std::move(connection)); }
    PgHub& hub_of;
    std::unique_ptr<PgConnection> connection;
  };

  std::unique_ptr<PgConnection> borrow();
  void give_back(std::unique_ptr<PgConnection> connection);
  void forget_idle();
  void note_stall(const Error& error);
  void renew(std::unique_ptr<PgConnection>& connection);
  void renew_until_stopped();

  const std::string address_;
  const std::chrono::milliseconds lease_;
  const std::chrono::milliseconds patience_;  // with a statement, see PgConnection
  const std::string holder_;
  const std::int64_t token_;

  mutable std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  std::vector<std::unique_ptr<PgConnection>> idle_;
  int borrowed_ = 0;
  bool was_reached_ = false;
  // The last failure to connect: who comes just after it need not wait for another.
  std::string unreachable_;
  std::chrono::steady_clock::time_point unreachable_at_;
  std::map<std::int64_t, std::int64_t> fences_;  // of the sessions that are held
  bool stopping_ = false;

  std::thread renewer_;  // begun with the first lease
};

}  // namespace memagent
