// Sessions in a PostgreSQL database, shared by any number of processes on any number of machines.
// The tables: pg_schema.cc. All times are the server's, so that machines whose clocks differ agree
// on leases.
//
// A session is held under a lease: `holder`, `lease_until`, and `fence`, a number that grows
// whenever it changes hands. Every write of a holder is one statement that has the fence as a
// condition: who has lost the lease writes nothing, however late it notices. A step is one such
// statement, and has the number of the step as a condition, too: one whose outcome was lost with
// the connection can be sent again.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/fail.h"
#include "session/pg.h"
#include "session/pg_document.h"
#include "session/pg_hub.h"
#include "session/pg_schema.h"
#include "session/session_check.h"
#include "session/store_backend.h"

namespace memagent {
namespace {

// So many holders may vanish in a row without a step before a session is left alone: whoever reads
// it dies of it.
constexpr std::int64_t kMostVanished = 20;

constexpr std::string_view kSelectSession =
    "SELECT s.id, s.name, s.settings, s.sources, s.document_name, s.document_bytes, "
    "s.document_hash, s.finished, s.steps, s.queued, s.error, s.holder, "
    "coalesce(s.lease_until > now(), false), (extract(epoch FROM s.created) * 1000)::int8, "
    "(extract(epoch FROM s.updated) * 1000)::int8, coalesce(s.document_id, 0), s.fence, "
    "e.question, e.state FROM memagent.session AS s "
    "JOIN memagent.episode AS e ON e.session_id = s.id ";

// What whoever wants a session looks at and writes. $2: this process's token, $3: the sessions it
// holds, $4: its name, $5: milliseconds of a lease. Free is also what this process held until its
// release did not reach the server. Leases of the last two seconds it may be taking just now, in
// another thread. What it holds is never free for it, though the lease have run out: after a gap it
// would come here before it renews. The clock's time, not the transaction's, which began before a
// long upload.
constexpr const char* kIsFree =
    "(id <> ALL(convert_from($3, 'UTF8')::int8[]) "
    "AND (lease_until IS NULL OR lease_until <= clock_timestamp() OR (holder_token = $2 "
    "AND lease_until <= clock_timestamp() + ($5 - 2000) * interval '1 millisecond')))";
constexpr const char* kClaim =
    "fence = fence + 1, holder = $4, holder_token = $2, "
    "lease_until = clock_timestamp() + $5 * interval '1 millisecond'";

std::chrono::system_clock::time_point from_ms(std::int64_t ms) {
  return std::chrono::system_clock::time_point(std::chrono::milliseconds(ms));
}

// What a holder has of its session's row.
struct Claim {
  std::int64_t id = 0;
  std::int64_t fence = 0;
  std::int64_t document_id = 0;
};

// Rows of kSelectSession, several for a session that has several questions, ordered by them.
std::vector<SessionInfo> read_infos(const PgResult& rows, Claim* claim = nullptr) {
  std::vector<SessionInfo> infos;
  std::int64_t last_id = -1;
  for (int row = 0; row < rows.rows(); ++row) {
    if (rows.integer(row, 0) != last_id) {
      last_id = rows.integer(row, 0);
      SessionInfo info;
      info.name = rows.text(row, 1);
      info.spec.settings_json = rows.text(row, 2);
      info.spec.sources_json = rows.text(row, 3);
      info.spec.document.name = rows.text(row, 4);
      info.spec.document.bytes = rows.integer(row, 5);
      info.spec.document.hash = static_cast<std::uint64_t>(rows.integer(row, 6));
      info.status = rows.boolean(row, 7) ? SessionStatus::kFinished : SessionStatus::kReading;
      info.conversations = rows.integer(row, 8);
      info.queued = rows.boolean(row, 9);
      info.error = rows.text(row, 10);
      info.running = rows.boolean(row, 12);
      info.has_document = rows.integer(row, 15) != 0;
      if (info.running) info.holder = rows.text(row, 11);
      info.created = from_ms(rows.integer(row, 13));
      info.updated = from_ms(rows.integer(row, 14));
      if (claim != nullptr) *claim = {last_id, rows.integer(row, 16), rows.integer(row, 15)};
      infos.push_back(std::move(info));
    }
    infos.back().spec.questions.push_back(rows.text(row, 17));
    infos.back().states_json.push_back(rows.text(row, 18));
  }
  return infos;
}

[[noreturn]] void fail_running(const std::string& name, const std::string& holder) {
  fail(ErrorKind::kStorage, "session '{}': is being run by {}: wait for it or stop it first", name,
       holder);
}

class PostgresSession : public SessionBackend {
 public:
  PostgresSession(std::shared_ptr<PgHub> hub, const Claim& claim, SessionInfo session_info,
                  bool existed)
      : hub_(std::move(hub)), claim_(claim) {
    info = std::move(session_info);
    info.running = true;
    continued = existed;
    steps_ = info.conversations;
    hub_->hold(claim_.id, claim_.fence);
  }

  ~PostgresSession() override {
    hub_->drop(claim_.id, claim_.fence);
    if (lost_) return;  // or the server did not answer just now: the lease runs out
    try {
      hub_->with([&](PgConnection& connection) {
        connection.run(
            "UPDATE memagent.session SET lease_until = NULL, holder = '', holder_token = 0 "
            "WHERE id = $1 AND fence = $2",
            {claim_.id, claim_.fence});
      });
    } catch (const Error&) {  // the lease runs out, or this process takes it up again
    }
  }

  void commit(std::size_t question, std::string_view state_json,
              std::string_view conversation) override {
    const auto index = static_cast<std::int64_t>(question);
    guarded([&](PgConnection& connection) {
      const PgResult done = connection.run(
          "WITH held AS (UPDATE memagent.session SET steps = steps + 1, updated = now(), "
          "  failures = 0, vanished = 0, error = '', "
          "  lease_until = now() + $7 * interval '1 millisecond' "
          "  WHERE id = $1 AND fence = $2 AND steps = $3 RETURNING id), "
          "saved AS (UPDATE memagent.episode AS e SET state = $5 FROM held "
          "  WHERE e.session_id = held.id AND e.question_index = $4) "
          "INSERT INTO memagent.conversation(session_id, sequence, question_index, line) "
          "SELECT id, $3, $4, $6 FROM held",
          {claim_.id, claim_.fence, steps_, index, state_json, conversation, hub_->lease_ms()});
      if (done.affected() == 0) check_held(connection, steps_ + 1);
    });
    ++steps_;
  }

  void finish() override {
    write("SET finished = true, queued = false, error = '', updated = now()",
          {claim_.id, claim_.fence});
  }

  void queue(std::string_view reader) override {
    write(
        "SET queued = true, reader = $3, queued_at = now(), not_before = now(), failures = 0, "
        "vanished = 0, error = ''",
        {claim_.id, claim_.fence, reader});
  }

  void failed(const Error& error) override {
    if (lost_) return;
    const bool for_good = error.kind() == ErrorKind::kUsage || error.kind() == ErrorKind::kBadInput;
    hub_->with([&](PgConnection& connection) {
      // Waits of 1, 2, 4 ... 256 seconds.
      connection.run(
          "UPDATE memagent.session SET error = $3, queued = queued AND $4 = 0, "
          "failures = failures + 1, "
          "not_before = now() + (1 << least(failures, 8)::int) * interval '1 second' "
          "WHERE id = $1 AND fence = $2",
          {claim_.id, claim_.fence, std::string_view(error.what()), std::int64_t{for_good}});
    });
  }

 private:
  // Remembers that there is nothing to give back.
  template <typename Body>
  void guarded(const Body& body) {
    try {
      hub_->with(body);
    } catch (const Error&) {
      lost_ = true;
      throw;
    }
  }

  // $1 and $2 of `what` are the claim's.
  void write(const char* what, std::initializer_list<PgValue> parameters) {
    guarded([&](PgConnection& connection) {
      const PgResult done = connection.run(
          fmt::format("UPDATE memagent.session {} WHERE id = $1 AND fence = $2", what).c_str(),
          parameters);
      if (done.affected() == 0) check_held(connection, -1);
    });
  }

  // Nothing was written. Fine if it was the first time, whose reply was lost: then the session is
  // ours still and has so many steps. Throws Error(kStorage) otherwise.
  void check_held(PgConnection& connection, std::int64_t steps) const {
    const PgResult now = connection.run(
        "SELECT fence, steps, holder FROM memagent.session WHERE id = $1", {claim_.id});
    if (now.rows() == 1 && now.integer(0, 0) == claim_.fence && now.integer(0, 1) == steps) return;
    const std::string holder = now.rows() == 1 ? now.text(0, 2) : "";
    fail(ErrorKind::kStorage, "session '{}': {}: this process no longer holds it", info.name,
         now.rows() == 0  ? std::string("was deleted")
         : holder.empty() ? std::string("was taken from it")
                          : fmt::format("was taken over by {}", holder));
  }

  std::shared_ptr<PgHub> hub_;
  Claim claim_;
  std::int64_t steps_ = 0;
  bool lost_ = false;
};

class PostgresStore : public StoreBackend {
 public:
  explicit PostgresStore(std::shared_ptr<PgHub> hub) : hub_(std::move(hub)) {}

  std::vector<SessionInfo> list() override {
    return hub_->with([&](PgConnection& connection) {
      return read_infos(connection.run(
          (std::string(kSelectSession) + "ORDER BY s.updated DESC, s.id DESC, e.question_index")
              .c_str()));
    });
  }

  std::vector<SessionInfo> list(const SessionQuery& query) override {
    return hub_->with([&](PgConnection& connection) {
      // Ids are given in the order of beginning. None is smaller than that of a name nobody has.
      return read_infos(connection.run(
          (std::string(kSelectSession) +
           "WHERE s.id IN (SELECT id FROM memagent.session WHERE id < "
           "  CASE WHEN length($1) = 0 THEN 9223372036854775807 "
           "  ELSE (SELECT id FROM memagent.session WHERE name = $1) END "
           "  AND (length($2) = 0 OR position($2 in sources) > 0) ORDER BY id DESC LIMIT $3) "
           "ORDER BY s.id DESC, e.question_index")
              .c_str(),
          {query.begun_before, query.sources_contain, query.most}));
    });
  }

  std::optional<SessionInfo> find(const std::string& name) override {
    return hub_->with([&](PgConnection& connection) { return find(connection, name); });
  }

  void visit_conversations(const std::string& name,
                           const std::function<void(std::size_t, std::string_view)>& visit,
                           const ConversationRange& range) override {
    constexpr std::int64_t kAtOnce = 64;
    std::int64_t left = range.most;
    for (std::int64_t from = range.from; left > 0;) {
      const std::int64_t count = std::min(left, kAtOnce);
      const PgResult rows = hub_->with([&](PgConnection& connection) {
        return connection.run(
            "SELECT c.question_index, c.line FROM memagent.conversation AS c "
            "JOIN memagent.session AS s ON s.id = c.session_id "
            "WHERE s.name = $1 AND c.sequence >= $2 AND c.sequence < $3 ORDER BY c.sequence",
            {name, from, from + count});
      });
      for (int row = 0; row < rows.rows(); ++row) {
        visit(static_cast<std::size_t>(rows.integer(row, 0)), rows.bytes(row, 1));
      }
      if (rows.rows() < count) return;
      from += count;
      left -= count;
    }
  }

  std::optional<std::string> conversation_before(const std::string& name, std::size_t question,
                                                 std::int64_t number) override {
    return hub_->with([&](PgConnection& connection) -> std::optional<std::string> {
      const PgResult row = connection.run(
          "SELECT c.line FROM memagent.conversation AS c WHERE c.session_id = "
          "(SELECT id FROM memagent.session WHERE name = $1) AND c.sequence < $2 "
          "AND c.question_index = $3 ORDER BY c.sequence DESC LIMIT 1",
          {name, number, static_cast<std::int64_t>(question)});
      if (row.rows() == 0) return std::nullopt;
      return row.text(0, 0);
    });
  }

  std::unique_ptr<SessionBackend> open(const std::string& name, const SessionSpec& spec,
                                       DocumentSource* document) override {
    return hub_->with([&](PgConnection& connection) {
      const PgPatience patience(connection);  // with others that store the same document
      PgTransaction transaction(connection);
      const bool added = add(connection, name, spec, document);
      const Claim claim = claim_by_name(connection, name);
      SessionInfo info = *find(connection, name);
      if (!added) check_same(info, spec);
      transaction.commit();
      return std::make_unique<PostgresSession>(hub_, claim, std::move(info), !added);
    });
  }

  bool remove(const std::string& name) override {
    return hub_->with([&](PgConnection& connection) {
      const PgPatience patience(connection);  // a document may be long
      const PgResult gone = connection.run(
          "DELETE FROM memagent.session WHERE name = $1 "
          "AND (lease_until IS NULL OR lease_until <= now()) "
          "RETURNING coalesce(document_id, 0)",
          {name});
      if (gone.rows() == 0) {
        const std::optional<SessionInfo> info = find(connection, name);
        if (info && info->running) fail_running(name, info->holder);
        return false;
      }
      if (gone.integer(0, 0) != 0) forget_document(connection, gone.integer(0, 0));
      return true;
    });
  }

  std::unique_ptr<StoreBackend> for_another_thread() const override {
    return std::make_unique<PostgresStore>(hub_);
  }

  bool shared() const override { return true; }

  std::unique_ptr<DocumentSource> open_document(const std::string& name) override {
    return hub_->with([&](PgConnection& connection) -> std::unique_ptr<DocumentSource> {
      Claim claim;
      const std::optional<SessionInfo> info = find(connection, name, &claim);
      if (!info || claim.document_id == 0) return nullptr;
      return stored_document(hub_, claim.document_id, info->spec.document);
    });
  }

  std::unique_ptr<SessionBackend> take(std::string_view reader) override {
    return hub_->with([&](PgConnection& connection) -> std::unique_ptr<SessionBackend> {
      while (true) {
        const PgResult taken = connection.run(
            fmt::format(
                "WITH next AS (SELECT id, (lease_until IS NOT NULL AND holder_token <> $2)::int "
                "  AS lost FROM memagent.session "
                "  WHERE queued AND reader = $1 AND not_before <= now() AND {} "
                "  ORDER BY queued_at, id LIMIT 1 FOR UPDATE SKIP LOCKED) "
                "UPDATE memagent.session AS s SET {}, vanished = vanished + next.lost "
                "FROM next WHERE s.id = next.id "
                "RETURNING s.id, s.fence, coalesce(s.document_id, 0), s.name, s.vanished",
                kIsFree, kClaim)
                .c_str(),
            {reader, hub_->token(), hub_->held_ids(), hub_->holder(), hub_->lease_ms()});
        if (taken.rows() == 0) return nullptr;
        const Claim claim{taken.integer(0, 0), taken.integer(0, 1), taken.integer(0, 2)};
        std::optional<SessionInfo> info = find(connection, taken.text(0, 3));
        if (!info) continue;
        auto session = std::make_unique<PostgresSession>(hub_, claim, std::move(*info), true);
        if (taken.integer(0, 4) < kMostVanished) return session;
        session->failed(
            {ErrorKind::kBadInput,
             fmt::format("{} processes in a row ended while they read it: see in the workers' logs "
                         "why, then queue it again with memagent ask --session NAME --queue",
                         kMostVanished)});
      }
    });
  }

  std::int64_t count_queued(std::string_view reader) override {
    return hub_->with([&](PgConnection& connection) {
      return connection
          .run("SELECT count(*) FROM memagent.session WHERE queued AND reader = $1", {reader})
          .integer(0, 0);
    });
  }

  bool withdraw(const std::string& name) override {
    return hub_->with([&](PgConnection& connection) {
      const PgResult row = connection.run(
          "UPDATE memagent.session SET queued = false, fence = fence + 1, "
          "lease_until = NULL, holder = '', holder_token = 0 WHERE name = $1 "
          "RETURNING id, fence",
          {name});
      if (row.rows() == 0) return false;
      hub_->drop(row.integer(0, 0), row.integer(0, 1) - 1);  // it may have been this process's
      return true;
    });
  }

 private:
  static std::optional<SessionInfo> find(PgConnection& connection, const std::string& name,
                                         Claim* claim = nullptr) {
    std::vector<SessionInfo> found = read_infos(
        connection.run(
            (std::string(kSelectSession) + "WHERE s.name = $1 ORDER BY e.question_index").c_str(),
            {name}),
        claim);
    if (found.empty()) return std::nullopt;
    return std::move(found[0]);
  }

  // False if there is one of that name.
  static bool add(PgConnection& connection, const std::string& name, const SessionSpec& spec,
                  DocumentSource* document) {
    const PgResult added = connection.run(
        "INSERT INTO memagent.session(name, settings, sources, document_name, document_bytes, "
        "document_hash) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING id",
        {name, spec.settings_json, spec.sources_json, spec.document.name, spec.document.bytes,
         static_cast<std::int64_t>(spec.document.hash)});
    if (added.rows() == 0) return false;
    const std::int64_t id = added.integer(0, 0);
    std::int64_t index = 0;
    for (const std::string& question : spec.questions) {
      connection.run(
          "INSERT INTO memagent.episode(session_id, question_index, question) VALUES ($1, $2, $3)",
          {id, index++, question});
    }
    if (document != nullptr) {
      const std::int64_t document_id = put_document(connection, *document, spec.document);
      connection.run("UPDATE memagent.session SET document_id = $2 WHERE id = $1",
                     {id, document_id});
    }
    return true;
  }

  // Within the caller's transaction.
  Claim claim_by_name(PgConnection& connection, const std::string& name) const {
    const PgResult claimed =
        connection.run(fmt::format("UPDATE memagent.session SET {} WHERE name = $1 AND {} "
                                   "RETURNING id, fence, coalesce(document_id, 0)",
                                   kClaim, kIsFree)
                           .c_str(),
                       {name, hub_->token(), hub_->held_ids(), hub_->holder(), hub_->lease_ms()});
    if (claimed.rows() == 1) {
      return {claimed.integer(0, 0), claimed.integer(0, 1), claimed.integer(0, 2)};
    }
    const std::optional<SessionInfo> info = find(connection, name);
    fail_running(name, info && !info->holder.empty() ? info->holder : "another process");
  }

  std::shared_ptr<PgHub> hub_;
};

}  // namespace

std::unique_ptr<StoreBackend> open_postgres_store(const std::string& address,
                                                  const SessionStoreOptions& options) {
  check_postgres_address(address);
  auto hub = std::make_shared<PgHub>(address, options.lease);
  hub->with([&](PgConnection& connection) { prepare_pg_schema(connection, shown_store(address)); });
  return std::make_unique<PostgresStore>(std::move(hub));
}

}  // namespace memagent
