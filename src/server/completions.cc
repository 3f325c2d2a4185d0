#include "server/completions.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "agent/state_json.h"
#include "server/api_error.h"
#include "server/joined_source.h"

namespace memagent {
namespace {

// The window that is assumed where a server does not say how long its model's is: that of
// arXiv 2507.02259, which budgets are made for.
constexpr std::int64_t kAssumedWindow = 8192;
// What a server's own chat template may add to a chat, and to each of its messages.
constexpr std::int64_t kServerTemplateTokens = 64;
constexpr std::int64_t kServerMessageTokens = 8;
// A text of more bytes than this a token fits no window: it need not be counted.
constexpr std::int64_t kMostBytesPerToken = 32;

std::int64_t window_of(const EpisodeConfig& config) {
  return config.window_tokens > 0 ? config.window_tokens : kAssumedWindow;
}

bool has_files(const CompletionRequest& request) {
  for (const ChatMessage& message : request.messages) {
    for (const ContentPart& part : message.parts) {
      if (!part.file_id.empty()) return true;
    }
  }
  return false;
}

std::int64_t bytes_of(const CompletionRequest& request) {
  std::size_t bytes = 0;
  for (const ChatMessage& message : request.messages) {
    for (const ContentPart& part : message.parts) bytes += part.text.size();
  }
  return static_cast<std::int64_t>(bytes);
}

std::vector<Message> messages_of(const CompletionRequest& request) {
  std::vector<Message> messages;
  for (const ChatMessage& message : request.messages) {
    // No chat format here has tool calls; what a tool said is text that the user brings.
    Message result{message.role == "tool" ? "user" : message.role, ""};
    for (const ContentPart& part : message.parts) {
      result.content += (result.content.empty() ? "" : "\n\n") + part.text;
    }
    messages.push_back(std::move(result));
  }
  return messages;
}

}  // namespace

Completions::Completions(const LanguageModel& model, std::shared_ptr<const PromptRenderer> renderer,
                         ChatPromptOptions chat, ReadingService& service,
                         CompletionsOptions options)
    : model_(model),
      renderer_(std::move(renderer)),
      chat_(chat),
      service_(service),
      options_(std::move(options)) {}

ReadingService::Handle Completions::start(const CompletionRequest& request, const Caller& caller,
                                          std::shared_ptr<KeyUse> use) const {
  if (!names_the_model(request.model)) {
    throw ApiError(404,
                   fmt::format("model: there is no '{}': this server has '{}'", request.model,
                               options_.model_name),
                   "model", "model_not_found");
  }
  AnswerTerms terms{.use = std::move(use), .stop = request.stop};
  ReadingPlan plan = options_.plan(request.settings_json);
  const ReadMode mode = request.read.value_or(options_.read);
  const bool wants_reading = request.question || !request.questions.empty() || request.document ||
                             request.session || has_files(request);
  if (wants_reading && mode == ReadMode::kNever) {
    throw ApiError(400,
                   "memagent.read: never, but files, memagent.question(s), memagent.document "
                   "and memagent.session are only for reading: leave one or the other out",
                   "memagent.read");
  }
  if (mode != ReadMode::kAlways && !wants_reading) {
    if (std::optional<GenerationRequest> generation = as_it_is(request, plan)) {
      return service_.generate(caller.name, std::move(*generation), std::move(terms));
    }
    if (mode == ReadMode::kNever) {
      throw ApiError(400,
                     fmt::format("messages: the conversation and its answer are longer than the "
                                 "{} tokens that the model sees at once: let it be read in "
                                 "sections, or shorten it",
                                 window_of(plan.config)),
                     "messages", "context_length_exceeded");
    }
  }
  return read(request, std::move(plan), caller, std::move(terms));
}

bool Completions::names_the_model(const std::string& name) const {
  return name.empty() || name == kAnyModelName || name == options_.model_name;
}

std::shared_ptr<KeyUse> Completions::admit(const std::string& key) const {
  return options_.limits == nullptr ? nullptr : options_.limits->admit(key);
}

Prompt Completions::prompt_of(const CompletionRequest& request) const {
  const std::shared_ptr<const Tokenizer> tokenizer = model_.tokenizer();
  if (request.api == CompletionApi::kChat || !chat_.as_tokens) {
    return chat_prompt(messages_of(request), chat_, *tokenizer);
  }
  Prompt prompt;
  if (tokenizer->adds_bos() && tokenizer->bos()) prompt.tokens.push_back(*tokenizer->bos());
  tokenizer->encode(request.messages[0].parts[0].text, prompt.tokens);
  return prompt;
}

std::optional<GenerationRequest> Completions::as_it_is(const CompletionRequest& request,
                                                       const ReadingPlan& plan) const {
  const std::int64_t window = window_of(plan.config);
  if (bytes_of(request) > window * kMostBytesPerToken) return std::nullopt;
  GenerationRequest generation;
  generation.prompt = prompt_of(request);
  generation.sampling = plan.config.sampling;
  auto tokens = static_cast<std::int64_t>(generation.prompt.tokens.size());
  if (!chat_.as_tokens) {
    tokens = kServerTemplateTokens;
    for (const Message& message : generation.prompt.messages) {
      tokens += renderer_->count_tokens(message.content) + kServerMessageTokens;
    }
  }
  // Room for an answer as long as one after reading may be, or as the client wants.
  const std::int64_t room = window - tokens;
  const std::int64_t wanted = request.max_tokens.value_or(plan.config.output_tokens);
  if (room < std::min<std::int64_t>(wanted, plan.config.output_tokens) || tokens == 0) {
    return std::nullopt;
  }
  generation.max_tokens = static_cast<std::int32_t>(
      std::min<std::int64_t>(room, request.max_tokens.value_or(INT32_MAX)));
  return generation;
}

ReadingService::Handle Completions::read(const CompletionRequest& request, ReadingPlan plan,
                                         const Caller& caller, AnswerTerms terms) const {
  EpisodeConfig& config = plan.config;
  if (request.max_tokens) {
    std::int64_t most = *request.max_tokens;
    if (config.window_tokens > 0) {
      most = std::min<std::int64_t>(most, config.window_tokens - config.question_tokens -
                                              config.memory_tokens -
                                              renderer_->answer_overhead_tokens());
    }
    config.output_tokens = static_cast<std::int32_t>(std::max<std::int64_t>(1, most));
  }
  const auto count = [&](std::string_view text) -> std::int64_t {
    return renderer_->count_tokens(text);
  };
  SplitConversation split = split_conversation(request, count, config.question_tokens);
  if (split.document.empty()) {
    throw ApiError(400,
                   "messages: there is nothing to read besides the question: add the document, or "
                   "set memagent.read to never",
                   "messages");
  }
  // A file by itself is kept as it is.
  const std::string file_id = split.document.size() == 1 ? split.document[0].file_id : "";
  const std::vector<std::string> questions =
      request.questions.empty() ? std::vector{split.question} : request.questions;
  SessionKeeper::Opened opened;
  opened.document = open(std::move(split.document), caller);
  if (request.session) {
    if (options_.sessions == nullptr) throw ApiError(400, "memagent.session: there are none");
    opened = options_.sessions->open(*request.session, caller.key, plan.session_settings, questions,
                                     std::move(opened.document), file_id);
  }
  return read(plan, caller, questions, std::move(opened), std::move(terms));
}

ReadingService::Handle Completions::read(const ReadingPlan& plan, const Caller& caller,
                                         const std::vector<std::string>& questions,
                                         SessionKeeper::Opened opened, AnswerTerms terms) const {
  std::vector<Episode> episodes;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const std::string state =
        opened.held == nullptr ? "" : opened.held->session->info().states_json[i];
    episodes.push_back(state.empty() ? Episode(plan.config, renderer_, questions[i])
                                     : Episode(plan.config, renderer_, questions[i],
                                               episode_state_from_json(state)));
  }
  SectionReader reader(std::move(opened.document), model_.tokenizer(), plan.sections);
  return service_.read(caller.name, std::move(episodes), std::move(reader), std::move(opened.held),
                       std::move(terms));
}

void Completions::resume(const SessionInfo& info, const Caller& caller) const {
  AnswerTerms terms{.use = admit(caller.key)};
  // Of its settings those that requests may have; the rest is the server's own, and is compared.
  const nlohmann::json stored = nlohmann::json::parse(info.spec.settings_json);
  nlohmann::json settings = nlohmann::json::object();
  for (const std::string& key : options_.setting_keys) {
    if (stored.contains(key)) settings[key] = stored[key];
  }
  ReadingPlan plan = options_.plan(settings.dump());
  SessionKeeper::Opened opened = options_.sessions->resume(info, plan.session_settings);
  read(plan, caller, info.spec.questions, std::move(opened), std::move(terms));
}

std::unique_ptr<DocumentSource> Completions::open(std::vector<DocumentPart> parts,
                                                  const Caller& caller) const {
  std::vector<TitledSource> sources;
  for (DocumentPart& part : parts) {
    if (part.file_id.empty()) {
      sources.push_back({part.role.empty() ? "document" : part.role,
                         text_source(std::move(part.text), "the conversation")});
    } else {
      if (options_.files == nullptr) {
        throw ApiError(404, fmt::format("there is no file '{}'", part.file_id), "file_id");
      }
      sources.push_back({options_.files->find(part.file_id, caller.key).filename,
                         options_.files->open(part.file_id, caller.key)});
    }
  }
  return joined_source(std::move(sources), "the conversation");
}

}  // namespace memagent
