// The one file that sees toml++.
#include "format/toml_table.h"

#include <toml++/toml.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/fail.h"
#include "base/input_file.h"

namespace memagent {
namespace {

// Settings are a few kilobytes; what is larger is something else.
constexpr std::size_t kMaxFileBytes = 1 << 20;

bool get(const toml::node& node, bool& value) {
  if (!node.is_boolean()) return false;
  value = node.as_boolean()->get();
  return true;
}
bool get(const toml::node& node, std::int64_t& value) {
  if (!node.is_integer()) return false;
  value = node.as_integer()->get();
  return true;
}
bool get(const toml::node& node, std::int32_t& value) {
  std::int64_t wide = 0;
  if (!get(node, wide) || !std::in_range<std::int32_t>(wide)) return false;
  value = static_cast<std::int32_t>(wide);
  return true;
}
bool get(const toml::node& node, std::uint64_t& value) {
  std::int64_t wide = 0;
  if (!get(node, wide) || wide < 0) return false;
  value = static_cast<std::uint64_t>(wide);
  return true;
}
bool get(const toml::node& node, double& value) {
  std::int64_t whole = 0;
  if (get(node, whole)) {
    value = static_cast<double>(whole);
    return true;
  }
  if (!node.is_floating_point()) return false;
  value = node.as_floating_point()->get();
  return true;
}
bool get(const toml::node& node, std::string& value) {
  if (!node.is_string()) return false;
  value = node.as_string()->get();
  return true;
}
template <typename T>
bool get(const toml::node& node, std::vector<T>& values) {
  if (!node.is_array()) return false;
  values.clear();
  for (const toml::node& element : *node.as_array()) {
    T value{};
    if (!get(element, value)) return false;
    values.push_back(std::move(value));
  }
  return true;
}

template <typename T>
constexpr const char* kExpected = nullptr;
template <>
constexpr const char* kExpected<bool> = "true or false";
template <>
constexpr const char* kExpected<std::int32_t> = "a whole number of at most 2147483647";
template <>
constexpr const char* kExpected<std::int64_t> = "a whole number";
template <>
constexpr const char* kExpected<std::uint64_t> = "a whole number, not negative";
template <>
constexpr const char* kExpected<double> = "a number";
template <>
constexpr const char* kExpected<std::string> = "a string";
template <>
constexpr const char* kExpected<std::vector<std::int64_t>> = "a list of whole numbers";
template <>
constexpr const char* kExpected<std::vector<std::string>> = "a list of strings";

}  // namespace

struct TomlTable::Node {
  std::shared_ptr<const toml::table> root;  // keeps `table` alive
  const toml::table* table = nullptr;
  std::string prefix;  // of this table's keys in messages: "stage."
  std::string file;
  std::string see;
  std::set<std::string> known;
  std::vector<TomlTable> handed_out;

  std::uint32_t line() const { return std::max(table->source().begin.line, 1U); }

  [[noreturn]] void wrong(const toml::node& node, const std::string& key,
                          const char* expected) const {
    fail(ErrorKind::kBadInput, "{}: line {}: key {} must be {}", file, node.source().begin.line,
         prefix + key, expected);
  }

  std::shared_ptr<Node> child(const toml::table& of, const std::string& key) const {
    auto made = std::make_shared<Node>();
    made->root = root;
    made->table = &of;
    made->prefix = prefix + key + ".";
    made->file = file;
    made->see = see;
    return made;
  }

  void refuse_others(const toml::table& within, const std::string& path) const {
    for (const auto& [name, node] : within) {
      const std::string key = path + std::string(name.str());
      if (!known.contains(key)) {
        fail(ErrorKind::kBadInput, "{}: line {}: unknown key {}: see {}", file,
             name.source().begin.line, prefix + key, see);
      }
      // A table that was asked for as such answers for itself.
      const bool asked_through = std::any_of(known.begin(), known.end(), [&](const auto& other) {
        return other.size() > key.size() && other.starts_with(key) && other[key.size()] == '.';
      });
      if (node.is_table() && asked_through) refuse_others(*node.as_table(), key + ".");
    }
  }
};

TomlTable TomlTable::parse(std::string_view text, std::string file, std::string see) {
  auto node = std::make_shared<Node>();
  try {
    node->root = std::make_shared<const toml::table>(toml::parse(text, file));
  } catch (const toml::parse_error& error) {
    fail(ErrorKind::kBadInput, "{}: line {}: {}", file, error.source().begin.line,
         error.description());
  }
  node->table = node->root.get();
  node->file = std::move(file);
  node->see = std::move(see);
  return TomlTable(std::move(node));
}

TomlTable TomlTable::load(const std::string& path, const char* what, std::string see) {
  const std::string text = read_whole(path, "", kMaxFileBytes + 1);
  if (text.size() > kMaxFileBytes) {
    fail(ErrorKind::kBadInput, "{}: is larger than {} bytes, too large for {}", path, kMaxFileBytes,
         what);
  }
  return parse(text, path, std::move(see));
}

void TomlTable::note(const std::string& key) {
  for (std::size_t dot = key.find('.'); dot != std::string::npos; dot = key.find('.', dot + 1)) {
    node_->known.insert(key.substr(0, dot));
  }
  node_->known.insert(key);
}

bool TomlTable::has(const std::string& key) const {
  return static_cast<bool>(node_->table->at_path(key));
}

template <typename T>
void TomlTable::read(const std::string& key, T& value) {
  note(key);
  const toml::table* table = node_->table;
  std::size_t begin = 0;
  for (std::size_t dot = key.find('.'); dot != std::string::npos; dot = key.find('.', begin)) {
    const toml::node* inner = table->get(key.substr(begin, dot - begin));
    if (inner == nullptr) break;
    if (!inner->is_table()) node_->wrong(*inner, key.substr(0, dot), "a table");
    table = inner->as_table();
    begin = dot + 1;
  }
  const toml::node* node = table->get(key.substr(begin));
  if (node == nullptr) {
    fail(ErrorKind::kBadInput, "{}: line {}: key {} is missing: see {}", node_->file,
         std::max(table->source().begin.line, 1U), node_->prefix + key, node_->see);
  }
  if (!get(*node, value)) node_->wrong(*node, key, kExpected<T>);
}

template void TomlTable::read(const std::string&, bool&);
template void TomlTable::read(const std::string&, std::int32_t&);
template void TomlTable::read(const std::string&, std::int64_t&);
template void TomlTable::read(const std::string&, std::uint64_t&);
template void TomlTable::read(const std::string&, double&);
template void TomlTable::read(const std::string&, std::string&);
template void TomlTable::read(const std::string&, std::vector<std::int64_t>&);
template void TomlTable::read(const std::string&, std::vector<std::string>&);

TomlTable TomlTable::table(const std::string& key) {
  note(key);
  static const toml::table kEmpty;
  const toml::node* node = node_->table->get(key);
  if (node != nullptr && !node->is_table()) node_->wrong(*node, key, "a table");
  TomlTable made(node_->child(node == nullptr ? kEmpty : *node->as_table(), key));
  node_->handed_out.push_back(made);
  return made;
}

std::vector<TomlTable> TomlTable::tables(const std::string& key) {
  note(key);
  std::vector<TomlTable> all;
  const toml::node* node = node_->table->get(key);
  if (node == nullptr) return all;
  if (!node->is_array_of_tables()) node_->wrong(*node, key, "a list of tables");
  for (const toml::node& element : *node->as_array()) {
    all.push_back(TomlTable(node_->child(*element.as_table(), key)));
    node_->handed_out.push_back(all.back());
  }
  return all;
}

std::vector<std::string> TomlTable::keys() const {
  std::vector<std::pair<std::uint32_t, std::string>> by_line;
  for (const auto& [name, node] : *node_->table) {
    by_line.emplace_back(name.source().begin.line, std::string(name.str()));
  }
  std::stable_sort(by_line.begin(), by_line.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> names;
  names.reserve(by_line.size());
  for (auto& [line, name] : by_line) names.push_back(std::move(name));
  return names;
}

void TomlTable::refuse_others() const {
  node_->refuse_others(*node_->table, "");
  for (const TomlTable& table : node_->handed_out) table.refuse_others();
}

std::string TomlTable::place(const std::string& key) const {
  const auto view = node_->table->at_path(key);
  const std::uint32_t line =
      view.node() == nullptr ? node_->line() : view.node()->source().begin.line;
  return fmt::format("{}: line {}: {}", node_->file, line, node_->prefix + key);
}

void TomlTable::fail_at(const std::string& key, const std::string& message) const {
  fail(ErrorKind::kBadInput, "{} {}", place(key), message);
}

}  // namespace memagent
