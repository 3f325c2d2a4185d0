// A TOML file of settings, read key by key: wrong types, missing keys and keys that nobody asked
// for are one-line errors with file, line and key. Knows nothing of what the settings mean.
//
//   TomlTable root = TomlTable::parse(text, "my.toml", "docs/recipes.md");
//   root.read("seed", recipe.seed);               // must be there
//   root.read_if_there("threads", recipe.threads);
//   TomlTable model = root.table("model");
//   ...
//   root.refuse_others();                          // after everything has been read
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace memagent {

class TomlTable {
 public:
  // `see` ends messages about missing and unknown keys: where the keys are explained. Throws
  // Error(kBadInput), as all the others do.
  static TomlTable parse(std::string_view toml, std::string file, std::string see);
  // A file of at most 1 MiB; `what` for messages: "a prompt file".
  static TomlTable load(const std::string& path, const char* what, std::string see);

  // `key` may be a path of tables: "update.gated.section_first".
  bool has(const std::string& key) const;
  // For bool, std::int32_t, std::int64_t, double (integers too), std::string and vectors of
  // integers and strings.
  template <typename T>
  void read(const std::string& key, T& value);
  template <typename T>
  bool read_if_there(const std::string& key, T& value) {
    if (!has(key)) {
      note(key);
      return false;
    }
    read(key, value);
    return true;
  }

  // An empty table where there is none.
  TomlTable table(const std::string& key);
  // An array of tables, [[key]]; empty where there is none.
  std::vector<TomlTable> tables(const std::string& key);
  // The keys of this table, in the file's order.
  std::vector<std::string> keys() const;

  // Throws for any key of this table that was not asked for, and of the tables handed out.
  void refuse_others() const;
  // "file: line n: key name"
  std::string place(const std::string& key) const;
  // "file: line n: key name message"
  [[noreturn]] void fail_at(const std::string& key, const std::string& message) const;

 private:
  struct Node;
  explicit TomlTable(std::shared_ptr<Node> node) : node_(std::move(node)) {}
  void note(const std::string& key);

  std::shared_ptr<Node> node_;
};

}  // namespace memagent
