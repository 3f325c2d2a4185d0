// How fast text becomes tokens, on one core: whole and streamed, by kind of text.
//
//   tokenizer_bench TOKENIZER TEXT_FILE...
//
// Each file is encoded whole and in pieces of 64 KiB, five times each; the median counts. The last
// line is one JSON object. bench/tokenizer.mjs makes the inputs and runs tiktoken's npm package on
// the same text.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "memagent/error.h"
#include "memagent/tokenizer.h"

namespace {

using Clock = std::chrono::steady_clock;

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

struct Rate {
  double median_mb_per_s = 0;
  double slowest_mb_per_s = 0;
  std::size_t tokens = 0;
};

template <typename Encode>
Rate measure(std::size_t bytes, Encode encode) {
  constexpr int kRuns = 5;
  std::vector<memagent::TokenId> ids;
  ids.reserve(bytes);
  encode(ids);  // warm-up: caches, memory
  std::vector<double> rates;
  for (int run = 0; run < kRuns; ++run) {
    ids.clear();
    const auto start = Clock::now();
    encode(ids);
    const std::chrono::duration<double> seconds = Clock::now() - start;
    rates.push_back(static_cast<double>(bytes) / 1e6 / seconds.count());
  }
  std::ranges::sort(rates);
  return {rates[kRuns / 2], rates[0], ids.size()};
}

int run(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr, "usage: tokenizer_bench TOKENIZER TEXT_FILE...\n");
    return 2;
  }
  const auto load_start = Clock::now();
  const auto tokenizer = memagent::load_tokenizer(argv[1]);
  const std::chrono::duration<double, std::milli> load_ms = Clock::now() - load_start;
  fmt::print("{}: {} tokens, loaded in {:.0f} ms\n", argv[1], tokenizer->vocab_size(),
             load_ms.count());
  std::string json;
  for (int i = 2; i < argc; ++i) {
    const std::string text = read_file(argv[i]);
    const Rate whole = measure(
        text.size(), [&](std::vector<memagent::TokenId>& ids) { tokenizer->encode(text, ids); });
    const Rate streamed = measure(text.size(), [&](std::vector<memagent::TokenId>& ids) {
      const auto stream = tokenizer->stream();
      for (std::size_t at = 0; at < text.size(); at += 65'536) {
        stream->feed(std::string_view(text).substr(at, 65'536), ids);
      }
      stream->finish(ids);
    });
    const double bytes_per_token = static_cast<double>(text.size()) /
                                   static_cast<double>(std::max<std::size_t>(whole.tokens, 1));
    fmt::print(
        "{}: {:.1f} MB, {:.2f} bytes a token, whole {:.1f} MB/s (slowest {:.1f}), streamed "
        "{:.1f} MB/s (slowest {:.1f})\n",
        argv[i], static_cast<double>(text.size()) / 1e6, bytes_per_token, whole.median_mb_per_s,
        whole.slowest_mb_per_s, streamed.median_mb_per_s, streamed.slowest_mb_per_s);
    json += fmt::format(
        R"({}{{"file": "{}", "bytes": {}, "tokens": {}, "mb_per_s": {:.1f}, "streamed_mb_per_s": {:.1f}}})",
        i > 2 ? ", " : "", argv[i], text.size(), whole.tokens, whole.median_mb_per_s,
        streamed.median_mb_per_s);
  }
  fmt::print(R"({{"bench": "tokenizer", "tokenizer": "{}", "vocab_size": {}, "load_ms": {:.0f}, )"
             R"("threads": 1, "texts": [{}]}})"
             "\n",
             argv[1], tokenizer->vocab_size(), load_ms.count(), json);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const memagent::Error& error) {
    fmt::print(stderr, "tokenizer_bench: {}\n", error.what());
    return exit_code(error.kind());
  }
}
