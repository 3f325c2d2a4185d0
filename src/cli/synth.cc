// `memagent synth`: rows of generated tasks as lines of a task file, or one document's text.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include "base/fail.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/lengths.h"
#include "cli/overwriting.h"
#include "cli/say.h"
#include "format/atomic_file.h"
#include "memagent/tokenizer.h"
#include "model/local/model_file.h"
#include "model/local/shipped_model.h"
#include "task/registry.h"
#include "task/row_json.h"
#include "task/unit_sample.h"

namespace memagent {
namespace {

// Far from where sums of row numbers overflow.
constexpr std::int64_t kMostRows = std::int64_t{1} << 40;

struct SynthOptions {
  std::vector<std::string> tasks;
  std::string tokens;
  std::int64_t paragraphs = 0;
  std::int64_t count = 1;
  std::int64_t first = 0;
  std::string seed = "0";
  std::string split = "test";
  std::string tokenizer;
  std::string model;
  std::string haystack;
  std::string output;
  bool text = false;
  bool list = false;
  bool quiet = false;
};

void check_options(const SynthOptions& options) {
  if (options.tasks.empty()) {
    fail(ErrorKind::kUsage, "synth: no task: name one with --task, see memagent synth --list");
  }
  if (options.tokens.empty() && options.paragraphs == 0) {
    fail(ErrorKind::kUsage, "synth: no length: give --tokens, such as 8K");
  }
  if (!options.tokens.empty() && options.paragraphs != 0) {
    fail(ErrorKind::kUsage, "--tokens and --paragraphs: give one of them as the length");
  }
  if (options.paragraphs < 0) {
    fail(ErrorKind::kUsage, "--paragraphs: {}: give 1 or more", options.paragraphs);
  }
  if (options.split != "train" && options.split != "test") {
    fail(ErrorKind::kUsage, "--split: unknown '{}': choose train or test", options.split);
  }
  if (!options.tokenizer.empty() && !options.model.empty()) {
    fail(ErrorKind::kUsage, "--tokenizer and --model: give one of them to count tokens with");
  }
  refuse_overwriting({"--out", options.output == "-" ? "" : options.output},
                     {{"--haystack", options.haystack},
                      {"--tokenizer", options.tokenizer},
                      {"--model", is_shipped_model(options.model) ? "" : options.model}});
}

std::shared_ptr<const Tokenizer> open_tokenizer(const SynthOptions& options) {
  if (is_shipped_model(options.model)) return open_model_file(options.model)->tokenizer();
  std::string path = options.tokenizer.empty() ? options.model : options.tokenizer;
  if (path.empty()) {
    if (!options.quiet) {
      say("memagent: synth: tokens are estimated: give --tokenizer or --model for a "
          "model's own\n");
    }
    return estimating_tokenizer();
  }
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    const std::string json = path + "/tokenizer.json";
    path = std::filesystem::exists(json, error) ? json : path + "/tokenizer.model";
  }
  return load_tokenizer(path);
}

// Told before the first row, and as what does for every row of every task.
void check_length(const std::vector<std::shared_ptr<const Task>>& tasks, const SampleSpec& spec,
                  const Tokenizer& tokenizer) {
  if (spec.paragraphs > 0) return;
  std::string longest;
  std::int64_t fewest = -1;
  for (const auto& task : tasks) {
    const std::int64_t needed = task->fewest_tokens(tokenizer);
    if (needed <= fewest) continue;
    longest = task->name();
    fewest = needed;
  }
  check_spec(longest, spec, fewest);
}

void write_document(DocumentSource& document, const WriteText& write) {
  std::vector<char> block(std::size_t{1} << 16);
  for (std::size_t count; (count = document.read(block)) > 0;) write({block.data(), count});
}

// Where rows go: a file that appears whole or not at all, or standard output.
class Output {
 public:
  Output(const std::string& path, const Interrupt& interrupt) : interrupt_(interrupt) {
    if (!path.empty() && path != "-") file_.emplace(path);
  }
  void write(std::string_view text) {
    if (interrupt_.stopped()) {
      fail(ErrorKind::kInterrupted, "synth: interrupted{}",
           file_ ? ": " + file_->path() + " was not written" : "");
    }
    bytes_ += static_cast<std::int64_t>(text.size());
    if (file_) {
      file_->write(text);
    } else {
      write_output(text);
    }
  }
  void finish() {
    if (file_) file_->commit();
  }
  std::int64_t bytes() const { return bytes_; }

 private:
  std::optional<AtomicFile> file_;
  const Interrupt& interrupt_;
  std::int64_t bytes_ = 0;
};

int list_tasks() {
  const auto tasks = find_tasks({"all"}, {});
  std::size_t width = 0;
  for (const auto& task : tasks) width = std::max(width, task->name().size());
  std::string text;
  for (const auto& task : tasks) {
    text += fmt::format("{:<{}}  {}\n", task->name(), width, task->description());
  }
  write_output(text + "Groups: all, ruler, niah, alike, world.\n");
  return 0;
}

int run_synth(const SynthOptions& options) {
  if (options.list) return list_tasks();
  check_options(options);
  SampleSpec spec;
  spec.tokens = options.tokens.empty() ? 0 : parse_length("--tokens", options.tokens);
  spec.paragraphs = options.paragraphs;
  spec.seed = parse_seed("--seed", options.seed);
  spec.split = options.split == "train" ? Split::kTrain : Split::kTest;
  const auto tasks = find_tasks(options.tasks, {.haystack_file = options.haystack});
  if (options.text && (tasks.size() > 1 || options.count > 1)) {
    fail(ErrorKind::kUsage,
         "--text: one document at a time: {} tasks, --count {}: name one task, and --first for a "
         "row",
         tasks.size(), options.count);
  }
  const std::shared_ptr<const Tokenizer> tokenizer = open_tokenizer(options);
  check_length(tasks, spec, *tokenizer);

  const Interrupt interrupt;
  Output output(options.output, interrupt);
  std::int64_t rows = 0;
  std::int64_t tokens = 0;
  for (const auto& task : tasks) {
    for (std::int64_t i = 0; i < options.count; ++i) {
      spec.index = options.first + i;
      const std::unique_ptr<Sample> sample = task->sample(spec, tokenizer);
      const std::unique_ptr<DocumentSource> document = sample->document();
      const WriteText write = [&](std::string_view text) { output.write(text); };
      if (options.text) {
        write_document(*document, write);
      } else {
        write_row(sample->row(), *document, write);
      }
      ++rows;
      tokens += sample->row().tokens;
    }
  }
  output.finish();
  if (!options.quiet) {
    say("memagent: wrote {}{}: {} tokens, {} bytes\n",
        options.text ? "a document" : fmt::format("{} row{}", rows, rows == 1 ? "" : "s"),
        options.output.empty() ? "" : " to " + options.output, grouped(tokens),
        grouped(output.bytes()));
  }
  return 0;
}

}  // namespace

Command add_synth_command(CLI::App& program) {
  CLI::App* app = program.add_subcommand("synth", "Generate benchmark documents with answers");
  const auto options = std::make_shared<SynthOptions>();
  app->add_option("--task", options->tasks,
                  "A task or a group (ruler, niah, alike, world, all); repeat it, or a,b")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("NAME");
  app->add_option("--tokens", options->tokens,
                  "Length of each document in tokens (8K, 1M): at most so many, and less than a "
                  "sentence or paragraph fewer")
      ->type_name("N");
  app->add_option("--paragraphs", options->paragraphs,
                  "Or its length in paragraphs, for tasks made of them")
      ->type_name("N");
  app->add_option("--count", options->count, "Rows of each task (1)")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, kMostRows).description(""));
  app->add_option("--first", options->first, "Number of the first row (0)")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{0}, kMostRows).description(""));
  app->add_option("--seed", options->seed, "The same seed gives the same bytes (0)")
      ->type_name("N");
  app->add_option("--split", options->split,
                  "train or test (test); they share no name, number or answer")
      ->type_name("NAME");
  app->add_option("--tokenizer", options->tokenizer,
                  "tokenizer.json, SentencePiece or GGUF file to count tokens with")
      ->type_name("FILE");
  app->add_option("--model", options->model, "Or the model whose tokenizer it is")
      ->type_name("FILE");
  app->add_option("--haystack", options->haystack,
                  "A text file whose sentences are the prose that needles are hidden in")
      ->type_name("FILE");
  app->add_option("-o,--out", options->output, "The file to write; none or -: standard output")
      ->type_name("FILE");
  app->add_flag("--text", options->text, "Only the document's text, of one row");
  app->add_flag("--list", options->list, "List the tasks");
  app->add_flag("--quiet", options->quiet, "No notes on standard error");
  return {app, [options] { return run_synth(*options); }};
}

}  // namespace memagent
