// What tests of session stores share.
#pragma once

#include <functional>
#include <string>

#include "memagent/error.h"
#include "memagent/session_store.h"

namespace memagent::test {

// Two questions over a document of 1,000 bytes.
inline SessionSpec two_questions() {
  SessionSpec spec;
  spec.settings_json = R"({"policy":"gated","section_tokens":5000})";
  spec.sources_json = R"({"documents":["book.txt"]})";
  spec.questions = {"Who?", "Where?"};
  spec.document = {"book.txt", 1000, 0xFEDCBA9876543210ULL};
  return spec;
}

// The message of the Error that `body` throws, "EXIT CODE: message"; empty if it throws none.
inline std::string error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return std::to_string(exit_code(error.kind())) + ": " + error.what();
  }
  return "";
}

}  // namespace memagent::test
