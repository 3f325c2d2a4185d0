#include "session/session_check.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "base/fail.h"
#include "base/shortened.h"

namespace memagent {

using nlohmann::json;

void check_same(const SessionInfo& stored, const SessionSpec& asked) {
  constexpr const char* kTodo =
      "continue it as it was started, or choose another name with --session";
  const json before = json::parse(stored.spec.settings_json);
  const json now = json::parse(asked.settings_json);
  for (const auto& [key, value] : now.items()) {
    if (before.contains(key) && before[key] != value) {
      fail(ErrorKind::kUsage, "session '{}': {} was {}, now {}: {}", stored.name, key,
           shortened(before[key].dump()), shortened(value.dump()), kTodo);
    }
  }
  const std::vector<std::string>& old_questions = stored.spec.questions;
  if (old_questions.size() != asked.questions.size()) {
    fail(ErrorKind::kUsage, "session '{}': has {} question{}, now {}: {}", stored.name,
         old_questions.size(), old_questions.size() == 1 ? "" : "s", asked.questions.size(), kTodo);
  }
  for (std::size_t i = 0; i < old_questions.size(); ++i) {
    if (old_questions[i] != asked.questions[i]) {
      fail(ErrorKind::kUsage, "session '{}': question {} was {}, now {}: {}", stored.name, i + 1,
           json(shortened(old_questions[i])).dump(-1, ' ', false, json::error_handler_t::replace),
           json(shortened(asked.questions[i])).dump(-1, ' ', false, json::error_handler_t::replace),
           kTodo);
    }
  }
  const DocumentFingerprint& old_document = stored.spec.document;
  if (old_document.bytes != asked.document.bytes) {
    fail(ErrorKind::kBadInput,
         "session '{}': the document {} has changed: {} bytes, was {} bytes: {}", stored.name,
         asked.document.name, asked.document.bytes, old_document.bytes, kTodo);
  }
  if (old_document.hash != asked.document.hash) {
    fail(ErrorKind::kBadInput,
         "session '{}': the document {} has changed: same length, other content: {}", stored.name,
         asked.document.name, kTodo);
  }
}

void check_name(const std::string& name) {
  if (name.empty() || name.size() > 200) {
    fail(ErrorKind::kUsage, "--session: a name has 1 to 200 bytes, not {}: choose another name",
         name.size());
  }
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      fail(ErrorKind::kUsage, "--session: a name has no control characters: choose another name");
    }
  }
}

}  // namespace memagent
