// `memagent eval` over every task there is, with a reader behind an endpoint that is worth scoring:
// it keeps the sentences that share a rare word with the question. Killed at any point and resumed,
// the numbers are those of a run that was not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "cli/run_program.h"
#include "model/remote/scripted_server.h"
#include "task/registry.h"

namespace memagent {
namespace {

using nlohmann::json;

// What stands between the last <name> and </name>.
std::string part(const std::string& prompt, const std::string& name) {
  const std::string open = "<" + name + ">\n";
  const std::size_t begin = prompt.rfind(open);
  if (begin == std::string::npos) return "";
  const std::size_t from = begin + open.size();
  return prompt.substr(from, prompt.find("\n</" + name + ">", from) - from);
}

// Words with a digit, a hyphen or a capital inside a sentence: names and values.
std::set<std::string> rare_words(const std::string& text) {
  std::set<std::string> words;
  std::istringstream stream(text);
  bool first = true;
  for (std::string word; stream >> word; first = false) {
    while (!word.empty() && std::ispunct(static_cast<unsigned char>(word.back())) != 0) {
      word.pop_back();
    }
    const bool rare = std::any_of(word.begin(), word.end(), [](char c) {
      return c == '-' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
    });
    if (rare && !first) words.insert(word);
  }
  return words;
}

std::string reply_to(const std::string& prompt) {
  const std::string memory = part(prompt, "memory");
  const std::string section = part(prompt, "section");
  if (section.empty()) return memory;
  std::string kept = memory == "Nothing noted yet." ? "" : memory;
  const std::set<std::string> asked = rare_words(part(prompt, "question") + " " + kept);
  for (std::size_t begin = 0; begin < section.size();) {
    const std::size_t end = std::min(section.find_first_of(".\n", begin), section.size());
    const std::string sentence = section.substr(begin, end - begin);
    begin = end + 1;
    const bool wanted = std::any_of(asked.begin(), asked.end(), [&](const std::string& word) {
      return sentence.find(word) != std::string::npos;
    });
    if (wanted && kept.size() + sentence.size() < 300) kept += sentence + ".\n";
  }
  return kept.empty() ? memory : kept;
}

// Everything but time, and what a cache happened to hold.
json comparable(json report) {
  for (const char* key : {"date", "seconds"}) report.erase(key);
  for (const char* list : {"cells", "rows"}) {
    for (json& one : report[list]) {
      one.erase("seconds");
      one.erase("cached_prompt_tokens");
    }
  }
  return report;
}

TEST(EvalAllTasks, KilledAndResumedGivesTheSameNumbers) {
  const ScriptedServer server([](const ScriptedRequest& request, ScriptedConnection& connection) {
    const json body = json::parse(request.body);
    connection.reply(200, chat_reply(reply_to(body.at("messages").back().at("content"))));
  });
  const ScratchFolder folder;
  const std::string out = folder / "run";
  const auto eval = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {
        "eval",       "--endpoint",      server.url(), "--model-name",
        "test-model", "--tasks",         "all",        "--samples",
        "2",          "--lengths",       "4K",         "--section-tokens",
        "1000",       "--memory-tokens", "256",        "--output-tokens",
        "256"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  };
  const auto report_of = [&](const std::vector<std::string>& more) {
    std::vector<std::string> flags = {"--json", folder / "report.json"};
    flags.insert(flags.end(), more.begin(), more.end());
    const RunResult result = run_memagent(eval(flags));
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return comparable(json::parse(read_file(folder / "report.json")));
  };
  const json unbroken = report_of({});
  std::set<double> scores;
  for (const json& cell : unbroken.at("cells")) scores.insert(cell.at("score").get<double>());
  EXPECT_EQ(unbroken.at("cells").size(), task_names().size());
  EXPECT_GT(scores.size(), 2U) << "a reader that is always right or always wrong shows nothing";

  const auto rows_there = [&] {
    std::error_code error;
    const auto bytes = std::filesystem::file_size(out + "/rows.jsonl", error);
    return error ? std::uintmax_t{0} : bytes;
  };
  for (int kill = 0; kill < 3; ++kill) {
    const std::uintmax_t before = rows_there();
    RunningProgram program(eval({"--out", out}));
    program.wait_until([&] { return rows_there() > before; });
    program.send(SIGKILL);
    program.wait();
  }
  EXPECT_EQ(report_of({"--out", out}), unbroken);
}

}  // namespace
}  // namespace memagent
