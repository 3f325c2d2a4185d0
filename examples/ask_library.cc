// The library inside a program of one's own: one question over one file, with a local model.
//
//   ask_library MODEL.gguf "QUESTION" FILE
//
// Everything an application needs is under include/memagent. The same few lines work with
// open_remote_model(), with text_source() or a DocumentSource of one's own, with many Episodes over
// one document, and with an observer that stores every step.
#include <cstdio>
#include <exception>
#include <memory>
#include <vector>

#include "memagent/document.h"
#include "memagent/local_model.h"
#include "memagent/prompts.h"
#include "memagent/runner.h"

namespace {

// Told of every accepted step; here it only says where the memory changed.
class Reader : public memagent::RunObserver {
 public:
  void on_conversation(std::size_t, const memagent::Episode&,
                       const memagent::Conversation& step) override {
    if (step.kind == memagent::ConversationKind::kUpdate) {
      std::fprintf(stderr, "section %lld: memory of %zu bytes\n",
                   static_cast<long long>(step.section_index), step.memory.text.size());
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: ask_library MODEL.gguf \"QUESTION\" FILE\n");
    return 2;
  }
  try {
    const std::unique_ptr<memagent::LanguageModel> model = memagent::open_local_model(argv[1]);
    const auto renderer =
        std::make_shared<memagent::PromptRenderer>(memagent::default_prompts(), *model);

    memagent::EpisodeConfig config;
    config.window_tokens = 2048;  // all of it: question + section + memory + output + wording
    config.question_tokens = 128;
    config.memory_tokens = 64;
    config.output_tokens = 64;
    config.section_tokens = memagent::largest_section_tokens(config, *renderer);

    std::vector<memagent::Episode> episodes;
    episodes.emplace_back(config, renderer, argv[2]);
    memagent::SectionReader document(memagent::file_source({argv[3]}), model->tokenizer(),
                                     {config.section_tokens, memagent::Cut::kNatural});
    Reader observer;
    memagent::run_episodes(*model, episodes, document, observer);

    std::printf("%s\n", episodes[0].answer().c_str());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ask_library: %s\n", error.what());
    return 1;
  }
}
