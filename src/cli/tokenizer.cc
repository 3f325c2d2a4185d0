// `memagent tokenizer train`: a byte-level BPE vocabulary from text, as a tokenizer.json.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/fail.h"
#include "cli/ask_document.h"
#include "cli/command.h"
#include "cli/lengths.h"
#include "cli/overwriting.h"
#include "cli/say.h"
#include "format/atomic_file.h"
#include "text/bpe_trainer.h"
#include "text/vocabulary.h"

namespace memagent {
namespace {

struct TrainOptions {
  std::vector<std::string> files;
  std::string output;
  std::string vocab_size = "8K";
  BpeTrainerOptions trainer;
  bool quiet = false;
};

int run_train(TrainOptions options) {
  const std::int64_t vocab_size = parse_length("--vocab-size", options.vocab_size);
  if (vocab_size < 1 || vocab_size > (1 << 24)) {
    fail(ErrorKind::kUsage, "--vocab-size: {}: choose 257 to 16M", options.vocab_size);
  }
  options.trainer.vocab_size = static_cast<std::int32_t>(vocab_size);
  BpeTrainer trainer(options.trainer);
  if (options.files.empty()) options.files.emplace_back("-");
  std::vector<UsedFile> read;
  for (const std::string& path : options.files) read.push_back({"", path});
  refuse_overwriting({"--output", options.output}, read);
  std::vector<char> buffer(std::size_t{1} << 20);
  for (const std::string& path : options.files) {
    const std::unique_ptr<DocumentSource> source = open_document({{path}, {}}, false);
    for (std::size_t count; (count = source->read(buffer)) > 0;) {
      trainer.feed({buffer.data(), count});
    }
    trainer.end_document();
  }
  const std::int64_t bytes = trainer.bytes();
  if (bytes == 0) {
    fail(ErrorKind::kBadInput, "tokenizer train: the text is empty: name files with text in them");
  }
  const Vocabulary vocabulary = trainer.train();
  AtomicFile output(options.output);
  output.write(write_tokenizer_json(vocabulary));
  output.commit();
  if (!options.quiet) {
    say("memagent: wrote {}: {} tokens learnt from {} bytes\n", options.output,
        grouped(static_cast<std::int64_t>(vocabulary.tokens.size())), grouped(bytes));
  }
  return 0;
}

}  // namespace

std::vector<Command> add_tokenizer_commands(CLI::App& program) {
  CLI::App* group = program.add_subcommand("tokenizer", "Make vocabularies");
  group->require_subcommand(1);
  CLI::App* app = group->add_subcommand("train", "Learn a byte-level BPE vocabulary from text");
  const auto options = std::make_shared<TrainOptions>();
  app->add_option("-o,--output", options->output, "The tokenizer.json to write")
      ->required()
      ->type_name("FILE");
  app->add_option("files", options->files, "Text files; - or none: standard input")
      ->type_name("FILE");
  app->add_option("--vocab-size", options->vocab_size,
                  "Tokens of the vocabulary, the 256 bytes and special tokens included (8K)")
      ->type_name("N");
  app->add_option("--special", options->trainer.special_tokens,
                  "A special token; repeat it (<|endoftext|>, <|im_start|>, <|im_end|>)")
      ->type_name("TEXT")
      ->allow_extra_args(false);
  app->add_option("--pre-tokenizer", options->trainer.pre_tokenizer,
                  "How text is cut into words first: gpt-2, llama-bpe, qwen2, smollm or "
                  "default (llama-bpe)")
      ->type_name("NAME");
  app->add_flag("--quiet", options->quiet, "No closing line");
  return {{app, [options] { return run_train(*options); }}};
}

}  // namespace memagent
