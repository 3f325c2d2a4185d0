// What is a file's alone: files that are damaged and disks that are full. Raw SQLite is used only
// to damage files. What all stores have in common: store_conformance_test.cc.
#include "memagent/session_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "memagent/error.h"
#include "session/store_testing.h"

namespace memagent {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class SessionStoreTest : public testing::Test {
 protected:
  SessionStoreTest() {
    std::string pattern = testing::TempDir() + "memagent-session-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    path_ = folder_ + "/deep/folder/store.sqlite";
  }
  ~SessionStoreTest() override { fs::remove_all(folder_); }

  static SessionSpec spec() { return test::two_questions(); }

  // Runs `body` in a child process and gives its wait status; exit code 9 for an exception.
  static int in_child(const std::function<void()>& body) {
    const pid_t child = fork();
    if (child == 0) {
      try {
        body();
      } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        _exit(9);
      }
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status;
  }

  std::string folder_;
  std::string path_;
};

TEST_F(SessionStoreTest, FilesArePrivate) {
  const SessionStore store(path_);
  struct stat status {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(SessionStoreTest, FullDiskIsOneErrorAndKeepsTheRest) {
  { const SessionStore store(path_); }
  const int status = in_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{200'000, 200'000};
    setrlimit(RLIMIT_FSIZE, &limit);
    SessionStore store(path_);
    Session session = store.open("s", spec());
    const std::string text(10'000, 'x');
    for (int i = 0; i < 100; ++i) {
      try {
        session.commit(0, std::to_string(i), text);
      } catch (const Error& error) {
        const std::string what = error.what();
        const bool good = error.kind() == ErrorKind::kStorage && i > 3 &&
                          what.find(path_) != std::string::npos &&
                          what.find('\n') == std::string::npos;
        if (!good) std::fprintf(stderr, "commit %d: %s\n", i, what.c_str());
        _exit(good ? i : 1);
      }
    }
    _exit(2);  // never full
  });
  ASSERT_TRUE(WIFEXITED(status));
  const int failed_at = WEXITSTATUS(status);
  ASSERT_GT(failed_at, 3);
  // With space again, it goes on where the last commit left it.
  SessionStore store(path_);
  Session session = store.open("s", spec());
  EXPECT_EQ(session.info().conversations, failed_at);
  EXPECT_EQ(session.info().states_json[0], std::to_string(failed_at - 1));
  session.commit(0, "more", "more");
}

TEST_F(SessionStoreTest, UnwritableStore) {
  fs::create_directories(fs::path(path_).parent_path());
  { const SessionStore store(path_); }
  fs::permissions(path_, fs::perms::owner_read);
  fs::permissions(folder_, fs::perms(0755));
  const int status = in_child([&] {
    if (getuid() == 0 && setuid(65534) != 0) _exit(3);  // permissions do not bind the super-user
    const std::string error = error_of([&] {
      SessionStore store(path_, SessionStore::Mode::kExisting);
      store.open("s", spec());
    });
    std::fprintf(stderr, "%s\n", error.c_str());
    _exit(error.starts_with("3: session store: " + path_) ? 0 : 1);
  });
  EXPECT_EQ(status, 0);
}

TEST_F(SessionStoreTest, FilesThatAreNoStore) {
  EXPECT_THAT(error_of([&] { SessionStore store(folder_); }), HasSubstr("is a directory"));
  EXPECT_THAT(error_of([&] { SessionStore s(path_, SessionStore::Mode::kExisting); }),
              HasSubstr("does not exist"));
  EXPECT_FALSE(fs::exists(path_));
  const std::string text_file = folder_ + "/notes.txt";
  std::ofstream(text_file) << std::string(5000, 'n');
  EXPECT_THAT(error_of([&] { SessionStore store(text_file); }),
              HasSubstr("3: session store: " + text_file + ": is not a session store"));
  const std::string file_as_folder = text_file + "/store";
  EXPECT_THAT(error_of([&] { SessionStore store(file_as_folder); }),
              HasSubstr("cannot be created"));

  const std::string other = folder_ + "/other.sqlite";
  sqlite3* handle = nullptr;
  sqlite3_open(other.c_str(), &handle);
  sqlite3_exec(handle, "CREATE TABLE music(title)", nullptr, nullptr, nullptr);
  sqlite3_close(handle);
  EXPECT_THAT(error_of([&] { SessionStore store(other); }),
              HasSubstr("is a database of another program"));
}

TEST_F(SessionStoreTest, NewerSchema) {
  { const SessionStore store(path_); }
  sqlite3* handle = nullptr;
  sqlite3_open(path_.c_str(), &handle);
  sqlite3_exec(handle, "PRAGMA user_version = 2", nullptr, nullptr, nullptr);
  sqlite3_close(handle);
  EXPECT_THAT(error_of([&] { SessionStore store(path_); }), HasSubstr("has schema version 2"));
}

TEST_F(SessionStoreTest, DamagedStoresAreErrors) {
  {
    SessionStore store(path_);
    Session session = store.open("s", spec());
    for (int i = 0; i < 50; ++i) session.commit(0, "state", std::string(1000, 'l'));
  }
  const auto size = static_cast<std::int64_t>(fs::file_size(path_));
  ASSERT_GT(size, 20'000);
  const std::string copy = folder_ + "/damaged.sqlite";
  int errors = 0;
  for (std::int64_t at = 0; at < size; at += 4096) {
    fs::copy_file(path_, copy, fs::copy_options::overwrite_existing);
    std::fstream file(copy, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at);
    file << std::string(512, '\xAB');
    file.close();
    // Any outcome but an Error of the right kind or success is a failure of this test.
    const std::string error = error_of([&] {
      SessionStore store(copy);
      store.list();
      Session session = store.open("s", spec());
      session.commit(0, "state", "line");
      store.visit_conversations("s", [](std::size_t, std::string_view) {});
    });
    if (!error.empty()) {
      ++errors;
      EXPECT_THAT(error, AllOf(HasSubstr(copy), testing::StartsWith("3: "))) << "damaged at " << at;
    }
    fs::remove(copy + "-wal");
    fs::remove(copy + "-shm");
  }
  EXPECT_GT(errors, 3);
  // Cut short at any page.
  for (std::int64_t at = 0; at < size; at += 4096) {
    fs::copy_file(path_, copy, fs::copy_options::overwrite_existing);
    fs::resize_file(copy, static_cast<std::uintmax_t>(at + 100));
    const std::string error = error_of([&] {
      SessionStore store(copy);
      store.list();
      store.visit_conversations("s", [](std::size_t, std::string_view) {});
    });
    EXPECT_THAT(error, testing::StartsWith("3: ")) << "cut at " << at;
    fs::remove(copy + "-wal");
    fs::remove(copy + "-shm");
  }
}

}  // namespace
}  // namespace memagent
