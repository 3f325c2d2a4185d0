#include "task/data/json_rows.h"

#include <algorithm>
#include <utility>

#include "base/fail.h"

namespace memagent::data {
namespace {

using nlohmann::json;

constexpr std::size_t kDropEvery = std::size_t{64} << 20;  // bytes read, then their pages go
constexpr int kMostDepth = 16;
constexpr std::size_t kMostRowBytes = std::size_t{1} << 30;
constexpr std::int64_t kMostValues = std::int64_t{1} << 20;  // of one row
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

}  // namespace

JsonRows::JsonRows(std::string path) : file_(std::move(path)) {
  text_ = {reinterpret_cast<const char*>(file_.bytes().data()), file_.bytes().size()};
  find_rows();
}

void JsonRows::fail_empty() const {
  fail(ErrorKind::kBadInput,
       "{}: holds no rows: give JSON lines or a JSON array with an object for each row "
       "(docs/data-sets.md)",
       path());
}

void JsonRows::find_rows() {
  std::size_t at = skip_space(text_.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0);
  if (at == text_.size()) fail_empty();
  if (text_[at] == '[') {
    first_ = at + 1;
    return;
  }
  if (text_[at] != '{') {
    fail(ErrorKind::kBadInput,
         "{}: is not a data set: expected JSON lines or a JSON array (docs/data-sets.md lists the "
         "formats)",
         path());
  }
  // The first line's object, or the one object that holds the rows.
  lines_ = true;
  first_ = at;
  ++at;
  while (true) {
    at = skip_space(at);
    if (at == text_.size() || text_[at] != '"') return;
    const std::size_t key_end = value_end(at, 1);
    const std::string_view key = text_.substr(at, key_end - at);
    at = skip_space(key_end);
    if (at == text_.size() || text_[at] != ':') return;
    at = skip_space(at + 1);
    if (at == text_.size()) return;
    if (key == "\"data\"" && text_[at] == '[') {
      lines_ = false;
      first_ = at + 1;
      return;
    }
    at = skip_space(value_end(at, 1));
    if (at == text_.size() || text_[at] != ',') return;
    ++at;
  }
}

std::size_t JsonRows::skip_space(std::size_t at) const {
  while (at < text_.size() && is_space(text_[at])) ++at;
  return at;
}

std::size_t JsonRows::value_end(std::size_t begin, std::int64_t number) const {
  std::int64_t depth = 0;
  bool quoted = false;
  for (std::size_t at = begin; at < text_.size(); ++at) {
    if (at - begin > kMostRowBytes) {
      fail(ErrorKind::kBadInput, "{}: row {}: has more than {} bytes", path(), number,
           kMostRowBytes);
    }
    const char c = text_[at];
    if (quoted) {
      if (c == '\\') {
        ++at;
      } else if (c == '"') {
        quoted = false;
        if (depth == 0) return at + 1;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      ++depth;
    } else if (c == ']' || c == '}') {
      if (depth == 0) return at;  // the end of what holds this value
      if (--depth == 0) return at + 1;
    } else if (depth == 0 && (c == ',' || is_space(c))) {
      return at;
    }
  }
  if (quoted || depth > 0) {
    fail(ErrorKind::kBadInput, "{}: row {}: the file ends inside it: fetch it again", path(),
         number);
  }
  return text_.size();
}

void JsonRows::for_each(const std::function<void(const Item&)>& visit) const {
  std::size_t dropped = 0;
  for (Item item; next(item);) {
    visit(item);
    if (item.end - dropped <= kDropEvery) continue;
    file_.drop_pages();
    dropped = item.end;
  }
}

bool JsonRows::next(Item& item) const { return lines_ ? next_line(item) : next_element(item); }

bool JsonRows::next_line(Item& item) const {
  if (item.number == 0) item.end = 0;
  std::size_t begin = item.end;
  while (begin < text_.size()) {
    // The line that `item` was has its line feed still to come.
    if (item.number > 0 && text_[begin] == '\n') ++begin;
    std::size_t end = std::min(text_.find('\n', begin), text_.size());
    ++item.number;
    if (end - begin > kMostRowBytes) {
      fail(ErrorKind::kBadInput, "{}: line {}: has more than {} bytes", path(), item.number,
           kMostRowBytes);
    }
    item.begin = item.number == 1 && begin < first_ && first_ < end ? first_ : begin;
    item.end = end;
    if (skip_space(item.begin) < end) return true;
    begin = end;
  }
  return false;
}

bool JsonRows::next_element(Item& item) const {
  std::size_t at = skip_space(item.number == 0 ? first_ : item.end);
  const std::int64_t number = item.number + 1;
  if (at < text_.size() && text_[at] == ']') return false;
  if (item.number > 0) {
    if (at == text_.size()) {
      fail(ErrorKind::kBadInput, "{}: the file ends after row {}: fetch it again", path(),
           item.number);
    }
    if (text_[at] != ',') {
      fail(ErrorKind::kBadInput, "{}: byte {}: expected a comma after row {}", path(), at,
           item.number);
    }
    at = skip_space(at + 1);
  }
  if (at == text_.size()) {
    fail(ErrorKind::kBadInput, "{}: the file ends before row {}: fetch it again", path(), number);
  }
  item = {at, value_end(at, number), number};
  return true;
}

std::string JsonRows::where(const Item& item) const {
  return fmt::format("{}: {} {}", path(), lines_ ? "line" : "row", item.number);
}

json JsonRows::parse(const Item& item) const {
  std::int64_t values = 0;
  try {
    return json::parse(text(item), [&](int depth, json::parse_event_t, json&) {
      if (depth > kMostDepth) {
        fail(ErrorKind::kBadInput, "{}: nested deeper than {}", where(item), kMostDepth);
      }
      if (++values > kMostValues) {
        fail(ErrorKind::kBadInput, "{}: has more than {} values", where(item), kMostValues);
      }
      return true;
    });
  } catch (const json::exception&) {
    fail(ErrorKind::kBadInput, "{}: is not JSON: each row must be one JSON object", where(item));
  }
}

}  // namespace memagent::data
