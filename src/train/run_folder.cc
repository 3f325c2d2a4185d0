#include "train/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "base/fail.h"
#include "format/atomic_file.h"

namespace memagent {
namespace {

namespace fs = std::filesystem;

int open_or_fail(const std::string& path, int flags) {
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    fail(ErrorKind::kStorage, "{}: cannot be opened: {}", path, std::strerror(errno));
  }
  return descriptor;
}

// What a run that was killed while it wrote has left, as much as a model's size each time.
void remove_unfinished(const std::string& folder) {
  constexpr std::array kWritten = {"recipe.json", "run.html", "model.gguf",
                                   "checkpoint.safetensors"};
  std::error_code error;
  std::vector<fs::path> unfinished;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string target = target_of_temporary(entry.path().filename().string());
    if (std::ranges::find(kWritten, target) != kWritten.end()) unfinished.push_back(entry.path());
  }
  for (const fs::path& path : unfinished) fs::remove(path, error);
}

}  // namespace

RunFolder::RunFolder(const std::string& path, const std::string& recipe_json, bool resume,
                     const DataParallelGroup& group)
    : path_(path) {
  if (group.leads()) take(recipe_json, resume);
  // Nobody goes on before the folder is taken.
  const std::vector<std::string> recipes = group.gather(recipe_json);
  for (std::size_t rank = 1; rank < recipes.size(); ++rank) {
    if (recipes[rank] != recipes[0]) {
      fail(ErrorKind::kUsage, "process {} has another recipe than process 0: give all the same",
           rank);
    }
  }
}

void RunFolder::take(const std::string& recipe_json, bool resume) {
  std::error_code error;
  fs::create_directories(path_, error);
  if (error) fail(ErrorKind::kStorage, "{}: cannot be made: {}", path_, error.message());
  lock_ = open_or_fail(file("lock"), O_RDWR | O_CREAT);
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock_);
    fail(ErrorKind::kStorage, "{}: another process trains here: choose another folder", path_);
  }
  const std::string recipe = file("recipe.json");
  if (fs::exists(recipe, error)) {
    std::ifstream in(recipe, std::ios::binary);
    const std::string there{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (!resume) {
      ::close(lock_);
      fail(ErrorKind::kUsage, "{}: holds a run already: go on with --resume, or choose another",
           path_);
    }
    if (there != recipe_json + "\n") {
      ::close(lock_);
      fail(ErrorKind::kUsage, "{}: is the run of another recipe (recipe.json): choose another",
           path_);
    }
  } else {
    AtomicFile out(recipe);
    out.write(recipe_json + "\n");
    out.commit();
  }
  remove_unfinished(path_);
  log_ = open_or_fail(file("log.jsonl"), O_WRONLY | O_CREAT | O_APPEND);
  log_bytes_ = static_cast<std::int64_t>(fs::file_size(file("log.jsonl"), error));
}

RunFolder::~RunFolder() {
  if (log_ >= 0) ::close(log_);
  if (lock_ >= 0) ::close(lock_);
}

std::string RunFolder::file(const char* name) const { return (fs::path(path_) / name).string(); }

void RunFolder::log(const std::string& json) {
  if (log_ < 0) return;
  const std::string line = json + "\n";
  if (::write(log_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    fail(ErrorKind::kStorage, "{}: cannot be written: {}", file("log.jsonl"), std::strerror(errno));
  }
  log_bytes_ += static_cast<std::int64_t>(line.size());
}

void RunFolder::cut_log(std::int64_t bytes) {
  if (log_ >= 0 && bytes < log_bytes_ && ::ftruncate(log_, bytes) == 0) log_bytes_ = bytes;
}

std::string RunFolder::log_text() const {
  std::ifstream in(file("log.jsonl"), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace memagent
