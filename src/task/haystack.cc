#include "task/haystack.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/fail.h"
#include "base/random.h"
#include "memagent/document.h"
#include "text/utf8.h"

namespace memagent {
namespace {

constexpr std::array<std::string_view, 5> kNoise = {
    "The tide comes in and the tide goes out. ", "Clouds pass over the hill. ",
    "The clock on the wall ticks on. ", "Rain falls, and then it stops. ",
    "There is nothing else to report.\n"};

class NoiseUnits final : public UnitText {
 public:
  void append(std::int64_t index, std::string& out) const override {
    out += kNoise[static_cast<std::size_t>(index) % kNoise.size()];
  }
};

constexpr std::size_t kMostFileBytes = std::size_t{256} << 20;
constexpr std::size_t kMostUnitBytes = 1000;  // a sentence longer than this is cut at a space

struct Sentences {
  std::string text;
  std::vector<std::uint32_t> ends;  // of each sentence in `text`, white space after it included
};

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

// A sentence ends after white space that follows a full stop, question or exclamation mark, or
// after the end of a line.
Sentences cut_sentences(std::string text) {
  Sentences result;
  std::size_t begin = 0;
  for (std::size_t at = 1; at <= text.size(); ++at) {
    const bool end_of_text = at == text.size();
    if (!end_of_text && is_space(text[at])) continue;
    bool cut = end_of_text;
    if (!cut && is_space(text[at - 1])) {
      std::size_t last = at;  // past the last character that is not white space
      bool line_end = false;
      while (last > begin && is_space(text[last - 1])) line_end |= text[--last] == '\n';
      // A closing quotation mark or bracket may follow the full stop.
      const std::size_t mark = text.find_last_not_of("\"')]", last == 0 ? 0 : last - 1);
      const bool full_stop = mark != std::string::npos && mark >= begin &&
                             (text[mark] == '.' || text[mark] == '?' || text[mark] == '!');
      cut = line_end || (full_stop && last > begin) || at - begin >= kMostUnitBytes;
    }
    if (cut && at > begin) {
      result.ends.push_back(static_cast<std::uint32_t>(at));
      begin = at;
    }
  }
  result.text = std::move(text);
  return result;
}

class FileUnits final : public UnitText {
 public:
  FileUnits(std::shared_ptr<const Sentences> sentences, std::uint64_t first)
      : sentences_(std::move(sentences)), first_(first) {}

  void append(std::int64_t index, std::string& out) const override {
    const std::vector<std::uint32_t>& ends = sentences_->ends;
    const std::size_t at = (first_ + static_cast<std::uint64_t>(index)) % ends.size();
    const std::size_t begin = at == 0 ? 0 : ends[at - 1];
    out.append(sentences_->text, begin, ends[at] - begin);
  }

 private:
  std::shared_ptr<const Sentences> sentences_;
  std::uint64_t first_;
};

}  // namespace

std::shared_ptr<const UnitText> noise_units() { return std::make_shared<NoiseUnits>(); }

MakeProse prose_of_file(const std::string& path) {
  const std::unique_ptr<DocumentSource> file = file_source({path});
  std::string text;
  Utf8Repair repair;
  std::vector<char> buffer(std::size_t{1} << 16);
  for (std::size_t count; (count = file->read(buffer)) > 0;) {
    repair.feed({buffer.data(), count}, text);
    if (text.size() > kMostFileBytes) {
      fail(ErrorKind::kBadInput, "haystack {}: more than {} MiB: choose a smaller file", path,
           kMostFileBytes >> 20);
    }
  }
  repair.finish(text);
  if (std::all_of(text.begin(), text.end(), is_space)) {
    fail(ErrorKind::kBadInput, "haystack {}: has no text: choose a file with sentences in it",
         path);
  }
  if (!is_space(text.back())) text += '\n';
  const auto sentences = std::make_shared<const Sentences>(cut_sentences(std::move(text)));
  return [sentences](std::uint64_t key) {
    return std::make_shared<FileUnits>(sentences, derive(key, 0) % sentences->ends.size());
  };
}

}  // namespace memagent
