// `memagent data list|fetch`: data sets from where their authors publish them.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/fail.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/lengths.h"
#include "cli/say.h"
#include "cli/terminal.h"
#include "fetch/catalogue.h"
#include "fetch/download.h"

namespace memagent {
namespace {

using Json = nlohmann::ordered_json;

struct DataOptions {
  std::vector<std::string> names;
  std::string folder;
  std::string url;
  std::string sha256;
  std::string out;
  std::string ca_file;
  std::int32_t attempts = 6;
  bool json = false;
  bool quiet = false;
};

// Names of folders need not be UTF-8.
std::string dump(const Json& list) {
  return list.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string folder_of(const DataOptions& options) {
  return options.folder.empty() ? default_data_folder() : options.folder;
}

int run_list(const DataOptions& options) {
  std::string text;
  Json list = Json::array();
  std::error_code error;
  for (const CatalogueEntry& entry : catalogue()) {
    const std::string path = folder_of(options) + "/" + std::string(entry.file);
    const bool there = std::filesystem::exists(path, error);
    list.push_back({{"name", entry.name},
                    {"meaning", entry.meaning},
                    {"url", entry.url},
                    {"sha256", entry.sha256},
                    {"by_hand", entry.by_hand},
                    {"file", there ? path : ""}});
    text += fmt::format("{:<19}{}\n", entry.name, entry.meaning);
    text += fmt::format("{:<19}{}\n", "", entry.url);
    if (!entry.by_hand.empty()) text += fmt::format("{:<19}by hand: {}\n", "", entry.by_hand);
    if (there) text += fmt::format("{:<19}there: {}\n", "", path);
  }
  write_output(options.json ? dump(list) : text);
  return 0;
}

// A line that is written over while bytes come, on a terminal.
class ProgressLine {
 public:
  explicit ProgressLine(bool quiet) : shown_(!quiet && ::isatty(STDERR_FILENO) == 1) {}
  ~ProgressLine() {
    if (open_) say_end("\r\033[K");
  }
  void show(const std::string& file, std::int64_t bytes, std::int64_t total) {
    const auto now = std::chrono::steady_clock::now();
    if (!shown_ || now - last_ < std::chrono::milliseconds(100)) return;
    last_ = now;
    open_ = true;
    const auto mega = [](std::int64_t count) { return static_cast<double>(count) / 1e6; };
    if (total > 0) {
      say("\r\033[K{}  {:.1f} of {:.1f} MB", file, mega(bytes), mega(total));
    } else {
      say("\r\033[K{}  {:.1f} MB", file, mega(bytes));
    }
  }
  // What the next try is waited for; short waits are not worth a line.
  void note(const std::string& why, std::chrono::milliseconds wait) {
    if (wait < std::chrono::seconds(2)) return;
    say("{}memagent: {}: next try in {} s\n", open_ ? "\r\033[K" : "", harmless(why),
        wait.count() / 1000);
    open_ = false;
  }

 private:
  bool shown_;
  bool open_ = false;
  std::chrono::steady_clock::time_point last_;
};

Json fetch_one(const DataOptions& options, const CatalogueEntry& entry, const std::string& path,
               const Interrupt& interrupt) {
  const std::string_view by_hand = entry.by_hand;
  const std::string file = std::filesystem::path(path).filename().string();
  Downloaded done;
  {
    ProgressLine line(options.quiet);
    DownloadOptions download_options;
    download_options.url = entry.url;
    download_options.path = path;
    download_options.sha256 = entry.sha256;
    download_options.ca_file = options.ca_file;
    download_options.attempts = options.attempts;
    download_options.stop = interrupt.flag();
    download_options.on_progress = [&](std::int64_t bytes, std::int64_t total) {
      line.show(file, bytes, total);
    };
    download_options.on_wait = [&](std::chrono::milliseconds wait, const std::string& why) {
      if (!options.quiet) line.note(why, wait);
    };
    done = download(download_options);
  }
  if (!options.quiet) {
    say("memagent: {}: {} bytes, {}{}\n", path, grouped(done.bytes),
        done.was_there          ? "there already"
        : done.resumed_from > 0 ? fmt::format("fetched from byte {} on", grouped(done.resumed_from))
                                : std::string("fetched"),
        by_hand.empty() ? "" : fmt::format("; {} by hand", by_hand));
  }
  return {{"file", path},
          {"bytes", done.bytes},
          {"sha256", done.sha256},
          {"resumed_from", done.resumed_from},
          {"was_there", done.was_there}};
}

int run_fetch(const DataOptions& options) {
  if (options.url.empty() == options.names.empty()) {
    fail(ErrorKind::kUsage, "data fetch: name data sets (memagent data list), or give --url");
  }
  if (!options.url.empty() && options.out.empty()) {
    fail(ErrorKind::kUsage, "--url: name the file to write with --out");
  }
  if (options.url.empty() && (!options.out.empty() || !options.sha256.empty())) {
    fail(ErrorKind::kUsage, "--out and --sha256 belong to --url; for a folder there is --dir");
  }
  // All names are checked before anything is fetched.
  std::vector<const CatalogueEntry*> entries;
  for (const std::string& name : options.names) {
    const CatalogueEntry* entry = find_entry(name);
    if (entry == nullptr) {
      fail(ErrorKind::kUsage, "data fetch: unknown '{}': see memagent data list", name);
    }
    entries.push_back(entry);
  }
  const Interrupt interrupt;
  Json files = Json::array();
  if (!options.url.empty()) {
    CatalogueEntry other{};
    other.url = options.url;
    other.sha256 = options.sha256;
    files.push_back(fetch_one(options, other, options.out, interrupt));
  }
  for (const CatalogueEntry* entry : entries) {
    files.push_back(
        fetch_one(options, *entry, folder_of(options) + "/" + std::string(entry->file), interrupt));
  }
  if (options.json) write_output(dump(files));
  return 0;
}

}  // namespace

std::vector<Command> add_data_commands(CLI::App& program) {
  CLI::App* group = program.add_subcommand("data", "Data sets from where they are published");
  group->require_subcommand(1);
  const auto options = std::make_shared<DataOptions>();
  CLI::App* list = group->add_subcommand("list", "The data sets there are, and which are here");
  CLI::App* fetch =
      group->add_subcommand("fetch", "Download data sets; what was begun goes on where it ended");
  for (CLI::App* app : {list, fetch}) {
    app->add_option("--dir", options->folder,
                    "Where they are kept (default: " + default_data_folder() + ")")
        ->type_name("DIR");
    app->add_flag("--json", options->json, "For programs");
  }
  fetch->add_option("names", options->names, "Names from memagent data list")->type_name("NAME");
  fetch->add_option("--url", options->url, "Any other file")->type_name("URL");
  fetch->add_option("-o,--out", options->out, "With --url: the file to write")->type_name("FILE");
  fetch->add_option("--sha256", options->sha256, "With --url: what its bytes must hash to")
      ->type_name("HEX");
  fetch
      ->add_option("--ca-file", options->ca_file,
                   "Certificates (PEM) to check servers against (default: the system's)")
      ->type_name("FILE");
  fetch->add_option("--attempts", options->attempts, "Tries in a row that bring nothing (6)")
      ->check(CLI::Range(1, 1000).description(""))
      ->type_name("N");
  fetch->add_flag("--quiet", options->quiet, "No notes on standard error");
  return {{list, [options] { return run_list(*options); }},
          {fetch, [options] { return run_fetch(*options); }}};
}

}  // namespace memagent
