#include "mcp/tools.h"

#include <algorithm>
#include <initializer_list>

#include "base/fail.h"
#include "format/untrusted_json.h"

namespace memagent {
namespace {

using nlohmann::ordered_json;

constexpr const char* kAsk = "ask_documents";
constexpr const char* kStatus = "session_status";

// Each question is an Episode, each file is looked up before the first is read.
constexpr std::size_t kMostQuestions = 64;
constexpr std::size_t kMostFiles = 10'000;
constexpr std::size_t kMostNameBytes = 200;

ordered_json string_schema(const char* description) {
  return {{"type", "string"}, {"minLength", 1}, {"description", description}};
}

ordered_json typed(const char* type, const char* description) {
  return {{"type", type}, {"description", description}};
}

ordered_json strings_schema(const char* description, std::size_t most) {
  return {{"type", "array"},
          {"items", {{"type", "string"}, {"minLength", 1}}},
          {"minItems", 1},
          {"maxItems", most},
          {"description", description}};
}

ordered_json object_schema(ordered_json properties, std::initializer_list<const char*> required) {
  return {{"type", "object"}, {"properties", std::move(properties)}, {"required", required}};
}

ordered_json session_argument(const char* description) {
  ordered_json schema = string_schema(description);
  schema["maxLength"] = kMostNameBytes;
  return schema;
}

// Arguments have no others than those named; results may get more.
ordered_json arguments_schema(ordered_json properties) {
  return {
      {"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
}

ordered_json ask_tool() {
  const ordered_json answer = object_schema(
      {{"question", typed("string", "The question")},
       {"answer", typed("string", "The answer")},
       {"memory", typed("string", "What was noted while reading; the answer comes from it")},
       {"sections", typed("integer", "Sections read for this question")},
       {"document_tokens", typed("integer", "Tokens of the document read for this question")},
       {"stopped_early", typed("boolean", "The model had enough before the document's end")},
       {"malformed", typed("integer", "Responses that were not in the form asked for")},
       {"truncated", typed("integer", "Responses cut at their budget")},
       {"retried_generations", typed("integer", "Generations that failed and were asked again")}},
      {"question", "answer", "memory", "sections", "document_tokens", "stopped_early"});
  return {
      {"name", kAsk},
      {"title", "Ask documents of any length"},
      {"description",
       "Reads text files of any length, or a text, from beginning to end in sections, keeps notes, "
       "and answers the question from the notes. Use it when files are too long to be read into "
       "the conversation, or when the answer depends on all of them. Takes time in proportion to "
       "the length. Ask everything you want to know of a document in one call: several questions "
       "share one reading. With a session name every step is kept; a call that was cancelled or "
       "cut "
       "off goes on when it is made again with the same session, or with the session alone."},
      {"inputSchema",
       arguments_schema(
           {{"question", string_schema("What to find out. Either this or questions")},
            {"questions",
             strings_schema("Several questions, answered over one reading", kMostQuestions)},
            {"files", strings_schema(
                          "Paths of the text files that are the document, read one after another. "
                          "Relative paths are looked up in the folders this server may read",
                          kMostFiles)},
            {"text", typed("string", "The document itself, or what follows the files")},
            {"session", session_argument("A name to keep the reading under, so that it can go on "
                                         "later")}})},
      {"outputSchema",
       object_schema(
           {{"answers",
             {{"type", "array"},
              {"items", answer},
              {"description", "One for each question, in their order"}}},
            {"sections", typed("integer", "Sections read")},
            {"document_tokens", typed("integer", "Tokens of the document that were read")},
            {"seconds", typed("number", "Time this call took")},
            {"document", typed("string", "What was read")},
            {"model", typed("string", "The model that read it")},
            {"session", typed("string", "The session, if it has one")},
            {"repaired_sequences",
             typed("integer", "Invalid UTF-8 in the document that was replaced")}},
           {"answers", "sections", "document_tokens", "seconds", "document", "model"})},
      {"annotations",
       {{"title", "Ask documents of any length"},
        {"readOnlyHint", false},
        {"destructiveHint", false},
        {"idempotentHint", true},
        {"openWorldHint", false}}}};
}

ordered_json status_tool() {
  const ordered_json question = object_schema(
      {{"question", typed("string", "The question")},
       {"sections", typed("integer", "Sections done")},
       {"document_tokens", typed("integer", "Tokens of the document read")},
       {"pass", typed("integer", "Which reading of the document this is, from 0")},
       {"finished", typed("boolean", "It has its answer")},
       {"memory", typed("string", "What is noted so far; where one session is shown")},
       {"answer", typed("string", "If it is finished, where one session is shown")}},
      {"question", "sections", "document_tokens", "finished"});
  const ordered_json session = object_schema(
      {{"session", typed("string", "Its name")},
       {"status",
        {{"type", "string"}, {"enum", {"finished", "running", "queued", "failed", "stopped"}}}},
       {"created", typed("string", "ISO 8601, UTC")},
       {"updated", typed("string", "ISO 8601, UTC")},
       {"document", typed("string", "What is read")},
       {"document_bytes", typed("integer", "How long that is")},
       {"conversations", typed("integer", "Steps kept, of all questions")},
       {"questions", {{"type", "array"}, {"items", question}}}},
      {"session", "status", "created", "updated", "document", "document_bytes", "questions"});
  return {
      {"name", kStatus},
      {"title", "Look at kept readings"},
      {"description",
       "Says how far readings are that were given a session name: sections done, tokens read, and "
       "with a name the notes so far and the answers. Without a name it lists the sessions, latest "
       "first."},
      {"inputSchema",
       arguments_schema({{"session", session_argument("The session to show; left out: all")}})},
      {"outputSchema",
       object_schema({{"sessions", {{"type", "array"}, {"items", session}}},
                      {"left_out", typed("integer", "Older sessions that the list leaves out")}},
                     {"sessions", "left_out"})},
      {"annotations",
       {{"title", "Look at kept readings"}, {"readOnlyHint", true}, {"openWorldHint", false}}}};
}

[[noreturn]] void refuse(const char* tool, const std::string& what) {
  fail(ErrorKind::kUsage, "{}: {}", tool, what);
}

// Missing and null are the same. Strings that go to the system have no NUL.
const Json* find(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_null() ? nullptr : &value;
}

std::string text_of(const char* tool, const Json& value, const std::string& where) {
  if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
    refuse(tool, where + " must be a string that is not empty");
  }
  const auto& text = value.get_ref<const std::string&>();
  if (text.find('\0') != std::string::npos) refuse(tool, where + " must not have NUL characters");
  return text;
}

std::vector<std::string> texts_of(const char* tool, const Json& object, const char* key,
                                  std::size_t most) {
  const Json* value = find(object, key);
  if (value == nullptr) return {};
  if (!value->is_array() || value->empty() || value->size() > most) {
    refuse(tool, fmt::format("{} must be an array of 1 to {} strings", key, most));
  }
  std::vector<std::string> texts;
  for (const Json& one : *value) {
    texts.push_back(text_of(tool, one, fmt::format("{}[{}]", key, texts.size())));
  }
  return texts;
}

std::string session_of(const char* tool, const Json& arguments) {
  const Json* value = find(arguments, "session");
  if (value == nullptr) return "";
  std::string name = text_of(tool, *value, "session");
  if (name.size() > kMostNameBytes) {
    refuse(tool, fmt::format("session must have at most {} bytes", kMostNameBytes));
  }
  return name;
}

void check_keys(const char* tool, const Json& arguments,
                std::initializer_list<const char*> allowed) {
  for (const auto& [key, value] : arguments.items()) {
    if (std::find(allowed.begin(), allowed.end(), key) == allowed.end()) {
      refuse(tool, fmt::format("there is no argument '{}': choose among {}", key,
                               fmt::join(allowed, ", ")));
    }
  }
}

AskArguments read_ask(const Json& arguments) {
  check_keys(kAsk, arguments, {"question", "questions", "files", "text", "session"});
  AskArguments result;
  result.questions = texts_of(kAsk, arguments, "questions", kMostQuestions);
  if (const Json* question = find(arguments, "question")) {
    if (!result.questions.empty()) refuse(kAsk, "give question or questions, not both");
    result.questions = {text_of(kAsk, *question, "question")};
  }
  result.files = texts_of(kAsk, arguments, "files", kMostFiles);
  if (const Json* text = find(arguments, "text")) {
    if (!text->is_string()) refuse(kAsk, "text must be a string");
    result.text = text->get<std::string>();
  }
  result.session = session_of(kAsk, arguments);
  if (result.session.empty()) {
    if (result.questions.empty()) refuse(kAsk, "question is missing: say what to find out");
    if (result.files.empty() && !result.text) {
      refuse(kAsk, "files and text are missing: say what to read");
    }
  }
  return result;
}

}  // namespace

const char* tool_name(const ToolArguments& arguments) {
  return std::holds_alternative<AskArguments>(arguments) ? kAsk : kStatus;
}

std::string tools_json() { return ordered_json::array({ask_tool(), status_tool()}).dump(); }

ToolArguments read_arguments(const std::string& tool, const Json& arguments) {
  if (tool == kAsk) return read_ask(arguments);
  if (tool == kStatus) {
    check_keys(kStatus, arguments, {"session"});
    return StatusArguments{session_of(kStatus, arguments)};
  }
  fail(ErrorKind::kUsage, "there is no tool '{}': see tools/list", tool.substr(0, kMostNameBytes));
}

}  // namespace memagent
