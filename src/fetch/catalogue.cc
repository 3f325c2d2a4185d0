#include "fetch/catalogue.h"

#include <algorithm>
#include <cstdlib>

namespace memagent {
namespace {

// The addresses are those that the sets' own pages and repositories give. None of them publishes
// checksums.
constexpr CatalogueEntry kEntries[] = {
    {"hotpotqa-train", "HotpotQA, training questions with ten paragraphs each",
     "hotpot_train_v1.1.json", "http://curtis.ml.cmu.edu/datasets/hotpot/hotpot_train_v1.1.json",
     ""},
    {"hotpotqa-dev", "HotpotQA, development questions (distractor setting)",
     "hotpot_dev_distractor_v1.json",
     "http://curtis.ml.cmu.edu/datasets/hotpot/hotpot_dev_distractor_v1.json", ""},
    {"squad-1.1-train", "SQuAD 1.1, training questions", "train-v1.1.json",
     "https://rajpurkar.github.io/SQuAD-explorer/dataset/train-v1.1.json", ""},
    {"squad-1.1-dev", "SQuAD 1.1, development questions", "dev-v1.1.json",
     "https://rajpurkar.github.io/SQuAD-explorer/dataset/dev-v1.1.json", ""},
    {"squad-2.0-train", "SQuAD 2.0, training questions, some without an answer", "train-v2.0.json",
     "https://rajpurkar.github.io/SQuAD-explorer/dataset/train-v2.0.json", ""},
    {"squad-2.0-dev", "SQuAD 2.0, development questions", "dev-v2.0.json",
     "https://rajpurkar.github.io/SQuAD-explorer/dataset/dev-v2.0.json", ""},
    {"2wikimultihopqa", "2WikiMultiHopQA, all splits", "data_ids_april7.zip",
     "https://www.dropbox.com/s/ms2m13252h6xubs/data_ids_april7.zip?dl=1", "unpack it"},
    {"longbench", "LongBench, all tasks", "longbench.zip",
     "https://huggingface.co/datasets/THUDM/LongBench/resolve/main/data.zip", "unpack it"},
    {"musique", "MuSiQue, answerable and full", "musique_v1.0.zip", "",
     "fetch it from https://drive.google.com/file/d/1tGdADlNjWFaHLeZZGShh2IRcpO6Lv24h/view and "
     "unpack it"},
    {"babilong", "BABILong, all tasks and lengths", "babilong", "",
     "fetch the tasks and lengths you want from https://huggingface.co/datasets/RMT-team/babilong"},
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
