#include "agent/state_json.h"

#include <array>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/fail.h"

namespace memagent {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int kVersion = 1;
constexpr std::size_t kMaxTextBytes = 64 << 20;  // of a whole state
constexpr int kMaxDepth = 4;

struct Counter {
  const char* key;
  std::int64_t EpisodeState::*member;
};
constexpr std::array<Counter, 13> kCounters = {{
    {"sections_read", &EpisodeState::sections_read},
    {"document_tokens", &EpisodeState::document_tokens},
    {"prompt_tokens", &EpisodeState::prompt_tokens},
    {"cached_prompt_tokens", &EpisodeState::cached_prompt_tokens},
    {"generated_tokens", &EpisodeState::generated_tokens},
    {"memory_changes", &EpisodeState::memory_changes},
    {"malformed", &EpisodeState::malformed},
    {"failed", &EpisodeState::failed},
    {"truncated", &EpisodeState::truncated},
    {"retried_generations", &EpisodeState::retried_generations},
    {"discarded_generations", &EpisodeState::discarded_generations},
    {"discarded_generated_tokens", &EpisodeState::discarded_generated_tokens},
    {"next_section", &EpisodeState::next_section},
}};

ordered_json text_to_json(const std::string& text) {
  try {
    ordered_json value = text;
    (void)value.dump();
    return value;
  } catch (const json::type_error&) {  // not UTF-8
    constexpr char kDigits[] = "0123456789abcdef";
    std::string hex;
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      hex += kDigits[byte >> 4];
      hex += kDigits[byte & 15];
    }
    return {{"hex", hex}};
  }
}

[[noreturn]] void wrong(const std::string& key, const char* expected) {
  fail(ErrorKind::kBadInput, "saved episode state: key {} must be {}", key, expected);
}

const json& at(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) {
    fail(ErrorKind::kBadInput, "saved episode state: key {} is missing", key);
  }
  return *found;
}

std::string text_from_json(const json& value, const std::string& key) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_object() || !value.contains("hex") || !value["hex"].is_string()) {
    wrong(key, "a string or {\"hex\": string}");
  }
  const std::string& hex = value["hex"].get_ref<const std::string&>();
  if (hex.size() % 2 != 0) wrong(key, "whole bytes in hex");
  std::string text;
  text.reserve(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    unsigned byte = 0;
    const char* end = hex.data() + i + 2;
    const auto [stop, error] = std::from_chars(hex.data() + i, end, byte, 16);
    if (error != std::errc() || stop != end) wrong(key, "whole bytes in hex");
    text += static_cast<char>(byte);
  }
  return text;
}

std::int64_t count_from_json(const json& value, const std::string& key, std::int64_t most) {
  if (!value.is_number_integer()) wrong(key, "a whole number");
  const bool too_large =
      value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(most);
  if (too_large || value.get<std::int64_t>() < 0) wrong(key, "in range");
  return value.get<std::int64_t>();
}

bool bool_from_json(const json& value, const std::string& key) {
  if (!value.is_boolean()) wrong(key, "true or false");
  return value.get<bool>();
}

}  // namespace

std::string to_json(const EpisodeState& state) {
  ordered_json object;
  object["version"] = kVersion;
  object["pass"] = state.pass;
  object["next_section"] = state.next_section;
  object["prefix_hash"] = fmt::format("{:016x}", state.prefix_hash);
  object["reading_done"] = state.reading_done;
  object["finished"] = state.finished;
  object["stopped_early"] = state.stopped_early;
  object["memory"]["text"] = text_to_json(state.memory.text);
  object["memory"]["tokens"] = state.memory.tokens;
  object["answer"] = text_to_json(state.answer);
  for (const Counter& counter : kCounters) object[counter.key] = state.*counter.member;
  return object.dump();
}

EpisodeState episode_state_from_json(std::string_view text) {
  if (text.size() > kMaxTextBytes) {
    fail(ErrorKind::kBadInput, "saved episode state: {} bytes are too many", text.size());
  }
  json object;
  try {
    object = json::parse(text, [](int depth, json::parse_event_t, json&) {
      if (depth > kMaxDepth) fail(ErrorKind::kBadInput, "saved episode state: nested too deeply");
      return true;
    });
  } catch (const json::exception&) {
    fail(ErrorKind::kBadInput, "saved episode state: is not JSON");
  }
  if (!object.is_object()) wrong("(all)", "an object");
  constexpr std::int64_t kMostInt32 = std::numeric_limits<std::int32_t>::max();
  constexpr std::int64_t kMostInt64 = std::numeric_limits<std::int64_t>::max();
  const std::int64_t version = count_from_json(at(object, "version"), "version", kMostInt32);
  if (version != kVersion) {
    fail(ErrorKind::kBadInput, "saved episode state: version {} is not known here: update memagent",
         version);
  }
  EpisodeState state;
  state.pass = static_cast<std::int32_t>(count_from_json(at(object, "pass"), "pass", kMostInt32));
  const json& hash = at(object, "prefix_hash");
  if (!hash.is_string()) wrong("prefix_hash", "16 hex digits");
  const std::string& digits = hash.get_ref<const std::string&>();
  const auto [stop, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), state.prefix_hash, 16);
  if (digits.size() != 16 || error != std::errc() || stop != digits.data() + digits.size()) {
    wrong("prefix_hash", "16 hex digits");
  }
  state.reading_done = bool_from_json(at(object, "reading_done"), "reading_done");
  state.finished = bool_from_json(at(object, "finished"), "finished");
  state.stopped_early = bool_from_json(at(object, "stopped_early"), "stopped_early");
  const json& memory = at(object, "memory");
  if (!memory.is_object()) wrong("memory", "an object");
  state.memory.text = text_from_json(at(memory, "text"), "memory.text");
  const json& tokens = at(memory, "tokens");
  if (!tokens.is_array()) wrong("memory.tokens", "an array");
  for (const json& token : tokens) {
    state.memory.tokens.push_back(
        static_cast<TokenId>(count_from_json(token, "memory.tokens", kMostInt32)));
  }
  state.answer = text_from_json(at(object, "answer"), "answer");
  (void)at(object, "next_section");
  for (const Counter& counter : kCounters) {
    if (object.contains(counter.key)) {
      state.*counter.member = count_from_json(object[counter.key], counter.key, kMostInt64);
    }
  }
  return state;
}

}  // namespace memagent
