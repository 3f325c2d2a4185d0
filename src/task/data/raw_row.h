// What the rows of every data set come down to, and the formats they come from: one function each
// that reads one item of the file (task/json_fields.h, json_rows.h). Formats know nothing of
// padding, token counts or whole files.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "memagent/document.h"
#include "task/json_fields.h"
#include "task/row.h"

namespace memagent::data {

using nlohmann::json;

// Bytes [begin, end) of a paragraph's text that the answer rests on.
struct Fact {
  std::size_t paragraph = 0;  // of the row
  std::size_t begin = 0;
  std::size_t end = 0;
  std::vector<std::string> values;  // empty: the answer or a title, whichever the fact names
  std::int32_t hop = 0;
};

// A row with its own document, or with paragraphs; never both.
struct RawRow {
  std::string id;    // empty: the file gives none
  std::string task;  // empty: the format's name
  std::string question;
  std::vector<std::string> answers;  // empty only where unanswerable
  Match match = Match::kAny;
  std::vector<std::string> rejected;  // Row::rejected
  bool unanswerable = false;
  std::optional<std::string> context;
  std::vector<Evidence> evidence;  // in the context
  std::vector<TitledText> paragraphs;
  std::vector<Fact> facts;  // in the paragraphs; empty: every paragraph counts as supporting
};

struct Format {
  const char* name;         // "hotpotqa"
  const char* description;  // one line
  // Whether an item's fields are this format's; looks at their names and kinds only.
  bool (*recognises)(const json& item);
  // Appends the item's rows: one, or for SQuAD those of an article.
  void (*read)(const JsonFields& item, std::vector<RawRow>& rows);
};

// In the order in which they are tried.
const std::vector<Format>& formats();

// Whether an object has all of these fields.
bool has_fields(const json& item, std::initializer_list<const char*> names);
// The bytes of a text's first `points` characters; nothing if it has fewer.
std::optional<std::size_t> bytes_of_points(std::string_view text, std::int64_t points);

void read_hotpotqa(const JsonFields& item, std::vector<RawRow>& rows);
void read_flattened(const JsonFields& item, std::vector<RawRow>& rows);
void read_musique(const JsonFields& item, std::vector<RawRow>& rows);
void read_squad(const JsonFields& item, std::vector<RawRow>& rows);
void read_ruler(const JsonFields& item, std::vector<RawRow>& rows);
void read_babilong(const JsonFields& item, std::vector<RawRow>& rows);
void read_longbench(const JsonFields& item, std::vector<RawRow>& rows);
void read_task_file(const JsonFields& item, std::vector<RawRow>& rows);

}  // namespace memagent::data
