// One advisory lock per session, in a file beside the store: byte N of it is session N's.
//
// The kernel frees the lock with the last descriptor of the process that took it, however that
// process ends; leases and heart-beats are for stores shared between machines, which this is not.
#pragma once

#include <cstdint>
#include <set>
#include <string>

namespace memagent {

class LockFile {
 public:
  // Creates the file where missing.
  explicit LockFile(std::string path);
  ~LockFile();
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;

  // False if it is held, by this LockFile or another in any process.
  bool try_lock(std::int64_t session_id);
  void unlock(std::int64_t session_id);
  // True if it is held, by whichever LockFile.
  bool is_held(std::int64_t session_id) const;

 private:
  std::string path_;
  int descriptor_ = -1;
  std::set<std::int64_t> held_;  // the kernel would grant a description its own lock again
};

}  // namespace memagent
