// Downloads one file over HTTP so that nothing fetched is ever fetched twice, and nothing is taken
// for whole that is not.
//
//   FILE.part       what has come so far; goes on where it ended
//   FILE.part.lock  held while a process fetches
//   FILE.part.tag   the server's mark of the version that it belongs to (ETag or Last-Modified): if
//                   the file has changed there, it is fetched anew
//   FILE            appears when all has come and the checksum is right
//   FILE.sha256     the checksum, as sha256sum writes it; checked by later fetches
//
// Knows nothing of what is in the file.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace memagent {

struct DownloadOptions {
  std::string url;            // http or https; so are all that it redirects to
  std::string path;           // its folder is made
  std::string sha256;         // in hexadecimal; empty: FILE.sha256 where that is there
  std::string ca_file;        // PEM; empty: the system's
  std::int32_t attempts = 6;  // in a row that bring nothing
  std::chrono::milliseconds first_wait{500};  // before the second; doubles from there
  const std::atomic<bool>* stop = nullptr;    // set: throws kInterrupted; what has come stays
  // Before the next try: for how long, and what was wrong with the last.
  std::function<void(std::chrono::milliseconds wait, const std::string& why)> on_wait;
  // Bytes there are, and in all (-1: not known).
  std::function<void(std::int64_t bytes, std::int64_t total)> on_progress;
};

struct Downloaded {
  std::int64_t bytes = 0;
  std::string sha256;
  std::int64_t resumed_from = 0;  // bytes that were there before
  bool was_there = false;         // nothing was fetched
};

// Waits longer from try to try, and at least as long as the server asks for (Retry-After); a server
// that asks for more than ten minutes is given up. Messages show an address without user, password
// and query.
//
// Throws Error: kUsage for an address or checksum that is none, kModel for a server that does not
// answer or has no such file, kBadInput for a wrong checksum (of what came nothing is kept),
// kStorage for a disk that does not take it, kInterrupted.
Downloaded download(const DownloadOptions& options);

// Of a file's bytes, in lower-case hexadecimal.
std::string sha256_of_file(const std::string& path);

}  // namespace memagent
