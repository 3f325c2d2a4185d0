// What a session of this program is about, as the store keeps it: the same whether `ask` or the
// server runs it, so that either can go on with what the other began.
#pragma once

#include <string>
#include <vector>

#include "cli/ask_document.h"
#include "cli/model_choice.h"
#include "cli/reading_options.h"

namespace memagent {

// SessionSpec::settings_json besides the settings themselves: model, prompts and how a server is
// asked. `model` may be null for one that is not open yet.
std::string session_identity(const ReadingOptions& reading, const ModelChoice& choice,
                             const LanguageModel* model);
// What a worker must be to read such a session (SessionStore::take): the model, its prompts, and
// the chat format that they are compiled for.
std::string session_reader(const AskSettings& settings, const std::string& identity);
// The settings joined with that.
std::string session_settings(const AskSettings& settings, const std::string& identity);
// SessionSpec::sources_json: where things were found, for a session that is continued by its name
// alone. `opened_as`: what the model calls itself.
std::string session_sources(const DocumentChoice& document, const ModelChoice& choice,
                            const ReadingOptions& reading, const std::string& opened_as);

}  // namespace memagent
