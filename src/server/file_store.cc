#include "server/file_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <utility>

#include "base/fail.h"
#include "format/untrusted_json.h"
#include "server/api_error.h"
#include "server/hidden_source.h"

namespace memagent {
namespace {

namespace fs = std::filesystem;

std::string new_file_id() {
  std::random_device random;
  return fmt::format("file-{:08x}{:08x}", random(), random());
}

bool is_file_id(const std::string& text) {
  return text.size() == 21 && text.starts_with("file-") &&
         text.find_first_not_of("0123456789abcdef", 5) == std::string::npos;
}

// A data file or a description that was not committed.
bool is_temporary(const std::string& name) {
  const std::string target = target_of_temporary(name);
  return is_file_id(target) || (target.ends_with(".json") && is_file_id(fs::path(target).stem()));
}

std::string to_json_text(const StoredFile& file) {
  return Json{{"filename", file.filename},
              {"purpose", file.purpose},
              {"owner", file.owner},
              {"bytes", file.bytes},
              {"created_at", file.created_at}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

StoredFile read_description(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::optional<Json> json = parse_json(std::string(std::istreambuf_iterator<char>(in), {}));
  StoredFile file;
  file.id = path.stem();
  if (!json || !member(*json, "filename").is_string()) {
    fail(ErrorKind::kStorage, "--files: {}: does not describe a file: delete it and {}",
         path.string(), file.id);
  }
  file.filename = string_or(member(*json, "filename"), "");
  file.purpose = string_or(member(*json, "purpose"), "");
  file.owner = string_or(member(*json, "owner"), "");
  file.bytes = count_or(member(*json, "bytes"), 0);
  file.created_at = count_or(member(*json, "created_at"), 0);
  return file;
}

[[noreturn]] void fail_unknown(const std::string& id) {
  throw ApiError(404, fmt::format("there is no file '{}'", id), "file_id", "file_not_found");
}

}  // namespace

FileStore::FileStore(FileStoreOptions options) : options_(std::move(options)) {
  std::error_code error;
  std::vector<fs::path> left_over;
  for (const auto& entry : fs::directory_iterator(options_.folder, error)) {
    const fs::path& path = entry.path();
    if (is_temporary(path.filename()) ||
        (is_file_id(path.filename()) && !fs::exists(path.string() + ".json", error) && !error)) {
      left_over.push_back(path);
    }
    if (path.extension() != ".json" || !is_file_id(path.stem())) continue;
    StoredFile file = read_description(path);
    if (fs::is_regular_file(this->path(file), error)) files_.emplace(file.id, std::move(file));
  }
  for (const fs::path& path : left_over) {
    if (fs::is_regular_file(path, error)) fs::remove(path, error);
  }
}

FileStore::Upload::Upload(FileStore& store, std::string id) : store_(store), id_(std::move(id)) {
  file_ = std::make_unique<AtomicFile>(store_.options_.folder + "/" + id_);
}

FileStore::Upload FileStore::begin() {
  std::error_code error;
  if (fs::create_directories(options_.folder, error)) {
    fs::permissions(options_.folder, fs::perms::owner_all, error);
  }
  return Upload(*this, new_file_id());
}

void FileStore::Upload::write(std::string_view bytes) {
  bytes_ += static_cast<std::int64_t>(bytes.size());
  if (bytes_ > store_.options_.max_file_bytes) {
    throw ApiError(413,
                   fmt::format("the file is larger than the {} bytes that the server takes",
                               store_.options_.max_file_bytes),
                   "file");
  }
  file_->write(bytes);
}

StoredFile FileStore::Upload::commit(std::string filename, std::string purpose, std::string owner) {
  StoredFile file{id_, std::move(filename), std::move(purpose), std::move(owner), bytes_, 0};
  file.created_at = std::chrono::duration_cast<std::chrono::seconds>(
                        std::chrono::system_clock::now().time_since_epoch())
                        .count();
  file_->commit();
  AtomicFile description(store_.path(file) + ".json");
  description.write(to_json_text(file));
  description.commit();
  const std::lock_guard lock(store_.mutex_);
  store_.files_.emplace(file.id, file);
  return file;
}

std::vector<StoredFile> FileStore::list(const std::string& owner) const {
  std::vector<StoredFile> list;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, file] : files_) {
      if (file.owner == owner) list.push_back(file);
    }
  }
  std::stable_sort(list.begin(), list.end(), [](const StoredFile& a, const StoredFile& b) {
    return a.created_at < b.created_at;
  });
  return list;
}

StoredFile FileStore::find(const std::string& id, const std::string& owner) const {
  const std::lock_guard lock(mutex_);
  const auto found = files_.find(id);
  if (found == files_.end() || found->second.owner != owner) fail_unknown(id);
  return found->second;
}

void FileStore::remove(const std::string& id, const std::string& owner) {
  const StoredFile file = find(id, owner);
  {
    const std::lock_guard lock(mutex_);
    if (files_.erase(id) == 0) fail_unknown(id);
  }
  std::error_code error;
  fs::remove(path(file) + ".json", error);
  fs::remove(path(file), error);
}

std::unique_ptr<DocumentSource> FileStore::open(const std::string& id,
                                                const std::string& owner) const {
  return hidden_file_source({path(find(id, owner))}, fmt::format("file '{}'", id), id);
}

std::string FileStore::path(const StoredFile& file) const {
  return options_.folder + "/" + file.id;
}

}  // namespace memagent
