// The tools that assistants are offered: how they describe themselves, and the arguments of a call
// read from JSON. Knows nothing of how they do their work.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace memagent {

// `ask_documents`. Without a session there are a question, and files or a text; a session that
// exists brings what is left out.
struct AskArguments {
  std::vector<std::string> questions;
  std::vector<std::string> files;
  std::optional<std::string> text;
  std::string session;  // empty: none
};

// `session_status`.
struct StatusArguments {
  std::string session;  // empty: all of them
};

using ToolArguments = std::variant<AskArguments, StatusArguments>;
const char* tool_name(const ToolArguments& arguments);

// The array `tools` of a reply to tools/list, as JSON text.
std::string tools_json();

// Throws Error(kUsage), naming the tool or the argument at fault.
ToolArguments read_arguments(const std::string& tool, const nlohmann::json& arguments);

}  // namespace memagent
