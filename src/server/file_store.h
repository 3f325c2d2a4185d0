// Uploaded files: a folder with the bytes of each and what is known of it.
//
//   FOLDER/file-0123456789abcdef        the bytes
//   FOLDER/file-0123456789abcdef.json   {"filename", "purpose", "owner", "bytes", "created_at"}
//
// Ids are made here; a client's file name is kept to be shown and is never a path, nor is an id
// that a client sends: it is looked up among those that are known. Files belong to the key that
// uploaded them; for others there are none. A server has the folder to itself. Any thread may call.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/atomic_file.h"
#include "memagent/document.h"

namespace memagent {

struct StoredFile {
  std::string id;
  std::string filename;
  std::string purpose;
  std::string owner;
  std::int64_t bytes = 0;
  std::int64_t created_at = 0;  // seconds since 1970
};

struct FileStoreOptions {
  std::string folder;  // made at the first upload
  std::int64_t max_file_bytes = std::int64_t{4} << 30;
};

class FileStore {
 public:
  // Finds what an earlier server left, and removes the uploads that it was killed in: nobody knows
  // of them. Throws Error(kStorage).
  explicit FileStore(FileStoreOptions options);

  // A file as it arrives, in memory of a fixed size. Nothing is left of one that is not committed.
  class Upload {
   public:
    // Throws ApiError (413) beyond the limit, Error(kStorage) for a disk that is full.
    void write(std::string_view bytes);
    StoredFile commit(std::string filename, std::string purpose, std::string owner);

   private:
    friend class FileStore;
    Upload(FileStore& store, std::string id);
    FileStore& store_;
    std::string id_;
    std::unique_ptr<AtomicFile> file_;
    std::int64_t bytes_ = 0;
  };
  Upload begin();

  // Oldest first.
  std::vector<StoredFile> list(const std::string& owner) const;
  // The rest throw ApiError (404) for a file that the owner does not have.
  StoredFile find(const std::string& id, const std::string& owner) const;
  void remove(const std::string& id, const std::string& owner);
  // Its errors name the file as the client does.
  std::unique_ptr<DocumentSource> open(const std::string& id, const std::string& owner) const;
  std::string path(const StoredFile& file) const;
  std::int64_t max_file_bytes() const { return options_.max_file_bytes; }

 private:
  FileStoreOptions options_;
  mutable std::mutex mutex_;
  std::map<std::string, StoredFile> files_;  // by id
};

}  // namespace memagent
