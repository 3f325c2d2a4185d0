// The rows of a JSON file one at a time, in memory that does not grow with the file: JSON lines,
// one array, or one object whose field "data" is an array (SQuAD). Knows no format's fields.
//
// The file is mapped and split by brackets and quotation marks alone; each row is then parsed by
// itself, with bounds on its size, depth and number of values.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/mapped_file.h"

namespace memagent::data {

class JsonRows {
 public:
  struct Item {
    std::size_t begin = 0;  // in the file
    std::size_t end = 0;
    std::int64_t number = 0;  // line of the file, or place in the array; from 1
  };

  // Throws Error(kBadInput), as every method does, naming the file and the row.
  explicit JsonRows(std::string path);

  // Visits every row in order. The memory of pages read goes back to the system as it goes on.
  void for_each(const std::function<void(const Item&)>& visit) const;
  std::string_view text(const Item& item) const {
    return text_.substr(item.begin, item.end - item.begin);
  }
  // "train.jsonl: line 7", "train.json: row 7".
  std::string where(const Item& item) const;
  nlohmann::json parse(const Item& item) const;
  const std::string& path() const { return file_.path(); }
  [[noreturn]] void fail_empty() const;

 private:
  // The row after `item`, which begins as a default Item; false at the end of the file.
  bool next(Item& item) const;
  bool next_line(Item& item) const;
  bool next_element(Item& item) const;
  std::size_t skip_space(std::size_t at) const;
  std::size_t value_end(std::size_t begin, std::int64_t number) const;
  void find_rows();

  MappedFile file_;
  std::string_view text_;
  bool lines_ = false;
  std::size_t first_ = 0;  // where the rows begin: after the array's bracket
};

}  // namespace memagent::data
