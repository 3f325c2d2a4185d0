#include "server/file_routes.h"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "server/api_error.h"
#include "server/http_connection.h"
#include "server/http_reply.h"

namespace memagent {
namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t kMostFieldBytes = 1024;
constexpr const char* kFilePath = R"(/v1/files/([^/]+))";

json to_json(const StoredFile& file) {
  return {{"id", file.id},
          {"object", "file"},
          {"bytes", file.bytes},
          {"created_at", file.created_at},
          {"filename", file.filename},
          {"purpose", file.purpose},
          {"status", "processed"}};
}

// A file's name is whatever its client sent.
std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

struct ByteRange {
  std::int64_t begin = 0;
  std::int64_t length = 0;
};

// What of `bytes` bytes is asked for, and the status and header that say so. Throws ApiError (416)
// if there are no such bytes.
ByteRange range_of(const httplib::Request& request, std::int64_t bytes,
                   httplib::Response& response) {
  const auto& asked = HttpConnection::of(request).range();
  if (!asked) return {0, bytes};
  // -1: not said. Without a first, the second is how many of the last bytes.
  const auto [first, second] = *asked;
  const std::int64_t begin = first >= 0 ? first : std::max<std::int64_t>(0, bytes - second);
  const std::int64_t last =
      first >= 0 && second >= 0 ? std::min<std::int64_t>(second, bytes - 1) : bytes - 1;
  if (begin > last) {
    response.set_header("Content-Range", fmt::format("bytes */{}", bytes));
    throw ApiError(416, fmt::format("Range: the file has {} bytes", bytes));
  }
  response.status = 206;
  response.set_header("Content-Range", fmt::format("bytes {}-{}/{}", begin, last, bytes));
  return {begin, last - begin + 1};
}

// The parts of an upload as they arrive: `file` goes to the disk, `purpose` is kept, others are
// passed over.
class UploadReader {
 public:
  explicit UploadReader(FileStore& files) : files_(files) {}

  bool begin_part(const httplib::MultipartFormData& part) {
    field_ = part.name;
    if (field_ != "file") return true;
    if (upload_) throw ApiError(400, "file: more than one: upload them one by one", "file");
    filename_ = part.filename.substr(0, kMostFieldBytes);
    upload_.emplace(files_.begin());
    return true;
  }

  bool take(const char* data, std::size_t size) {
    if (field_ == "file") {
      upload_->write({data, size});
    } else if (field_ == "purpose") {
      purpose_.append(data, std::min(size, kMostFieldBytes - purpose_.size()));
    }
    return true;
  }

  StoredFile commit(const std::string& owner) {
    if (!upload_) throw ApiError(400, "file: there is none: send a part named file", "file");
    return upload_->commit(filename_, purpose_.empty() ? "user_data" : purpose_, owner);
  }

 private:
  FileStore& files_;
  std::string field_;
  std::string filename_;
  std::string purpose_;
  std::optional<FileStore::Upload> upload_;
};

void upload(FileStore& files, const httplib::Request& request, httplib::Response& response,
            const httplib::ContentReader& body) {
  HttpConnection& connection = HttpConnection::of(request);
  // Whatever goes wrong, the rest of the body is still to come.
  connection.close_after_reply();
  if (!request.is_multipart_form_data()) {
    throw ApiError(415, "an upload must be multipart/form-data with a part named file");
  }
  UploadReader reader(files);
  std::exception_ptr thrown;  // httplib's own loops are not to be left by exceptions
  const auto keep = [&](const auto& call) {
    try {
      return call();
    } catch (...) {
      thrown = std::current_exception();
      return false;
    }
  };
  const bool whole = body(
      [&](const httplib::MultipartFormData& part) {
        return keep([&] { return reader.begin_part(part); });
      },
      [&](const char* data, std::size_t size) {
        connection.record().body_bytes += static_cast<std::int64_t>(size);
        return keep([&] { return reader.take(data, size); });
      });
  if (thrown) std::rethrow_exception(thrown);
  if (connection.timed_out()) {
    throw ApiError(408, "the upload took too long to arrive: send it faster");
  }
  if (!whole) throw ApiError(400, "the upload ended before its end, or is not multipart/form-data");
  set_json(response, dump(to_json(reader.commit(connection.record().key))));
  connection.keep_after_reply();
}

}  // namespace

void set_file_routes(httplib::Server& routes, FileStore& files) {
  const auto on = [&files](const char* route, auto handler) {
    return [&files, route, handler](const httplib::Request& request, httplib::Response& response) {
      RequestRecord& record = HttpConnection::of(request).record();
      record.route = route;
      guarded(request, response, [&] { handler(files, record.key, request, response); });
    };
  };
  routes.Post("/v1/files", [&files](const httplib::Request& request, httplib::Response& response,
                                    const httplib::ContentReader& body) {
    HttpConnection::of(request).record().route = "/v1/files";
    guarded(request, response, [&] { upload(files, request, response, body); });
  });
  routes.Get("/v1/files",
             on("/v1/files", [](FileStore& store, const std::string& owner,
                                const httplib::Request& request, httplib::Response& response) {
               const std::string purpose = request.get_param_value("purpose");
               json list = {{"object", "list"}, {"data", json::array()}, {"has_more", false}};
               for (const StoredFile& file : store.list(owner)) {
                 if (!purpose.empty() && file.purpose != purpose) continue;
                 list["data"].push_back(to_json(file));
               }
               set_json(response, dump(list));
             }));
  routes.Get(kFilePath,
             on("/v1/files/{id}", [](FileStore& store, const std::string& owner,
                                     const httplib::Request& request, httplib::Response& response) {
               set_json(response, dump(to_json(store.find(request.matches[1], owner))));
             }));
  routes.Delete(kFilePath, on("/v1/files/{id}", [](FileStore& store, const std::string& owner,
                                                   const httplib::Request& request,
                                                   httplib::Response& response) {
                  const std::string id = request.matches[1];
                  store.remove(id, owner);
                  set_json(response, dump({{"id", id}, {"object", "file"}, {"deleted", true}}));
                }));
  routes.Get(std::string(kFilePath) + "/content",
             on("/v1/files/{id}/content", [](FileStore& store, const std::string& owner,
                                             const httplib::Request& request,
                                             httplib::Response& response) {
               const StoredFile file = store.find(request.matches[1], owner);
               const ByteRange part = range_of(request, file.bytes, response);
               const auto in = std::make_shared<std::ifstream>(store.path(file), std::ios::binary);
               if (!*in) {
                 throw ApiError(503, fmt::format("file '{}' cannot be read: upload it again, or "
                                                 "tell who runs the server",
                                                 file.id));
               }
               // Whatever it is, no browser is to take it for a page of ours.
               response.set_header("Content-Disposition", "attachment");
               response.set_header("X-Content-Type-Options", "nosniff");
               response.set_content_provider(
                   static_cast<std::size_t>(part.length), "application/octet-stream",
                   [in, begin = part.begin](std::size_t offset, std::size_t length,
                                            httplib::DataSink& sink) {
                     std::vector<char> buffer(std::min<std::size_t>(length, 64 << 10));
                     in->seekg(begin + static_cast<std::streamoff>(offset));
                     in->read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
                     return in->gcount() > 0 &&
                            sink.write(buffer.data(), static_cast<std::size_t>(in->gcount()));
                   });
             }));
}

}  // namespace memagent
