// `memagent model init|info|convert|quantize|mix|note`: flags for the functions of model_tools.h.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "agent/chat_format.h"
#include "base/fail.h"
#include "cli/command.h"
#include "cli/lengths.h"
#include "cli/model_choice.h"
#include "cli/reading_options.h"
#include "cli/say.h"
#include "cli/terminal.h"
#include "model/local/model_tools.h"

namespace memagent {
namespace {

using nlohmann::ordered_json;

struct ModelOptions {
  std::string from;
  std::string with;
  std::string to;
  double share = 0.5;
  std::string type;
  std::string name;
  std::string seed = "0";
  std::string context;
  bool json = false;
  ReadingOptions reading;
};

std::optional<TensorType> chosen_type(const ModelOptions& options) {
  if (options.type.empty()) return std::nullopt;
  const std::optional<TensorType> type = parse_tensor_type(options.type);
  if (!type) {
    fail(ErrorKind::kUsage, "model: unknown tensor type '{}': choose one of {}", options.type,
         tensor_type_names());
  }
  return type;
}

int run_init(const ModelOptions& options) {
  ModelConfig config = named_shape(options.from).config;
  if (!options.context.empty()) {
    const std::int64_t tokens = parse_length("--context-tokens", options.context);
    if (tokens < 16 || tokens > (1 << 24)) {
      fail(ErrorKind::kUsage, "--context-tokens: {}: choose 16 to 16M", options.context);
    }
    config.context_tokens = static_cast<std::int32_t>(tokens);
  }
  InitOptions init;
  init.seed = parse_seed("--seed", options.seed);
  if (const auto type = chosen_type(options)) init.type = *type;
  init.name = options.name.empty() ? "random-" + options.from : options.name;
  init_model(config, init, options.to);
  say("memagent: wrote {}: random weights, shape {}: its answers mean nothing\n", options.to,
      options.from);
  return 0;
}

int run_info(const ModelOptions& options) {
  const ModelInfo info = model_info(options.from);
  if (!options.json) {
    write_output(harmless(model_info_text(info)));
    return 0;
  }
  const ModelConfig& c = info.config;
  ordered_json types = ordered_json::object();
  for (const auto& [type, count] : info.types) types[to_string(type)] = count;
  const ordered_json object = {{"path", info.path},
                               {"name", info.name},
                               {"format", info.format},
                               {"architecture", to_string(c.architecture)},
                               {"num_layers", c.num_layers},
                               {"model_dim", c.model_dim},
                               {"num_heads", c.num_heads},
                               {"num_kv_heads", c.num_kv_heads},
                               {"head_dim", c.head_dim},
                               {"ffn_dim", c.ffn_dim},
                               {"vocab_size", c.vocab_size},
                               {"context_tokens", c.context_tokens},
                               {"parameters", info.parameters},
                               {"tensor_bytes", info.tensor_bytes},
                               {"file_bytes", info.file_bytes},
                               {"kv_bytes_per_token", info.kv_bytes_per_token},
                               {"tensor_types", types},
                               {"has_vocabulary", info.has_vocabulary},
                               {"has_chat_template", info.has_chat_template},
                               {"notes", info.notes}};
  write_output(object.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n");
  return 0;
}

void say_written(const std::string& path, const WrittenModel& written) {
  say("memagent: wrote {}: {} parameters in {} tensors, {} bytes{}{}\n", path,
      grouped(written.parameters), grouped(written.tensors), grouped(written.file_bytes),
      written.kept == 0 ? ""
                        : fmt::format("; {} tensors became F16, their rows are no whole blocks",
                                      grouped(written.kept)),
      written.has_vocabulary ? "" : "; without a vocabulary");
}

int run_convert(const ModelOptions& options) {
  say_written(options.to, convert_model(options.from, options.to, chosen_type(options)));
  return 0;
}

int run_quantize(const ModelOptions& options) {
  const std::optional<TensorType> type = chosen_type(options);
  if (!type) fail(ErrorKind::kUsage, "model quantize: type: its value is empty: give one");
  say_written(options.to, quantize_model(options.from, options.to, *type));
  return 0;
}

int run_mix(const ModelOptions& options) {
  say_written(options.to, mix_models(options.from, options.with, options.share, options.to));
  return 0;
}

// With what the file will say of itself it must have room to read.
void refuse_without_room(const ModelOptions& options) {
  ReadingOptions reading = options.reading;
  ModelChoice choice;
  choice.model = options.from;
  use_model_notes(reading, choice);
  const auto file = open_model_file(options.from);
  const auto tokenizer = file->tokenizer();
  if (tokenizer == nullptr) return;  // nothing can be counted
  const ChatFormat format =
      reading.settings.chat_format.value_or(detect_chat_format(*tokenizer, file->chat_template()));
  const PromptRenderer renderer(read_prompts(reading), format, tokenizer, true,
                                template_knows_thinking(file->chat_template()));
  resolve(reading.settings, file->config().context_tokens, renderer);
}

int run_note(const ModelOptions& options) {
  const ModelNotes notes = notes_from(options.reading);
  if (notes.empty()) {
    fail(ErrorKind::kUsage, "model note: nothing to note: give a flag, such as --section-tokens");
  }
  refuse_without_room(options);
  say_written(options.to, note_model(options.from, options.to, notes));
  return 0;
}

}  // namespace

std::vector<Command> add_model_commands(CLI::App& program) {
  CLI::App* group = program.add_subcommand("model", "Make, look at and change model files");
  group->require_subcommand(1);
  std::vector<Command> commands;
  const auto add = [&](const char* name, const char* help, const auto& flags,
                       int (*run)(const ModelOptions&)) {
    CLI::App* app = group->add_subcommand(name, help);
    const auto options = std::make_shared<ModelOptions>();
    flags(*app, *options);
    commands.push_back({app, [options, run] { return run(*options); }});
  };
  add(
      "init", "Write a GGUF file with random weights, to try things out or to train from",
      [](CLI::App& app, ModelOptions& o) {
        std::string shapes = "The shape:";
        for (const NamedShape& shape : named_shapes()) {
          shapes += "\n" + shape.name + ": " + shape.meaning;
        }
        app.add_option("shape", o.from, shapes)->required()->type_name("SHAPE");
        app.add_option("file", o.to, "The file to write")->required()->type_name("FILE");
        app.add_option("--type", o.type, tensor_type_names() + " (F32)")->type_name("TYPE");
        app.add_option("--seed", o.seed, "Of the weights (0)")->type_name("N");
        app.add_option("--name", o.name, "The model's name in the file")->type_name("NAME");
        app.add_option("--context-tokens", o.context, "Context length (the shape's own)")
            ->type_name("N");
      },
      run_init);
  add(
      "info", "What a GGUF file or a Hugging Face folder holds",
      [](CLI::App& app, ModelOptions& o) {
        app.add_option("path", o.from, "The file or folder")->required()->type_name("PATH");
        app.add_flag("--json", o.json, "Write JSON");
      },
      run_info);
  add(
      "convert", "A safetensors folder to a GGUF file, or the other way",
      [](CLI::App& app, ModelOptions& o) {
        app.add_option("from", o.from, "The file or folder to read")->required()->type_name("FROM");
        app.add_option("to", o.to, "The folder or file to write")->required()->type_name("TO");
        app.add_option("--type", o.type, tensor_type_names() + " (as it is)")->type_name("TYPE");
      },
      run_convert);
  add(
      "quantize", "A GGUF file with its matrices in another type",
      [](CLI::App& app, ModelOptions& o) {
        app.add_option("from", o.from, "The file to read")->required()->type_name("FROM");
        app.add_option("to", o.to, "The file to write")->required()->type_name("TO");
        app.add_option("type", o.type, tensor_type_names())->required()->type_name("TYPE");
      },
      run_quantize);
  add(
      "mix", "A GGUF file with a mean of two others' weights",
      [](CLI::App& app, ModelOptions& o) {
        app.add_option("from", o.from, "The file to read")->required()->type_name("FROM");
        app.add_option("with", o.with, "The other, of the same shape, whose metadata are kept")
            ->required()
            ->type_name("WITH");
        app.add_option("to", o.to, "The file to write")->required()->type_name("TO");
        app.add_option("--share", o.share, "Of the other's weights, from 0 to 1 (0.5)")
            ->type_name("SHARE");
      },
      run_mix);
  add(
      "note", "A GGUF file that says how its model is used: what flags of ask left unset will be",
      [](CLI::App& app, ModelOptions& o) {
        app.add_option("from", o.from, "The file to read")->required()->type_name("FROM");
        app.add_option("to", o.to, "The file to write")->required()->type_name("TO");
        add_note_options(app, o.reading);
      },
      run_note);
  return commands;
}

}  // namespace memagent
