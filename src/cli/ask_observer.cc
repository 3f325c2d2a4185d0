#include "cli/ask_observer.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/state_json.h"
#include "agent/trace.h"
#include "base/fail.h"
#include "cli/lengths.h"
#include "cli/say.h"
#include "cli/surroundings.h"

namespace memagent {

TraceFile::TraceFile(std::string path)
    : path_(std::move(path)), file_(std::fopen(path_.c_str(), "ae")) {
  if (file_ == nullptr) {
    fail(ErrorKind::kStorage, "--trace: {}: cannot be written: {}: choose another file", path_,
         std::strerror(errno));
  }
}

TraceFile::~TraceFile() { std::fclose(file_); }

void TraceFile::start() {
  struct stat info {};
  if (::fstat(::fileno(file_), &info) != 0 || !S_ISREG(info.st_mode)) return;  // nothing to empty
  if (::ftruncate(::fileno(file_), 0) != 0) cannot_write();
}

void TraceFile::write(std::string_view line) {
  std::string whole(line);
  whole += '\n';
  if (std::fwrite(whole.data(), 1, whole.size(), file_) != whole.size() ||
      std::fflush(file_) != 0) {
    cannot_write();
  }
}

void TraceFile::cannot_write() const {
  fail(ErrorKind::kStorage,
       "--trace: {}: cannot be written: {}: free some space or choose another file", path_,
       std::strerror(errno));
}

AskObserver::AskObserver(std::vector<Episode>& episodes, Session* session, TraceFile* trace,
                         AskObserverOptions options)
    : episodes_(episodes),
      session_(session),
      trace_(trace),
      options_(std::move(options)),
      progress_(episodes.size()) {
  for (std::size_t i = 0; i < episodes.size(); ++i) {
    progress_[i].tokens_resumed = episodes[i].state().document_tokens;
    progress_[i].memory = episodes[i].memory().text;
    if (episodes[i].state().reading_done) progress_[i].fraction = 1;
  }
}

AskObserver::~AskObserver() { clear(); }

double AskObserver::fraction_at(const Conversation& conversation, std::int64_t byte) const {
  if (conversation.kind == ConversationKind::kAnswer) return 1;
  if (options_.total_bytes <= 0) return 0;
  const double in_pass =
      std::min(1.0, static_cast<double>(byte) / static_cast<double>(options_.total_bytes));
  return (conversation.pass + in_pass) / options_.passes;
}

void AskObserver::on_conversation(std::size_t episode, const Episode& state,
                                  const Conversation& conversation) {
  const std::string line = trace_line(episode, conversation, {.prompt = options_.trace_prompts});
  if (session_ != nullptr) session_->commit(episode, to_json(state.state()), line);
  if (trace_ != nullptr) trace_->write(line);
  Progress& progress = progress_[episode];
  if (progress.fraction_resumed < 0) {
    progress.fraction_resumed = fraction_at(conversation, conversation.section_byte_begin);
  }
  progress.fraction = fraction_at(conversation, conversation.section_byte_end);
  if (state.state().reading_done) progress.fraction = 1;
  if (options_.watch) show_memory(episode, state, conversation);
}

void AskObserver::on_finished(std::size_t episode, const Episode&) {
  progress_[episode].fraction = 1;
}

void AskObserver::on_tick() {
  if (options_.progress) draw();
}

void AskObserver::show_memory(std::size_t episode, const Episode& state,
                              const Conversation& conversation) {
  if (conversation.kind == ConversationKind::kAnswer) return;
  Progress& progress = progress_[episode];
  if (conversation.memory.text == progress.memory) return;
  clear();
  const std::string which = episodes_.size() == 1 ? "" : fmt::format(", question {}", episode + 1);
  say("--- section {}{}{}, bytes {} to {}, {} tokens read\n{}\n\n", conversation.section_index + 1,
      options_.passes == 1 ? "" : fmt::format(" of pass {}", conversation.pass + 1), which,
      grouped(conversation.section_byte_begin), grouped(conversation.section_byte_end),
      grouped(state.state().document_tokens),
      marked_changes(progress.memory, conversation.memory.text, options_.colour));
  progress.memory = conversation.memory.text;
}

void AskObserver::draw() {
  ProgressState all;
  all.seconds = options_.seconds();
  all.answering = true;
  all.fraction = 0;
  for (std::size_t i = 0; i < episodes_.size(); ++i) {
    const EpisodeState& state = episodes_[i].state();
    all.tokens = std::max(all.tokens, state.document_tokens);
    all.tokens_resumed = std::max(all.tokens_resumed, progress_[i].tokens_resumed);
    all.fraction += progress_[i].fraction / static_cast<double>(episodes_.size());
    all.fraction_resumed +=
        std::max(0.0, progress_[i].fraction_resumed) / static_cast<double>(episodes_.size());
    all.answering = all.answering && state.reading_done;
  }
  if (options_.total_bytes < 0) all.fraction = -1;
  const std::string line = progress_line(all, terminal_width(STDERR_FILENO) - 1);
  say("\r{}\x1B[K", line);
  std::fflush(stderr);
  drawn_ = true;
}

void AskObserver::clear() {
  if (!drawn_) return;
  say_end("\r\x1B[K");
  std::fflush(stderr);
  drawn_ = false;
}

}  // namespace memagent
