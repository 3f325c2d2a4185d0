// How documents are read and answered from: the flags that `ask` and `eval` share, and what follows
// from them once a model is open.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cli/ask_settings.h"
#include "cli/model_choice.h"
#include "memagent/episode.h"
#include "memagent/prompts.h"
#include "model/local/model_tools.h"

namespace CLI {
class App;
}

namespace memagent {

struct ReadingOptions {
  AskSettings settings;
  std::string prompts;        // a prompt file; empty: the model's own wording, or the built-in one
  std::string model_prompts;  // the model's own: TOML
  std::optional<std::int32_t> lookahead;
};

void add_reading_options(CLI::App& app, ReadingOptions& options);

// Those that are the reader's and not the session's: for commands that read what others began.
void add_reader_options(CLI::App& app, ReadingOptions& options);

// What the model's file says of its use, where no flag said otherwise. Before read_prompts() and
// model_use(). Throws Error(kBadInput) for a file that says what cannot be.
void use_model_notes(ReadingOptions& options, const ModelChoice& choice);

// Flags for what a model's file can say of its use, and what they say there.
void add_note_options(CLI::App& app, ReadingOptions& options);
ModelNotes notes_from(const ReadingOptions& options);

// The wording asked for. Throws Error(kBadInput) for a prompt file that is not one.
PromptSet read_prompts(const ReadingOptions& options);

// What is known of the model's use before it is open.
ModelUse model_use(const ReadingOptions& options);

// The renderer for an open model; settles the chat format.
std::shared_ptr<const PromptRenderer> make_renderer(PromptSet prompts, ReadingOptions& options,
                                                    const LanguageModel& model);

// Settles everything that is unset.
EpisodeConfig resolve(ReadingOptions& options, const Capabilities& capabilities,
                      const PromptRenderer& renderer);

// Tells whether a run goes on with the file it was started with: "file " and a hash of the
// contents ("folder " for a tokenizer's), or `if_empty` where no file was named. Throws
// Error(kBadInput) if it cannot be read.
std::string file_identity(const std::string& path, const char* if_empty);

}  // namespace memagent
