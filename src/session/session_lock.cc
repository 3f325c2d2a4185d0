#include "session/session_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/fail.h"

namespace memagent {
namespace {

struct flock one_byte(std::int64_t session_id, short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = session_id;
  lock.l_len = 1;
  return lock;
}

}  // namespace

// Locks of the open file description (F_OFD_*) rather than of the process: two LockFiles of one
// process exclude each other too, and closing some other descriptor of the file frees nothing.
LockFile::LockFile(std::string path) : path_(std::move(path)) {
  descriptor_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor_ < 0) {
    fail(ErrorKind::kStorage,
         "session store: {}: cannot be opened: {}: choose another file with --store", path_,
         std::strerror(errno));
  }
}

LockFile::~LockFile() { close(descriptor_); }

bool LockFile::try_lock(std::int64_t session_id) {
  if (held_.contains(session_id)) return false;
  struct flock lock = one_byte(session_id, F_WRLCK);
  if (fcntl(descriptor_, F_OFD_SETLK, &lock) == 0) {
    held_.insert(session_id);
    return true;
  }
  if (errno == EAGAIN || errno == EACCES) return false;
  fail(ErrorKind::kStorage,
       "session store: {}: cannot be locked: {}: put the store on a local disk", path_,
       std::strerror(errno));
}

void LockFile::unlock(std::int64_t session_id) {
  struct flock lock = one_byte(session_id, F_UNLCK);
  fcntl(descriptor_, F_OFD_SETLK, &lock);
  held_.erase(session_id);
}

bool LockFile::is_held(std::int64_t session_id) const {
  if (held_.contains(session_id)) return true;
  struct flock lock = one_byte(session_id, F_WRLCK);
  return fcntl(descriptor_, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace memagent
