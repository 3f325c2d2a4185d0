// The dependency arrow, checked on the source text itself:
//
//   cli -> {mcp -> server, eval, train, fetch} -> {agent, session, task} -> {model, document} ->
//   text
//       -> format -> base
//
// Link lines alone cannot do this: every target sees the include folders of all. A header under
// include/memagent belongs to the layer that implements it. The test knows nothing of the compiler;
// it reads #include lines.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

// Which layers a layer may include besides itself. "model" is the interface; the engines are below
// "cli" only, so that agents cannot know them.
const std::map<std::string, std::set<std::string>>& allowed_layers() {
  static const std::map<std::string, std::set<std::string>> allowed = [] {
    const std::set<std::string> text = {"format", "base"};
    std::set<std::string> document = text;
    document.insert("text");
    const std::set<std::string>& model = document;
    std::set<std::string> engine = model;
    engine.insert("model");
    std::set<std::string> agent = engine;
    agent.insert("document");
    std::set<std::string> upper = agent;
    upper.insert({"agent", "session", "task"});
    std::set<std::string> train = upper;
    train.insert({"model/local", "model/remote"});
    std::set<std::string> cli = train;
    cli.insert({"mcp", "server", "eval", "train", "fetch"});
    std::set<std::string> mcp = upper;
    mcp.insert("server");
    return std::map<std::string, std::set<std::string>>{
        {"base", {}},
        {"format", {"base"}},
        {"text", text},
        {"document", document},
        {"fetch", {"format", "base"}},
        {"model", model},
        {"model/local", engine},
        {"model/remote", engine},
        {"agent", agent},
        {"session", agent},
        {"task", agent},
        {"server", train},
        {"mcp", mcp},
        {"eval", train},
        {"train", train},
        {"cli", cli},
    };
  }();
  return allowed;
}

// The layer of a public header, by its name under include/memagent.
const std::map<std::string, std::string>& public_headers() {
  static const std::map<std::string, std::string> layers = {
      {"error.h", "base"},
      {"tokenizer.h", "text"},
      {"document.h", "document"},
      {"language_model.h", "model"},
      {"local_model.h", "model/local"},
      {"remote_model.h", "model/remote"},
      {"prompts.h", "agent"},
      {"trajectory.h", "agent"},
      {"episode.h", "agent"},
      {"runner.h", "agent"},
      {"session_store.h", "session"},
  };
  return layers;
}

// "text/bpe.h" -> "text"; "model/local/engine.h" -> "model/local"; "memagent/error.h" -> "base".
// Empty for what is not ours.
std::string layer_of(const std::string& path) {
  if (path.starts_with("memagent/")) {
    const auto found = public_headers().find(path.substr(9));
    return found == public_headers().end() ? "unknown public header" : found->second;
  }
  for (const char* engine : {"model/local", "model/remote"}) {
    if (path.starts_with(std::string(engine) + "/")) return engine;
  }
  const std::string folder = path.substr(0, path.find('/'));
  return allowed_layers().contains(folder) ? folder : "";
}

// What is wrong with one file's includes, one line each. `path` is relative to src/ or include/.
std::vector<std::string> forbidden_includes(const std::string& path, const std::string& source) {
  std::vector<std::string> wrong;
  const std::string layer = layer_of(path);
  std::istringstream lines(source);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("#include ") || line.size() < 12) continue;
    const char open = line[9];
    const std::size_t close = line.find(open == '<' ? '>' : '"', 10);
    const std::string included = line.substr(10, close - 10);
    if (open == '<') {
      const bool standard = included.find_first_of("./") == std::string::npos;
      if (path.starts_with("memagent/") && !standard) {
        wrong.push_back(path + ": a public header includes <" + included + ">");
      }
      if (included.starts_with("torch/") && layer != "train") {
        wrong.push_back(path + ": only src/train may include <" + included + ">");
      }
      continue;
    }
    const std::string target = layer_of(included);
    if (path.starts_with("memagent/") && !included.starts_with("memagent/")) {
      wrong.push_back(path + ": a public header includes \"" + included + "\"");
    } else if (!target.empty() && target != layer && !allowed_layers().at(layer).contains(target)) {
      wrong.push_back(path + " (" + layer + ") includes \"" + included + "\" (" + target + ")");
    }
  }
  return wrong;
}

TEST(Dependencies, ForbiddenIncludesAreFound) {
  EXPECT_EQ(forbidden_includes("text/a.cc", "#include \"agent/b.h\"\n").size(), 1U);
  EXPECT_EQ(forbidden_includes("text/a.cc", "#include \"memagent/runner.h\"\n").size(), 1U);
  EXPECT_EQ(forbidden_includes("agent/a.cc", "#include \"model/local/engine.h\"\n").size(), 1U);
  EXPECT_EQ(forbidden_includes("agent/a.cc", "#include \"memagent/local_model.h\"\n").size(), 1U);
  EXPECT_EQ(forbidden_includes("model/remote/a.cc", "#include \"model/local/x.h\"\n").size(), 1U);
  EXPECT_EQ(forbidden_includes("document/a.cc", "#include \"model/x.h\"\n").size(), 1U);
  EXPECT_EQ(forbidden_includes("agent/a.cc", "#include \"session/x.h\"\n").size(), 1U);
  EXPECT_EQ(forbidden_includes("memagent/a.h", "#include <fmt/format.h>\n").size(), 1U);
  EXPECT_EQ(forbidden_includes("memagent/error.h", "#include \"base/fail.h\"\n").size(), 1U);
  EXPECT_EQ(forbidden_includes("eval/a.cc", "#include <torch/torch.h>\n").size(), 1U);
}

TEST(Dependencies, AllowedIncludesPass) {
  EXPECT_TRUE(forbidden_includes("agent/a.cc",
                                 "#include <string>\n#include <fmt/format.h>\n"
                                 "#include \"memagent/document.h\"\n#include \"agent/b.h\"\n"
                                 "#include \"base/check.h\"\n")
                  .empty());
  EXPECT_TRUE(forbidden_includes("cli/a.cc", "#include \"model/local/model_tools.h\"\n").empty());
}

TEST(Dependencies, EveryPublicHeaderHasALayer) {
  for (const auto& entry : fs::directory_iterator(MEMAGENT_SOURCE_DIR "/include/memagent")) {
    EXPECT_TRUE(public_headers().contains(entry.path().filename())) << entry.path();
  }
}

TEST(Dependencies, SourcesFollowTheArrow) {
  int files = 0;
  for (const char* root : {MEMAGENT_SOURCE_DIR "/src", MEMAGENT_SOURCE_DIR "/include"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      const std::string extension = entry.path().extension();
      if (extension != ".h" && extension != ".cc") continue;
      const std::string path = fs::relative(entry.path(), root);
      ASSERT_NE(layer_of(path), "") << path << " is in no known folder";
      ASSERT_NE(layer_of(path), "unknown public header") << path;
      std::ifstream file(entry.path());
      std::stringstream source;
      source << file.rdbuf();
      for (const std::string& line : forbidden_includes(path, source.str())) {
        ADD_FAILURE() << line;
      }
      ++files;
    }
  }
  EXPECT_GT(files, 10);
}

}  // namespace
