// Any bytes as a file of a data set or of tasks: split into rows, recognised, read, and its first
// rows made documents of. Only Error may come out; a document is UTF-8, its evidence stands where
// it is said to stand, and as a line of a task file it reads back the same.
//
//   build/fuzz/tests/fuzz/data_set_fuzz -max_total_time=600 -rss_limit_mb=2048 \
//     -dict=tests/fuzz/data_set.dict CORPUS_DIR
//
// A good first corpus: the files of tests/task/data/data_set_test.cc.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "memagent/error.h"
#include "support/byte_tokenizer.h"
#include "task/data_set.h"
#include "task/row_json.h"
#include "text/utf8.h"

namespace {

using memagent::Row;

constexpr std::int64_t kRows = 3;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_document(const Row& row, const std::string& document) {
  memagent::Utf8Repair repair;
  std::string repaired;
  repair.feed(document, repaired);
  repair.finish(repaired);
  require(repair.repaired() == 0);
  for (const memagent::Evidence& fact : row.evidence) {
    if (fact.byte_begin < 0) continue;
    const auto begin = static_cast<std::size_t>(fact.byte_begin);
    const auto end = static_cast<std::size_t>(fact.byte_end);
    require(begin <= end && end <= document.size());
    require(document.compare(begin, end - begin, fact.text) == 0);
  }
}

// What `memagent synth` would write of a row reads back the same.
void check_line(const Row& row, memagent::DocumentSource& document, const std::string& text) {
  std::string line;
  memagent::write_row(row, document, [&](std::string_view piece) { line += piece; });
  const memagent::RowLine back = memagent::read_row(line, "row");
  require(back.context == text);
  require(back.row.id == row.id && back.row.task == row.task);
  require(back.row.question == row.question && back.row.answers == row.answers);
  require(back.row.match == row.match && back.row.rejected == row.rejected);
  require(back.row.tokens == row.tokens && back.row.evidence.size() == row.evidence.size());
}

void read_rows(const memagent::Task& task,
               const std::shared_ptr<const memagent::Tokenizer>& tokenizer) {
  for (std::int64_t index = 0; index < std::min(kRows, task.size()); ++index) {
    for (const std::int64_t tokens : {0, 600}) {
      memagent::SampleSpec spec;
      spec.tokens = tokens;
      spec.index = index;
      std::unique_ptr<memagent::Sample> sample;
      try {
        sample = task.sample(spec, tokenizer);
      } catch (const memagent::Error&) {
        continue;  // a length that is not possible
      }
      const auto document = sample->document();
      std::array<char, 512> piece;
      std::string text;
      while (const std::size_t read = document->read(piece)) text.append(piece.data(), read);
      require(tokens == 0 || sample->row().tokens <= tokens);
      check_document(sample->row(), text);
      check_line(sample->row(), *sample->document(), text);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int file = ::memfd_create("rows.json", 0);
  static const std::string path = "/proc/self/fd/" + std::to_string(file);
  static const auto tokenizer = std::make_shared<const memagent::test::ByteTokenizer>();
  if (file < 0 || ::ftruncate(file, 0) != 0 ||
      ::pwrite(file, data, size, 0) != static_cast<ssize_t>(size)) {
    std::abort();
  }
  try {
    memagent::DataSetOptions options;
    options.path = path;
    const memagent::DataSet set = memagent::read_data_set(options);
    read_rows(*set.task, tokenizer);
  } catch (const memagent::Error& error) {
    if (error.kind() != memagent::ErrorKind::kBadInput) std::abort();
  }
  return 0;
}
