#include "fetch/catalogue.h"

#include <algorithm>
#include <cstdlib>

namespace memagent {
namespace {

// The addresses are those that the sets' own pages and repositories give; BABILong's names the
// revision, since the set has been extended in place. Their authors publish no checksums: these are
// the ones that several independent projects publish for the same addresses.
constexpr CatalogueEntry kEntries[] = {
    {"hotpotqa-train", "HotpotQA, training questions with ten paragraphs each",
     "hotpot_train_v1.1.json", "http://curtis.ml.cmu.edu/datasets/hotpot/hotpot_train_v1.1.json",
     "26650cf50234ef5fb2e664ed70bbecdfd87815e6bffc257e068efea5cf7cd316", ""},
    {"hotpotqa-dev", "HotpotQA, development questions (distractor setting)",
     "hotpot_dev_distractor_v1.json",
     "http://curtis.ml.cmu.edu/datasets/hotpot/hotpot_dev_distractor_v1.json",
     "4e9ecb5c8d3b719f624d66b60f8d56bf227f03914f5f0753d6fa1b359d7104ea", ""},
    {"squad-1.1-train", "SQuAD 1.1, training questions", "train-v1.1.json",
     "https://rajpurkar.github.io/SQuAD-explorer/dataset/train-v1.1.json",
     "3527663986b8295af4f7fcdff1ba1ff3f72d07d61a20f487cb238a6ef92fd955", ""},
    {"squad-1.1-dev", "SQuAD 1.1, development questions", "dev-v1.1.json",
     "https://rajpurkar.github.io/SQuAD-explorer/dataset/dev-v1.1.json",
     "95aa6a52d5d6a735563366753ca50492a658031da74f301ac5238b03966972c9", ""},
    {"squad-2.0-train", "SQuAD 2.0, training questions, some without an answer", "train-v2.0.json",
     "https://rajpurkar.github.io/SQuAD-explorer/dataset/train-v2.0.json",
     "68dcfbb971bd3e96d5b46c7177b16c1a4e7d4bdef19fb204502738552dede002", ""},
    {"squad-2.0-dev", "SQuAD 2.0, development questions", "dev-v2.0.json",
     "https://rajpurkar.github.io/SQuAD-explorer/dataset/dev-v2.0.json",
     "80a5225e94905956a6446d296ca1093975c4d3b3260f1d6c8f68bc2ab77182d8", ""},
    {"2wikimultihopqa", "2WikiMultiHopQA, all splits", "data_ids_april7.zip",
     "https://www.dropbox.com/s/ms2m13252h6xubs/data_ids_april7.zip?dl=1", "", "unpack it"},
    {"musique", "MuSiQue, answerable and full", "musique_v1.0.zip",
     "https://drive.usercontent.google.com/download?id=1tGdADlNjWFaHLeZZGShh2IRcpO6Lv24h"
     "&export=download&confirm=t",
     "", "unpack it"},
    {"babilong-qa1-4k", "BABILong, one supporting fact in 4,000 tokens", "babilong-qa1-4k.json",
     "https://huggingface.co/datasets/RMT-team/babilong/resolve/"
     "ee0d588794c7ac098062ee0d247c733d62e94fe2/data/qa1/4k.json",
     "", ""},
    {"babilong-qa2-32k", "BABILong, two supporting facts in 32,000 tokens", "babilong-qa2-32k.json",
     "https://huggingface.co/datasets/RMT-team/babilong/resolve/"
     "ee0d588794c7ac098062ee0d247c733d62e94fe2/data/qa2/32k.json",
     "", ""},
    {"babilong-qa2-128k", "BABILong, two supporting facts in 128,000 tokens",
     "babilong-qa2-128k.json",
     "https://huggingface.co/datasets/RMT-team/babilong/resolve/"
     "ee0d588794c7ac098062ee0d247c733d62e94fe2/data/qa2/128k.json",
     "", ""},
    {"longbench", "LongBench, all tasks", "longbench.zip",
     "https://huggingface.co/datasets/THUDM/LongBench/resolve/main/data.zip", "", "unpack it"},
};

}  // namespace

std::span<const CatalogueEntry> catalogue() { return kEntries; }

const CatalogueEntry* find_entry(std::string_view name) {
  const auto* const found = std::find_if(std::begin(kEntries), std::end(kEntries),
                                         [&](const auto& entry) { return entry.name == name; });
  return found == std::end(kEntries) ? nullptr : found;
}

std::string default_data_folder() {
  if (const char* data = std::getenv("XDG_DATA_HOME"); data != nullptr && *data == '/') {
    return std::string(data) + "/memagent/data";
  }
  const char* home = std::getenv("HOME");
  return std::string(home == nullptr ? "." : home) + "/.local/share/memagent/data";
}

}  // namespace memagent
