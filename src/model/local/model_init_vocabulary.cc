// How the merges come about: words are taken in order, each is split by the merges so far, and its
// first two pieces are merged until it is whole. So every word taken is one token afterwards, and
// no later merge can change that.
#include "model/local/model_init_vocabulary.h"

#include <unordered_map>
#include <unordered_set>

#include "base/fail.h"
#include "base/random.h"
#include "text/byte_alphabet.h"

namespace memagent {
namespace {

constexpr const char* kWords =
    "the of and to in is was for that on with as it by from at his he an be are had her not or "
    "which this have they were has their but all one also who its first been after into two more "
    "would when about there she him other time out new can only than some no years up may over "
    "so these them such made most between then many will where through during later before under "
    "since being people well became while both city year world state until three known part your "
    "what we you my me do did if any how said could our like now just because see know think way "
    "day good man back much own even work life great house old place little long never again here "
    "came right down still find take last water night home hand another each same small us those "
    "word every name very line must end large big far four five six seven eight nine ten hundred "
    "thousand million number question answer memory document section read write text note notes "
    "noted fact facts evidence nothing change changes keep kept remember important relevant given "
    "following information about story letter book page table list item key value code test case "
    "found left east west north south river town street school family father mother child children "
    "king war army church company government country national history century system university "
    "group music film game team season player record album song series form member members born "
    "died early against several around including however called used using use set made make makes "
    "begin began between within without across along among order power right point area air land "
    "sea light fire head face eyes room door car road money business market price law court office "
    "I The In It He She They We You A An This That And But For At On As If When What There Yes No "
    "ing ed er ly tion ment ness able ful less est ity ous ive ance ence ist ism ship ward wise "
    "re un pre dis mis over under inter trans super sub non anti con com pro per for ex en em";

// Pieces of made-up words: (onset nucleus coda) twice gives some millions.
constexpr const char* kOnsets[] = {"b",  "c",  "d",  "f",  "g",   "h",  "j",  "k",  "l",  "m",
                                   "n",  "p",  "r",  "s",  "t",   "v",  "w",  "y",  "z",  "br",
                                   "ch", "cl", "cr", "dr", "fl",  "fr", "gl", "gr", "pl", "pr",
                                   "sh", "sl", "sp", "st", "str", "th", "tr", "wh", ""};
constexpr const char* kNuclei[] = {"a", "e", "i", "o", "u", "ai", "ea", "ee", "ie", "oo", "ou"};
constexpr const char* kCodas[] = {"",   "b",  "d",  "g",  "k",  "l",  "m",  "n",  "p",  "r",  "s",
                                  "t",  "x",  "ck", "ft", "ld", "ll", "lt", "nd", "ng", "nk", "nt",
                                  "rd", "rk", "rm", "rn", "rt", "sh", "sk", "ss", "st", "th"};

template <std::size_t N>
const char* pick(const char* const (&pieces)[N], RandomStream& random) {
  return pieces[random.below(N)];
}

std::string made_up_word(std::uint64_t index) {
  RandomStream random(derive(0x766F63616241ULL, index));
  std::string word;
  const std::uint64_t syllables = 1 + random.below(3);
  for (std::uint64_t i = 0; i < syllables; ++i) {
    word += pick(kOnsets, random);
    word += pick(kNuclei, random);
    word += pick(kCodas, random);
  }
  return word;
}

class MergeMaker {
 public:
  MergeMaker(Vocabulary& vocabulary, std::size_t num_tokens)
      : vocabulary_(vocabulary), num_tokens_(num_tokens) {
    for (int byte = 0; byte < 256; ++byte) {
      add_token(to_byte_alphabet(std::string(1, static_cast<char>(byte))));
    }
  }

  bool full() const { return vocabulary_.tokens.size() >= num_tokens_; }

  // Makes `word` (plain bytes) one token.
  void add_word(std::string_view word) {
    std::vector<std::string> pieces;
    for (const char c : word) pieces.push_back(to_byte_alphabet(std::string(1, c)));
    apply_merges(pieces);
    while (pieces.size() > 1 && !full()) {
      const std::string merge = pieces[0] + " " + pieces[1];
      ranks_.emplace(merge, vocabulary_.merges.size());
      vocabulary_.merges.push_back(merge);
      add_token(pieces[0] + pieces[1]);
      apply_merges(pieces);
    }
  }

 private:
  void add_token(const std::string& token) {
    if (known_.insert(token).second) vocabulary_.tokens.push_back(token);
  }

  void apply_merges(std::vector<std::string>& pieces) const {
    while (true) {
      std::size_t best_rank = SIZE_MAX;
      std::size_t best = 0;
      for (std::size_t i = 0; i + 1 < pieces.size(); ++i) {
        const auto found = ranks_.find(pieces[i] + " " + pieces[i + 1]);
        if (found != ranks_.end() && found->second < best_rank) {
          best_rank = found->second;
          best = i;
        }
      }
      if (best_rank == SIZE_MAX) return;
      pieces[best] += pieces[best + 1];
      pieces.erase(pieces.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    }
  }

  Vocabulary& vocabulary_;
  std::size_t num_tokens_;
  std::unordered_map<std::string, std::size_t> ranks_;
  std::unordered_set<std::string> known_;
};

}  // namespace

// A conversation in ChatML: each message between its markers, the role on the first line.
const char* const kChatMlTemplate =
    "{%- for message in messages -%}\n"
    "{{- '<|im_start|>' ~ message.role ~ '\\n' ~ message.content ~ '<|im_end|>\\n' -}}\n"
    "{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}\n";

Vocabulary generate_vocabulary(std::int32_t size, const std::string& pre_tokenizer) {
  if (size < kLeastVocabSize) {
    fail(ErrorKind::kUsage, "a vocabulary of {} tokens is too small: {} or more are needed", size,
         kLeastVocabSize);
  }
  Vocabulary out;
  out.kind = VocabularyKind::kByteLevelBpe;
  out.pre_tokenizer = pre_tokenizer;
  MergeMaker maker(out, static_cast<std::size_t>(size) - 3);
  for (const char* spaces : {"\n\n", "  ", "    ", "        "}) maker.add_word(spaces);
  const std::string_view words = kWords;
  for (std::size_t at = 0; at < words.size() && !maker.full();) {
    const std::size_t end = std::min(words.find(' ', at), words.size());
    const std::string word(words.substr(at, end - at));
    for (const char* before : {" ", ""}) maker.add_word(before + word);
    at = end + 1;
  }
  for (std::uint64_t index = 0; !maker.full(); ++index) {
    const std::string word = made_up_word(index);
    maker.add_word(index % 3 == 0 ? word : " " + word);
  }
  out.types.assign(out.tokens.size(), TokenType::kNormal);
  for (const char* special : {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}) {
    out.tokens.emplace_back(special);
    out.types.push_back(TokenType::kControl);
  }
  out.eos = size - 1;
  out.padding = size - 3;
  out.bos = size - 3;
  out.add_bos = false;
  return out;
}

}  // namespace memagent
