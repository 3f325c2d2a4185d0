// Downloads over TLS from cpp-httplib's server with a certificate made here: an address that nobody
// can listen to does not lead to one that anybody can.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "fetch/download.h"
#include "memagent/error.h"
#include "model/remote/certificate.h"
#include "model/remote/scripted_server.h"

namespace memagent {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class SecureDownload : public testing::Test {
 protected:
  SecureDownload()
      : folder_(fs::temp_directory_path() / ("memagent-secure-" + std::to_string(::getpid()))),
        identity_(make_identity("IP:127.0.0.1")),
        secure_(identity_.certificate.get(), identity_.key.get()),
        plain_(
            [this](const ScriptedRequest&, ScriptedConnection& connection) {
              if (leads_to_.empty()) return connection.reply(200, "abc", "text/plain");
              connection.reply(302, "", "text/plain", "Location: " + leads_to_ + "\r\n");
            },
            0, true) {
    fs::create_directories(folder_);
    write_certificate(identity_, folder_ / "ca.pem");
    secure_.Get("/set", [](const httplib::Request&, httplib::Response& reply) {
      reply.set_content("abc", "text/plain");
    });
    secure_.Get("/moved", [](const httplib::Request&, httplib::Response& reply) {
      reply.set_redirect("/set");
    });
    secure_.Get("/down", [this](const httplib::Request&, httplib::Response& reply) {
      reply.set_redirect(address("http", plain_.port(), "/set"));
    });
    secure_port_ = secure_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { secure_.listen_after_bind(); });
    while (!secure_.is_running()) std::this_thread::yield();
  }
  ~SecureDownload() override {
    secure_.stop();
    thread_.join();
    fs::remove_all(folder_);
  }

  static std::string address(const std::string& scheme, int port, const std::string& path) {
    return scheme + "://127.0.0.1:" + std::to_string(port) + path;
  }
  DownloadOptions options(const std::string& url) const {
    DownloadOptions options;
    options.url = url;
    options.path = folder_ / "set";
    options.ca_file = folder_ / "ca.pem";
    options.attempts = 1;
    return options;
  }
  static std::string complaint(const DownloadOptions& options) {
    try {
      download(options);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kModel);
      return error.what();
    }
    return "no error";
  }

  fs::path folder_;
  Identity identity_;
  httplib::SSLServer secure_;
  int secure_port_ = 0;
  std::string leads_to_;  // where the plain server redirects to; empty: it has the file
  ScriptedServer plain_;
  std::thread thread_;
};

TEST_F(SecureDownload, FollowsRedirectsThatStaySecure) {
  EXPECT_EQ(download(options(address("https", secure_port_, "/moved"))).bytes, 3);
}

TEST_F(SecureDownload, MayBecomeSecureOnTheWay) {
  leads_to_ = address("https", secure_port_, "/set");
  EXPECT_EQ(download(options(address("http", plain_.port(), "/set"))).bytes, 3);
}

TEST_F(SecureDownload, IsNotRedirectedToWhereAnybodyCanListen) {
  EXPECT_THAT(complaint(options(address("https", secure_port_, "/down"))),
              HasSubstr("https leads to https only"));
  EXPECT_EQ(plain_.requests("/set"), 0);
  EXPECT_FALSE(fs::exists(folder_ / "set"));
}

TEST_F(SecureDownload, RefusesACertificateThatNobodyTrusts) {
  DownloadOptions with = options(address("https", secure_port_, "/set"));
  with.ca_file.clear();
  EXPECT_THAT(complaint(with), AllOf(HasSubstr("certificate"), HasSubstr("--ca-file FILE")));
}

}  // namespace
}  // namespace memagent
