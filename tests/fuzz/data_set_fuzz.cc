// Any bytes as a file of a data set or of tasks: split into rows, recognised, read, and its first
// rows made documents of. Only Error may come out, and what a document holds is UTF-8.
//
//   build/fuzz/tests/fuzz/data_set_fuzz -max_total_time=600 -rss_limit_mb=2048 \
//     -dict=tests/fuzz/data_set.dict CORPUS_DIR
//
// A good first corpus: the files of tests/task/data/data_set_test.cc.
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "memagent/error.h"
#include "support/byte_tokenizer.h"
#include "task/data_set.h"

namespace {

constexpr std::int64_t kRows = 3;

void read_rows(const memagent::Task& task,
               const std::shared_ptr<const memagent::Tokenizer>& tokenizer) {
  for (std::int64_t index = 0; index < std::min(kRows, task.size()); ++index) {
    for (const std::int64_t tokens : {0, 600}) {
      memagent::SampleSpec spec;
      spec.tokens = tokens;
      spec.index = index;
      try {
        const auto sample = task.sample(spec, tokenizer);
        const auto document = sample->document();
        std::array<char, 512> piece;
        std::int64_t bytes = 0;
        while (const std::size_t read = document->read(piece)) {
          bytes += static_cast<std::int64_t>(read);
        }
        for (const memagent::Evidence& fact : sample->row().evidence) {
          if (fact.byte_begin > fact.byte_end || fact.byte_end > bytes) std::abort();
        }
      } catch (const memagent::Error&) {
      }
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
