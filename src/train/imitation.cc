#include "train/imitation.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/fail.h"

namespace memagent {
namespace {

// An oracle's memory as it is written down: never empty.
const std::string& written(const PromptSet& prompts, const std::string& memory) {
  return memory.empty() ? prompts.empty_memory : memory;
}

std::string joined(const std::string& lines, const std::string& more) {
  return lines.empty() || more.empty() ? lines + more : lines + '\n' + more;
}

// Under both policies: what an ideal reader replies to a section.
std::string update_reply(Policy policy, const PromptSet& prompts, const std::string& before,
                         const std::string& now) {
  if (policy == Policy::kOverwrite) return written(prompts, now);
  if (before == now) return prompts.gate_keep;
  const std::string kept = before.empty() ? "" : before + '\n';
  if (!prompts.gate_add.empty() && now.starts_with(kept)) {
    return prompts.gate_add + "\n" + now.substr(kept.size());
  }
  return prompts.gate_update + "\n" + now;
}

// A fact that has its end in the section, but began before it.
bool cuts_a_fact(const Row& row, const Section& section) {
  return std::any_of(row.evidence.begin(), row.evidence.end(), [&](const Evidence& fact) {
    return fact.byte_begin >= 0 && fact.byte_begin < section.byte_begin &&
           fact.byte_end > section.byte_begin && fact.byte_end <= section.byte_end;
  });
}

// A fact noted here that only another one, further on, makes worth noting: who does not know the
// question's middle cannot know that its end matters.
bool foreknows(const Row& row, const Section& section) {
  const auto noted_here = [&](const Evidence& fact) {
    return fact.byte_end > section.byte_begin && fact.byte_end <= section.byte_end;
  };
  return std::any_of(row.evidence.begin(), row.evidence.end(), [&](const Evidence& fact) {
    return noted_here(fact) &&
           std::any_of(row.evidence.begin(), row.evidence.end(), [&](const Evidence& earlier) {
             return earlier.hop < fact.hop && earlier.byte_end > section.byte_end;
           });
  });
}

}  // namespace

Sections sections_of(const Sample& sample, const SectionOptions& options,
                     const std::shared_ptr<const Tokenizer>& tokenizer) {
  Sections sections;
  SectionReader reader(sample.document(), tokenizer, options);
  for (Section section; reader.next(section);) {
    sections.push_back(std::make_shared<Section>(section));
  }
  return sections;
}

std::vector<ImitatedConversation> imitate(const Sample& sample, const Sections& sections,
                                          EpisodeConfig config,
                                          const std::shared_ptr<const PromptRenderer>& renderer,
                                          const std::shared_ptr<const Tokenizer>& tokenizer,
                                          const std::string& noted) {
  const Row& row = sample.row();
  const std::unique_ptr<Oracle> oracle = sample.oracle();
  if (oracle == nullptr) {
    fail(ErrorKind::kUsage,
         "{}: no facts are recorded: it cannot be learnt by imitation: take the task out of the "
         "stage",
         row.task);
  }
  if (tokenizer->end_tokens().empty()) {
    fail(ErrorKind::kUsage,
         "the vocabulary has no token that ends a reply: choose a tokenizer with an end-of-text "
         "token");
  }
  const TokenId end = tokenizer->end_tokens().front();
  const PromptSet& prompts = renderer->prompts();
  config.keep_prompts = true;
  config.lookahead = 1;
  EpisodeState state;
  std::string before = joined(noted, oracle->memory());
  state.memory = renderer->encode(written(prompts, before));
  if (std::ssize(state.memory.tokens) > config.memory_tokens) return {};
  Episode episode(config, renderer, row.question, state);

  std::vector<ImitatedConversation> said;
  ImitatedConversation next;
  bool whole = true;  // no memory had to be cut so far
  auto section = sections.begin();
  while (true) {
    switch (episode.need()) {
      case Need::kSection: {
        if (section == sections.end()) {
          episode.end_of_document();
          break;
        }
        const Section& now = **section;
        oracle->read(now.byte_begin, now.byte_end, now.text);
        next.imitable = whole && !cuts_a_fact(row, now) && !foreknows(row, now);
        episode.give_section(*section++);
        break;
      }
      case Need::kGeneration: {
        const Turn turn = episode.take_generation();
        next.shared_prefix_tokens = turn.request.shared_prefix_tokens;
        GenerationResult result;
        if (turn.kind == ConversationKind::kAnswer) {
          result.text = oracle->answer();
          next.imitable = whole;
        } else {
          const std::string now = joined(noted, oracle->memory());
          result.text = update_reply(config.policy, prompts, before, now);
          before = now;
        }
        result.tokens = tokenizer->encode(result.text);
        const auto most = static_cast<std::size_t>(turn.request.max_tokens);
        if (result.tokens.size() >= most) {
          whole = false;
          next.imitable = false;
          result.tokens.resize(most);
          result.text = tokenizer->decode(result.tokens);
          result.stop = StopReason::kLength;
        }
        next.response = result.tokens;
        next.response.push_back(end);
        episode.give_generation(turn.id, std::move(result));
        break;
      }
      case Need::kAccept:
        next.conversation = episode.accept();
        if (next.conversation.kind == ConversationKind::kUpdate &&
            next.conversation.memory.text != written(prompts, before)) {
          whole = false;
          next.imitable = false;
        }
        next.answer_now = oracle->answer();
        said.push_back(next);
        break;
      case Need::kWait:
      case Need::kFinished:
        return said;
    }
  }
}

}  // namespace memagent
