#include "task/row_json.h"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/fail.h"
#include "text/utf8.h"

namespace memagent {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t kBlockBytes = std::size_t{64} * 1024;
constexpr int kMaxDepth = 8;

// Appends the text as it stands between the quotation marks of a JSON string.
void append_escaped(std::string_view text, std::string& out) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::size_t plain = 0;  // from here on nothing is escaped
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
    out.append(text, plain, i - plain);
    plain = i + 1;
    switch (text[i]) {
      case '"':
      case '\\':
        out += '\\';
        out += text[i];
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        out += "\\u00";
        out += kDigits[byte >> 4];
        out += kDigits[byte & 15];
    }
  }
  out.append(text, plain);
}

ordered_json evidence_json(const Evidence& fact) {
  ordered_json object;
  object["text"] = fact.text;
  if (fact.byte_begin >= 0) {
    object["byte_begin"] = fact.byte_begin;
    object["byte_end"] = fact.byte_end;
  }
  object["values"] = fact.values;
  object["note"] = fact.note;
  object["hop"] = fact.hop;
  return object;
}

// Fields of one JSON object, with messages that say where.
class Fields {
 public:
  Fields(const json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object_.is_object()) fail(ErrorKind::kBadInput, "{}: must be a JSON object", where_);
  }

  const json* find(const char* key) const {
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  const json& need(const char* key) const {
    const json* value = find(key);
    if (value == nullptr) fail(ErrorKind::kBadInput, "{}: field {} is missing", where_, key);
    return *value;
  }
  [[noreturn]] void wrong(const char* key, const char* expected) const {
    fail(ErrorKind::kBadInput, "{}: field {} must be {}", where_, key, expected);
  }

  std::string text(const char* key, bool needed = false) const {
    const json* value = needed ? &need(key) : find(key);
    if (value == nullptr) return "";
    if (!value->is_string()) wrong(key, "a string");
    return value->get<std::string>();
  }
  std::int64_t count(const char* key, std::int64_t without) const {
    const json* value = find(key);
    if (value == nullptr) return without;
    if (!value->is_number_integer() || *value < 0 || *value > (std::int64_t{1} << 53)) {
      wrong(key, "a whole number, 0 or more");
    }
    return value->get<std::int64_t>();
  }
  std::vector<std::string> texts(const char* key, bool needed) const {
    const json* value = needed ? &need(key) : find(key);
    std::vector<std::string> result;
    if (value == nullptr) return result;
    if (!value->is_array()) wrong(key, "an array of strings");
    for (const json& item : *value) {
      if (!item.is_string()) wrong(key, "an array of strings");
      result.push_back(item.get<std::string>());
    }
    return result;
  }

 private:
  const json& object_;
  std::string where_;
};

Evidence read_evidence(const json& object, const std::string& where) {
  const Fields fields(object, where);
  Evidence fact;
  fact.text = fields.text("text", true);
  fact.byte_begin = fields.count("byte_begin", -1);
  fact.byte_end = fields.count("byte_end", -1);
  const bool is_range = fact.byte_begin < 0 ? fact.byte_end < 0 : fact.byte_end >= fact.byte_begin;
  if (!is_range) fields.wrong("byte_end", "byte_begin or more");
  fact.values = fields.texts("values", false);
  fact.note = fields.text("note");
  const std::int64_t hop = fields.count("hop", 0);
  if (hop > 1000) fields.wrong("hop", "at most 1000");
  fact.hop = static_cast<std::int32_t>(hop);
  return fact;
}

}  // namespace

void write_row(const Row& row, DocumentSource& document, const WriteText& write) {
  ordered_json object;
  object["id"] = row.id;
  object["task"] = row.task;
  object["question"] = row.question;
  object["answers"] = row.answers;
  object["match"] = to_string(row.match);
  object["tokens"] = row.tokens;
  if (row.document_bytes >= 0) object["document_bytes"] = row.document_bytes;
  object["evidence"] = ordered_json::array();
  for (const Evidence& fact : row.evidence) object["evidence"].push_back(evidence_json(fact));
  std::string out = object.dump(-1, ' ', false, json::error_handler_t::replace);
  out.back() = ',';  // in place of the closing brace
  out += "\"context\":\"";

  std::vector<char> block(kBlockBytes);
  Utf8Repair repair;
  std::string repaired;
  for (std::size_t count; (count = document.read(block)) > 0;) {
    repaired.clear();
    repair.feed({block.data(), count}, repaired);
    append_escaped(repaired, out);
    write(out);
    out.clear();
  }
  repaired.clear();
  repair.finish(repaired);
  append_escaped(repaired, out);
  out += "\"}\n";
  write(out);
}

RowLine read_row(std::string_view line, const std::string& where) {
  json object;
  try {
    object = json::parse(line, [&](int depth, json::parse_event_t, json&) {
      if (depth > kMaxDepth) fail(ErrorKind::kBadInput, "{}: nested too deeply", where);
      return true;
    });
  } catch (const json::exception&) {
    fail(ErrorKind::kBadInput, "{}: is not JSON: each line must be one object", where);
  }
  const Fields fields(object, where);
  RowLine result;
  Row& row = result.row;
  row.id = fields.text("id");
  row.task = fields.text("task");
  row.question = fields.text("question", true);
  row.answers = fields.texts("answers", true);
  if (row.answers.empty()) fields.wrong("answers", "an array of at least one string");
  const std::string match = fields.text("match");
  if (!match.empty() && match != "any" && match != "all") fields.wrong("match", "any or all");
  row.match = match == "all" ? Match::kAll : Match::kAny;
  row.tokens = fields.count("tokens", 0);
  row.document_bytes = fields.count("document_bytes", -1);
  if (const json* evidence = fields.find("evidence"); evidence != nullptr) {
    if (!evidence->is_array()) fields.wrong("evidence", "an array of objects");
    for (const json& fact : *evidence) {
      row.evidence.push_back(read_evidence(fact, where + ": evidence"));
    }
  }
  result.context = fields.text("context", true);
  return result;
}

}  // namespace memagent
