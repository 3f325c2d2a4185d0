// The tables of sessions in a PostgreSQL database: schema "memagent", version 1. Texts of users and
// models are bytea: they may have any bytes, and the database any encoding.
#pragma once

#include <string>

#include "session/pg.h"

namespace memagent {

// Makes the tables where there are none. `shown`: the database's address as messages have it.
// Throws Error(kStorage) if the tables are of another version.
void prepare_pg_schema(PgConnection& connection, const std::string& shown);

}  // namespace memagent
