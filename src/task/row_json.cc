#include "task/row_json.h"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/fail.h"
#include "task/json_fields.h"
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

Evidence read_evidence(const json& object, const std::string& where) {
  const JsonFields fields(object, where);
  Evidence fact;
  fact.text = fields.text("text");
  fact.byte_begin = fields.count("byte_begin", -1);
  fact.byte_end = fields.count("byte_end", -1);
  const bool is_range = fact.byte_begin < 0 ? fact.byte_end < 0 : fact.byte_end >= fact.byte_begin;
  if (!is_range) fields.wrong("byte_end", "byte_begin or more");
  fact.values =
      fields.find("values") == nullptr ? std::vector<std::string>() : fields.texts("values");
  fact.note = fields.text("note", "");
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
  if (!row.rejected.empty()) object["rejected"] = row.rejected;
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
  return read_row(JsonFields(object, where));
}

RowLine read_row(const JsonFields& fields) {
  RowLine result;
  Row& row = result.row;
  row.id = fields.text("id", "");
  row.task = fields.text("task", "");
  row.question = fields.text("question");
  row.answers = fields.texts("answers");
  if (row.answers.empty()) fields.wrong("answers", "an array of at least one string");
  if (!fields.text("match", "").empty()) row.match = fields.match("match", Match::kAny);
  if (fields.find("rejected") != nullptr) row.rejected = fields.texts("rejected");
  row.tokens = fields.count("tokens", 0);
  row.document_bytes = fields.count("document_bytes", -1);
  if (const json* evidence = fields.find("evidence"); evidence != nullptr) {
    if (!evidence->is_array()) fields.wrong("evidence", "an array of objects");
    for (const json& fact : *evidence) {
      row.evidence.push_back(read_evidence(fact, fields.where() + ": evidence"));
    }
  }
  result.context = fields.text("context");
  return result;
}

}  // namespace memagent
