#include "fetch/download.h"

#include <curl/curl.h>
#include <sys/file.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "base/certificate.h"
#include "base/fail.h"
#include "base/sha256.h"
#include "format/atomic_file.h"

namespace memagent {
namespace {

namespace fs = std::filesystem;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

File open_file(const std::string& path, const char* mode) {
  File file(std::fopen(path.c_str(), mode));
  if (file == nullptr) {
    fail(ErrorKind::kStorage, "{}: cannot be opened: {}", path, std::strerror(errno));
  }
  return file;
}

std::int64_t size_of(const std::string& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  return error ? 0 : static_cast<std::int64_t>(size);
}

void remove(const std::string& path) {
  std::error_code error;
  fs::remove(path, error);
}

std::string first_word(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

std::string line_of(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

void write_whole(const std::string& path, const std::string& text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

// For messages: user and password of an address are nobody else's, nor are keys in its query.
std::string shown(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t host = scheme == std::string::npos ? 0 : scheme + 3;
  const std::size_t path = std::min(url.find_first_of("/?#", host), url.size());
  const std::size_t query = std::min(url.find_first_of("?#", path), url.size());
  const std::size_t at = url.substr(0, path).rfind('@');
  const std::size_t begin = at == std::string::npos || at < host ? host : at + 1;
  return url.substr(0, host) + url.substr(begin, query - begin) +
         (query < url.size() ? "?..." : "");
}

bool is_web(const std::string& url) {
  const std::string begin = lower(url.substr(0, 8));
  return begin.starts_with("http://") || begin.starts_with("https://");
}

bool is_sha256(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// One transfer: the state its callbacks share.
class Transfer {
 public:
  Transfer(const DownloadOptions& options, std::string part, std::string tag)
      : options_(options), part_(std::move(part)), tag_(std::move(tag)), easy_(curl_easy_init()) {
    if (easy_ == nullptr) fail(ErrorKind::kModel, "cannot prepare a network connection");
  }
  ~Transfer() {
    curl_slist_free_all(headers_);
    curl_easy_cleanup(easy_);
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  CURLcode run() {
    // Without a mark of its version, a beginning cannot be gone on from.
    mark_ = line_of(tag_);
    offset_ = mark_.empty() ? 0 : size_of(part_);
    set(CURLOPT_URL, options_.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    // Whoever asks for an address that cannot be listened to is not sent to one that can.
    const bool secure = lower(options_.url.substr(0, 6)) == "https:";
    set(CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
    set(CURLOPT_FOLLOWLOCATION, 1L);
    set(CURLOPT_MAXREDIRS, 10L);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_USERAGENT, "memagent");
    set(CURLOPT_CONNECTTIMEOUT, 30L);
    set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(CURLOPT_LOW_SPEED_TIME, 60L);
    set(CURLOPT_ERRORBUFFER, problem_.data());
    set(CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    set(CURLOPT_HEADERDATA, this);
    set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, &Transfer::on_progress);
    set(CURLOPT_XFERINFODATA, this);
    if (!options_.ca_file.empty()) set(CURLOPT_CAINFO, options_.ca_file.c_str());
    const std::string range = fmt::format("{}-", offset_);
    const std::string if_range = "If-Range: " + mark_;
    if (offset_ > 0) {
      set(CURLOPT_RANGE, range.c_str());
      headers_ = curl_slist_append(headers_, if_range.c_str());
      set(CURLOPT_HTTPHEADER, headers_);
    }
    const CURLcode code = curl_easy_perform(easy_);
    if (file_ != nullptr && std::fflush(file_.get()) != 0 && disk_error_ == 0) disk_error_ = errno;
    file_.reset();
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status_);
    curl_off_t wait = 0;
    if (!whole() && curl_easy_getinfo(easy_, CURLINFO_RETRY_AFTER, &wait) == CURLE_OK) {
      retry_after_ = std::chrono::seconds(wait);
    }
    return code;
  }

  long status() const { return status_; }
  int disk_error() const { return disk_error_; }
  // What the server asks to wait before the next try.
  std::chrono::seconds retry_after() const { return retry_after_; }
  // Why what came was not taken; empty if it was.
  const std::string& refusal() const { return refusal_; }
  // All bytes of the file, where the server says that there are none from where it was asked: -1 if
  // it does not tell.
  std::int64_t bytes_in_all() const {
    const std::size_t slash = range_.find('/');
    if (slash == std::string::npos) return -1;
    std::int64_t bytes = -1;
    std::from_chars(range_.data() + slash + 1, range_.data() + range_.size(), bytes);
    return bytes;
  }
  bool whole() const { return status_ == 200 || status_ == 206; }
  // 0 where what was there is of no use. A server that sends all of the same version anew is
  // listened to, but what has come before is not thrown away: the connection may break again.
  std::int64_t began_at() const { return status_ == 206 || same_version_ ? offset_ : 0; }
  // All came, but less than was there of what is said to be the same version.
  bool too_short() const { return whole() && skip_ > 0; }
  std::int64_t received() const { return received_; }
  // In words for a user: of the connection, or of the server.
  std::string problem(CURLcode code) const {
    if (code == CURLE_OK && too_short()) return "it sends less than had come of the same version";
    if (code == CURLE_OK) return fmt::format("the server answers {}", status_);
    // The address itself has been looked at before, so it is one that this was sent on to.
    if (code == CURLE_UNSUPPORTED_PROTOCOL) {
      return "it is redirected to an address of a kind that is not followed from here (https leads "
             "to https only, http to either)";
    }
    return problem_[0] != '\0' ? problem_.data() : curl_easy_strerror(code);
  }
  // Against what is not worth another try.
  const char* advice(CURLcode code) const {
    long verdict = 0;
    curl_easy_getinfo(easy_, CURLINFO_SSL_VERIFYRESULT, &verdict);
    return code == CURLE_PEER_FAILED_VERIFICATION && is_untrusted_certificate(verdict)
               ? "give the authority's certificates with --ca-file FILE"
               : "check the address";
  }

 private:
  template <typename Value>
  void set(CURLoption option, Value value) {
    curl_easy_setopt(easy_, option, value);
  }

  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self) {
    static_cast<Transfer*>(self)->take_header({data, size});
    return size;
  }
  static std::size_t on_body(char* data, std::size_t, std::size_t size, void* self) {
    return static_cast<Transfer*>(self)->take_body(data, size) ? size : 0;
  }
  static int on_progress(void* self, curl_off_t total, curl_off_t now, curl_off_t, curl_off_t) {
    const Transfer& transfer = *static_cast<const Transfer*>(self);
    const DownloadOptions& options = transfer.options_;
    if (options.on_progress && transfer.file_ != nullptr) {
      const std::int64_t before = transfer.written_at_;
      options.on_progress(before + now, total > 0 ? before + total : -1);
    }
    return options.stop != nullptr && options.stop->load() ? 1 : 0;
  }

  void take_header(std::string_view line) {
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
    if (line.starts_with("HTTP/")) {
      etag_.clear();
      modified_.clear();
      page_ = false;
      range_.clear();
      return;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    const std::string name = lower(std::string(line.substr(0, colon)));
    line.remove_prefix(colon + 1);
    while (line.starts_with(' ')) line.remove_prefix(1);
    // A weak mark does not promise the same bytes.
    if (name == "etag" && !line.starts_with("W/")) etag_ = line;
    if (name == "last-modified") modified_ = line;
    if (name == "content-range") range_ = line;
    if (name == "content-type") page_ = lower(std::string(line)).starts_with("text/html");
  }

  // Errors of the disk may not pass through libcurl as exceptions.
  bool take_body(const char* data, std::size_t size) {
    if (file_ == nullptr && !open_part()) return false;
    if (!whole()) return true;  // a page that explains an error
    const std::size_t known = std::min(skip_, size);
    skip_ -= known;
    if (std::fwrite(data + known, 1, size - known, file_.get()) != size - known) {
      disk_error_ = errno;
      return false;
    }
    received_ += static_cast<std::int64_t>(size);
    return true;
  }

  bool open_part() {
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status_);
    // Not what was asked for, whatever the status says.
    const bool elsewhere = status_ == 206 && !range_.starts_with(fmt::format("bytes {}-", offset_));
    refusal_ = !whole()    ? ""
               : page_     ? "the server sends a web page"
               : elsewhere ? "the server sends another part of it than was asked for"
                           : "";
    if (!refusal_.empty()) return false;
    if (!whole()) {
      file_.reset(std::fopen("/dev/null", "wbe"));
      return file_ != nullptr;
    }
    const std::string& newest = etag_.empty() ? modified_ : etag_;
    same_version_ = status_ == 200 && offset_ > 0 && newest == mark_;
    skip_ = same_version_ ? static_cast<std::size_t>(offset_) : 0;
    written_at_ = status_ == 206 ? offset_ : 0;
    try {
      if (status_ == 200 && !same_version_) {
        remove(part_);
        const std::string& mark = etag_.empty() ? modified_ : etag_;
        if (mark.empty()) {
          remove(tag_);
        } else {
          write_whole(tag_, mark + "\n");
        }
      }
      file_ = open_file(part_, "abe");
    } catch (const Error&) {
      disk_error_ = errno == 0 ? EIO : errno;
      return false;
    }
    return true;
  }

  const DownloadOptions& options_;
  std::string part_;
  std::string tag_;
  CURL* easy_;
  curl_slist* headers_ = nullptr;
  std::array<char, CURL_ERROR_SIZE> problem_{};
  File file_;
  std::int64_t offset_ = 0;      // asked from
  std::int64_t written_at_ = 0;  // of the part, when the body began
  std::size_t skip_ = 0;         // bytes to come that are there already
  std::int64_t received_ = 0;
  bool same_version_ = false;  // all of it comes again, of the version that is there
  std::string mark_;           // of the version that is there
  std::string etag_;
  std::string modified_;
  std::chrono::seconds retry_after_{0};
  std::string range_;  // Content-Range
  std::string refusal_;
  bool page_ = false;
  long status_ = 0;
  int disk_error_ = 0;
};

bool worth_another_try(CURLcode code, long status) {
  if (code == CURLE_OK) return status == 408 || status == 429 || status >= 500;
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2_STREAM:
      return true;
    default:
      return false;
  }
}

void check_stop(const DownloadOptions& options, const std::string& part) {
  if (options.stop == nullptr || !options.stop->load()) return;
  fail(ErrorKind::kInterrupted, "{}: stopped with {} bytes fetched: the same command goes on",
       options.path, size_of(part));
}

constexpr std::chrono::seconds kLongestWait{600};

void wait(const DownloadOptions& options, const std::string& part, std::int32_t failures,
          std::chrono::seconds asked_for, const std::string& why) {
  using std::chrono::milliseconds;
  if (asked_for > kLongestWait) {
    fail(ErrorKind::kModel,
         "{}: the server asks to come back in {} s: {} bytes are kept, the same command goes on",
         shown(options.url), asked_for.count(), size_of(part));
  }
  const milliseconds most{30'000};
  milliseconds left = std::min(most, options.first_wait * (1 << std::min(failures - 1, 10)));
  left = std::max<milliseconds>(left, asked_for);
  if (options.on_wait) options.on_wait(left, fmt::format("{}: {}", shown(options.url), why));
  for (; left.count() > 0; left -= milliseconds(50)) {
    check_stop(options, part);
    std::this_thread::sleep_for(std::min(left, milliseconds(50)));
  }
}

// Until all of the part is there; returns how much of it was there before.
std::int64_t fetch_part(const DownloadOptions& options, const std::string& part,
                        const std::string& tag) {
  std::int64_t resumed_from = -1;
  std::int64_t most_bytes = size_of(part);
  for (std::int32_t failures = 0;;) {
    Transfer transfer(options, part, tag);
    const CURLcode code = transfer.run();
    check_stop(options, part);
    if (transfer.disk_error() != 0) {
      fail(ErrorKind::kStorage, "{}: cannot be written: {}: {} bytes are kept", part,
           std::strerror(transfer.disk_error()), size_of(part));
    }
    if (!transfer.refusal().empty()) {
      fail(ErrorKind::kModel, "{}: {}: check the address", shown(options.url), transfer.refusal());
    }
    if (resumed_from < 0 && transfer.whole()) resumed_from = transfer.began_at();
    if (code == CURLE_OK && transfer.too_short()) {
      resumed_from = 0;
      remove(part);
      remove(tag);
    } else if (code == CURLE_OK && transfer.whole()) {
      // Nothing came, not even the call that makes the file.
      if (transfer.received() == 0 && transfer.status() == 200) open_file(part, "wbe");
      return resumed_from;
    } else if (code == CURLE_OK && transfer.status() == 416) {
      // Killed after the last byte and before the renaming: it is all there.
      if (transfer.bytes_in_all() == size_of(part)) return size_of(part);
      remove(part);
      remove(tag);
    } else if (!worth_another_try(code, transfer.status())) {
      fail(ErrorKind::kModel, "{}: {}: {}", shown(options.url), transfer.problem(code),
           transfer.advice(code));
    }
    // A server that always breaks off at the same place, and cannot go on, brings nothing new.
    const std::int64_t bytes = size_of(part);
    failures = bytes > most_bytes ? 1 : failures + 1;
    most_bytes = std::max(most_bytes, bytes);
    if (failures >= options.attempts && size_of(part) == 0) {
      fail(ErrorKind::kModel, "{}: {}, tried {} times: {}, then run the same command again",
           shown(options.url), transfer.problem(code), failures,
           code == CURLE_OK ? "wait" : "check the network");
    }
    if (failures >= options.attempts) {
      fail(ErrorKind::kModel, "{}: {}, {} times: {} bytes are kept, the same command goes on",
           shown(options.url), transfer.problem(code), failures, size_of(part));
    }
    wait(options, part, failures, transfer.retry_after(), transfer.problem(code));
  }
}

}  // namespace

std::string sha256_of_file(const std::string& path) {
  const File file = open_file(path, "rbe");
  Sha256 sha;
  std::vector<char> block(std::size_t{1} << 16);
  for (std::size_t count; (count = std::fread(block.data(), 1, block.size(), file.get())) > 0;) {
    sha.update({block.data(), count});
  }
  std::string text;
  for (const unsigned char byte : sha.value()) text += fmt::format("{:02x}", byte);
  return text;
}

Downloaded download(const DownloadOptions& options) {
  const std::string part = options.path + ".part";
  const std::string tag = part + ".tag";
  const std::string sum_file = options.path + ".sha256";
  if (!is_web(options.url)) {
    fail(ErrorKind::kUsage, "{}: is not an address that begins with http:// or https://",
         shown(options.url));
  }
  std::string wanted = lower(options.sha256);
  if (!wanted.empty() && !is_sha256(wanted)) {
    fail(ErrorKind::kUsage, "a SHA-256 has 64 hexadecimal digits, '{}' has not", options.sha256);
  }
  const bool recorded = wanted.empty();
  if (recorded) wanted = lower(first_word(sum_file));
  if (!wanted.empty() && !is_sha256(wanted)) {
    fail(ErrorKind::kBadInput, "{}: does not begin with a SHA-256: delete it", sum_file);
  }
  const std::string expected = recorded ? fmt::format("{} ({})", wanted, sum_file) : wanted;
  Downloaded done;
  std::error_code error;
  if (fs::exists(options.path, error)) {
    done.was_there = true;
    done.bytes = size_of(options.path);
    done.sha256 = sha256_of_file(options.path);
    if (!wanted.empty() && done.sha256 != wanted) {
      fail(ErrorKind::kBadInput,
           "{}: its SHA-256 is {}, expected {}: delete it to have it fetched again", options.path,
           done.sha256, expected);
    }
    return done;
  }
  const fs::path folder = fs::path(options.path).parent_path();
  if (!folder.empty()) fs::create_directories(folder, error);
  if (error) {
    fail(ErrorKind::kStorage, "{}: cannot be made: {}", folder.string(), error.message());
  }
  const File lock = open_file(part + ".lock", "abe");
  if (::flock(::fileno(lock.get()), LOCK_EX | LOCK_NB) != 0) {
    fail(ErrorKind::kStorage, "{}: another process is fetching it: wait for it", options.path);
  }
  done.resumed_from = fetch_part(options, part, tag);
  done.bytes = size_of(part);
  done.sha256 = sha256_of_file(part);
  if (!wanted.empty() && done.sha256 != wanted) {
    remove(part);
    remove(tag);
    fail(ErrorKind::kBadInput, "{}: its SHA-256 is {}, expected {}: nothing is kept of it",
         shown(options.url), done.sha256, expected);
  }
  write_whole(sum_file,
              fmt::format("{}  {}\n", done.sha256, fs::path(options.path).filename().string()));
  fs::rename(part, options.path, error);
  if (error) {
    fail(ErrorKind::kStorage, "{}: cannot be renamed: {}", part, error.message());
  }
  remove(tag);
  remove(part + ".lock");
  return done;
}

}  // namespace memagent
