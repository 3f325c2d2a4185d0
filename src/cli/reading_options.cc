#include "cli/reading_options.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/chat_format.h"
#include "agent/prompt_file.h"
#include "base/fail.h"
#include "base/hash.h"
#include "base/input_file.h"
#include "base/mapped_file.h"
#include "cli/lengths.h"
#include "model/local/model_contents.h"

namespace memagent {

namespace {

constexpr const char* kGroup = "Reading (a model's file may bring other defaults than these)";

void add_setting(CLI::App& app, ReadingOptions& options, const AskSetting& setting) {
  app.add_option_function<std::string>(
         setting.flag,
         [&options, &setting](const std::string& text) { setting.parse(options.settings, text); },
         setting.help)
      ->type_name(setting.value_name)
      ->group(kGroup);
}

void add_prompts(CLI::App& app, ReadingOptions& options) {
  app.add_option("--prompts", options.prompts,
                 "A prompt file, for models trained with other wording (docs/prompts.md)")
      ->type_name("FILE")
      ->group(kGroup);
}

void add_lookahead(CLI::App& app, ReadingOptions& options) {
  app.add_option_function<std::string>(
         "--lookahead",
         [&options](const std::string& text) {
           const std::int64_t sections = parse_length("--lookahead", text);
           if (sections < 1 || sections > 4096) {
             fail(ErrorKind::kUsage, "--lookahead: {} sections: choose 1 to 4096", text);
           }
           options.lookahead = static_cast<std::int32_t>(sections);
         },
         "Sections asked about at once as long as the memory stays the same; changes only the "
         "time it takes (1; over endpoints with --policy gated 8)")
      ->type_name("N")
      ->group(kGroup);
}

}  // namespace

void add_note_options(CLI::App& app, ReadingOptions& options) {
  for (const AskSetting& setting : ask_settings_table()) add_setting(app, options, setting);
  add_prompts(app, options);
}

void add_reading_options(CLI::App& app, ReadingOptions& options) {
  add_note_options(app, options);
  add_lookahead(app, options);
}

void add_reader_options(CLI::App& app, ReadingOptions& options) {
  for (const AskSetting& setting : ask_settings_table()) {
    if (std::string_view(setting.key) == "chat_format") add_setting(app, options, setting);
  }
  add_prompts(app, options);
  add_lookahead(app, options);
}

void use_model_notes(ReadingOptions& options, const ModelChoice& choice) {
  if (!choice.local()) return;
  const ModelNotes notes = model_notes(choice.model);
  const auto note = [&](const char* key) {
    const auto at = notes.find(key);
    return at == notes.end() ? nullptr : &at->second;
  };
  if (const std::string* prompts = note("prompts")) options.model_prompts = *prompts;
  for (const AskSetting& setting : ask_settings_table()) {
    const std::string* text = note(setting.key);
    if (text == nullptr || !setting.json(options.settings).empty()) continue;
    try {
      setting.parse(options.settings, *text);
    } catch (const Error& error) {
      fail(ErrorKind::kBadInput, "{}: memagent.{}: {}", choice.model, setting.key, error.what());
    }
  }
}

ModelNotes notes_from(const ReadingOptions& options) {
  ModelNotes notes;
  for (const AskSetting& setting : ask_settings_table()) {
    const std::string text = setting.json(options.settings);
    if (text.empty()) continue;
    const nlohmann::json value = nlohmann::json::parse(text);
    notes[setting.key] = value.is_string() ? value.get<std::string>() : text;
  }
  if (!options.prompts.empty()) {
    const MappedFile file(options.prompts);
    const std::string_view toml(reinterpret_cast<const char*>(file.bytes().data()),
                                file.bytes().size());
    parse_prompts(toml, options.prompts);  // only what can be read back
    notes["prompts"] = toml;
  }
  return notes;
}

PromptSet read_prompts(const ReadingOptions& options) {
  if (!options.prompts.empty()) return load_prompts(options.prompts);
  if (options.model_prompts.empty()) return default_prompts();
  return parse_prompts(options.model_prompts, "the model's prompts");
}

// Sections that reading ahead throws away are asked about again: their prefill is worth keeping.
ModelUse model_use(const ReadingOptions& options) {
  constexpr std::int64_t kTemplateTokens = 512;
  ModelUse use;
  use.context_tokens = options.settings.window_tokens.value_or(0);
  if (options.settings.layout == Layout::kSectionFirst && options.lookahead.value_or(1) > 1) {
    const std::int64_t section = options.settings.section_tokens.value_or(5000);
    use.retained_prefix_tokens = *options.lookahead * (section + kTemplateTokens);
  }
  return use;
}

std::shared_ptr<const PromptRenderer> make_renderer(PromptSet prompts, ReadingOptions& options,
                                                    const LanguageModel& model) {
  if (!options.settings.chat_format) options.settings.chat_format = detect_chat_format(model);
  return std::make_shared<PromptRenderer>(std::move(prompts), *options.settings.chat_format,
                                          model.tokenizer(), model.capabilities().tokens,
                                          template_knows_thinking(model.chat_template()));
}

EpisodeConfig resolve(ReadingOptions& options, const Capabilities& capabilities,
                      const PromptRenderer& renderer) {
  EpisodeConfig config = resolve(options.settings, capabilities.context_tokens, renderer);
  config.lookahead =
      options.lookahead.value_or(!capabilities.tokens && config.policy == Policy::kGated ? 8 : 1);
  return config;
}

std::string file_identity(const std::string& path, const char* if_empty) {
  if (path.empty()) return if_empty;
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {  // only a tokenizer may be one
    return fmt::format("folder {:016x}", model_contents_hash(path));
  }
  std::ifstream file = open_input(path);
  Hash64 hash;
  std::vector<char> buffer(std::size_t{1} << 16);
  while (file.read(buffer.data(), static_cast<std::streamsize>(buffer.size())), file.gcount() > 0) {
    hash.update({buffer.data(), static_cast<std::size_t>(file.gcount())});
  }
  return fmt::format("file {:016x}", hash.value());
}

}  // namespace memagent
