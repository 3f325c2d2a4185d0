#include "session/pg_schema.h"

#include <cstdint>

#include "base/fail.h"

namespace memagent {
namespace {

constexpr std::int64_t kSchemaVersion = 1;

constexpr const char* kSchema = R"sql(
  CREATE SCHEMA IF NOT EXISTS memagent;
  CREATE TABLE memagent.store(version int8 NOT NULL);
  INSERT INTO memagent.store VALUES (1);
  CREATE TABLE memagent.document(
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sha256 bytea NOT NULL UNIQUE,
    bytes int8 NOT NULL);
  CREATE TABLE memagent.document_part(
    document_id int8 NOT NULL REFERENCES memagent.document(id) ON DELETE CASCADE,
    part int8 NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY(document_id, part));
  -- Not compressed: parts are read once or twice, and the server has better things to do.
  ALTER TABLE memagent.document_part ALTER data SET STORAGE EXTERNAL;
  CREATE TABLE memagent.session(
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name bytea NOT NULL UNIQUE,
    settings bytea NOT NULL,
    sources bytea NOT NULL,
    document_name bytea NOT NULL,
    document_bytes int8 NOT NULL,
    document_hash int8 NOT NULL,
    document_id int8 REFERENCES memagent.document(id),  -- NULL: the document is not kept
    created timestamptz NOT NULL DEFAULT now(),
    updated timestamptz NOT NULL DEFAULT now(),
    finished boolean NOT NULL DEFAULT false,
    steps int8 NOT NULL DEFAULT 0,                       -- conversations accepted so far
    queued boolean NOT NULL DEFAULT false,               -- workers may take it
    reader bytea NOT NULL DEFAULT '',                    -- which workers
    queued_at timestamptz NOT NULL DEFAULT now(),
    not_before timestamptz NOT NULL DEFAULT now(),       -- after a failure
    failures int8 NOT NULL DEFAULT 0,                    -- since the last step
    vanished int8 NOT NULL DEFAULT 0,                    -- holders since the last step
    error bytea NOT NULL DEFAULT '',
    fence int8 NOT NULL DEFAULT 0,
    holder bytea NOT NULL DEFAULT '',
    holder_token int8 NOT NULL DEFAULT 0,
    lease_until timestamptz                              -- NULL: nobody holds it
  ) WITH (fillfactor = 50);                              -- every step writes the row anew
  CREATE INDEX session_queue ON memagent.session(reader, queued_at, id) WHERE queued;
  CREATE INDEX session_document ON memagent.session(document_id);
  CREATE TABLE memagent.episode(
    session_id int8 NOT NULL REFERENCES memagent.session(id) ON DELETE CASCADE,
    question_index int8 NOT NULL,
    question bytea NOT NULL,
    state bytea NOT NULL DEFAULT '',
    PRIMARY KEY(session_id, question_index)) WITH (fillfactor = 50);
  CREATE TABLE memagent.conversation(
    session_id int8 NOT NULL REFERENCES memagent.session(id) ON DELETE CASCADE,
    sequence int8 NOT NULL,
    question_index int8 NOT NULL,
    line bytea NOT NULL,
    PRIMARY KEY(session_id, sequence));
)sql";

// By what is committed now: to_regclass() may remember what there was before a lock was waited for.
bool has_tables(PgConnection& connection) {
  return connection
      .run(
          "SELECT EXISTS (SELECT FROM pg_catalog.pg_tables "
          "WHERE schemaname = 'memagent' AND tablename = 'store')")
      .boolean(0, 0);
}

}  // namespace

void prepare_pg_schema(PgConnection& connection, const std::string& shown) {
  const PgPatience patience(connection);  // with others that make them
  PgTransaction transaction(connection);
  if (!has_tables(connection)) {
    connection.run("SELECT pg_advisory_xact_lock(1835363681)");  // "mema": one process makes them
    if (!has_tables(connection)) connection.run_script(kSchema);
  }
  const PgResult version = connection.run("SELECT version FROM memagent.store");
  if (version.rows() != 1 || version.integer(0, 0) != kSchemaVersion) {
    fail(ErrorKind::kStorage,
         "session store: {}: has schema version {}, this program knows {}: use the program that "
         "wrote it or name another database",
         shown, version.rows() == 1 ? version.integer(0, 0) : 0, kSchemaVersion);
  }
  transaction.commit();
}

}  // namespace memagent
