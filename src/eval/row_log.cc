#include "eval/row_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "base/fail.h"
#include "base/shortened.h"
#include "format/atomic_file.h"

namespace memagent {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// A file's name is on the disk once its folder is.
void sync_folder(const std::string& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

}  // namespace

RowLog::RowLog(std::string folder, const std::string& settings_json) : folder_(std::move(folder)) {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) {
    fail(ErrorKind::kStorage, "--out: {}: cannot be made: {}: choose another folder", folder_,
         error.message());
  }
  open_rows();
  const std::string settings_path = folder_ + "/settings.json";
  if (fs::exists(settings_path)) {
    check_settings(settings_json);
  } else {
    if (fs::file_size(rows_path(), error) > 0 && !error) {
      fail(ErrorKind::kUsage,
           "--out: {}: has rows but no settings.json to tell what they are of: choose another "
           "folder",
           folder_);
    }
    AtomicFile file(settings_path);
    file.write(json::parse(settings_json).dump(2) + "\n");
    file.commit();
  }
  sync_folder(folder_);
  drop_torn_line();
}

RowLog::File::~File() {
  if (descriptor >= 0) ::close(descriptor);
}

void RowLog::fail_with(int reason) const {
  fail(ErrorKind::kStorage, "--out: {}: cannot be written: {}: free some space or choose another",
       rows_path(), std::strerror(reason));
}

void RowLog::open_rows() {
  rows_.descriptor = ::open(rows_path().c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (rows_.descriptor < 0) fail_with(errno);
  if (::flock(rows_.descriptor, LOCK_EX | LOCK_NB) != 0) {
    const int reason = errno;
    if (reason != EWOULDBLOCK) fail_with(reason);
    fail(ErrorKind::kUsage,
         "--out: {}: another run is writing there: wait for it to end, or stop it", folder_);
  }
}

void RowLog::check_settings(const std::string& settings_json) const {
  const std::string path = folder_ + "/settings.json";
  std::ifstream file(path);
  std::stringstream content;
  content << file.rdbuf();
  const json before = json::parse(content.str(), nullptr, false);
  if (!before.is_object()) {
    fail(ErrorKind::kBadInput, "{}: is not a JSON object: choose another folder with --out", path);
  }
  const json now = json::parse(settings_json);
  for (const json* names : {&now, &before}) {
    for (const auto& [key, value] : names->items()) {
      const json was = before.value(key, json());
      const json is = now.value(key, json());
      if (was != is) {
        fail(ErrorKind::kUsage,
             "--out: {}: {} was {}, now {}: go on as it was begun, or choose another folder",
             folder_, key, shortened(was.dump()), shortened(is.dump()));
      }
    }
  }
}

// Cuts the file after its last line end.
void RowLog::drop_torn_line() {
  off_t end = ::lseek(rows_.descriptor, 0, SEEK_END);
  if (end < 0) fail_with(errno);
  const off_t size = end;
  std::string block(std::size_t{1} << 16, '\0');
  while (end > 0) {
    const off_t begin = std::max<off_t>(0, end - static_cast<off_t>(block.size()));
    const ssize_t got =
        ::pread(rows_.descriptor, block.data(), static_cast<std::size_t>(end - begin), begin);
    if (got != static_cast<ssize_t>(end - begin)) fail_with(got < 0 ? errno : EIO);
    const std::size_t line_end =
        std::string_view(block.data(), static_cast<std::size_t>(got)).rfind('\n');
    if (line_end != std::string_view::npos) {
      end = begin + static_cast<off_t>(line_end) + 1;
      break;
    }
    end = begin;
  }
  if (end != size && ::ftruncate(rows_.descriptor, end) != 0) fail_with(errno);
}

void RowLog::read(const std::function<void(RowResult)>& visit) const {
  std::ifstream file(rows_path());
  std::size_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    visit(row_result_from_json(line, fmt::format("{}: line {}", rows_path(), number)));
  }
}

void RowLog::append(const RowResult& result) {
  const std::string line = to_json(result) + "\n";
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = ::write(rows_.descriptor, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_with(errno);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fdatasync(rows_.descriptor) != 0) fail_with(errno);
}

}  // namespace memagent
