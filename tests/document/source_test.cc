// Where documents come from: files, pipes, lists; and what is refused.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "memagent/document.h"
#include "memagent/error.h"

namespace memagent {
namespace {

namespace fs = std::filesystem;

std::string read_all(DocumentSource& source, std::size_t buffer_bytes = 7) {
  std::vector<char> buffer(buffer_bytes);
  std::string text;
  while (const std::size_t bytes = source.read(buffer)) text.append(buffer.data(), bytes);
  EXPECT_EQ(source.read(buffer), 0U);
  return text;
}

class Files : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(MEMAGENT_BINARY_DIR) / "tests/document/scratch" /
              testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  std::string write(const std::string& name, std::string_view text) {
    const std::string path = (folder_ / name).string();
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  // Makes a FIFO and a thread that writes `text` into it in two pieces.
  std::string fifo(const std::string& name, std::string text, std::thread& writer) {
    const std::string path = (folder_ / name).string();
    EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
    writer = std::thread([path, text = std::move(text)] {
      std::ofstream out(path, std::ios::binary);
      out << text.substr(0, 1) << std::flush << text.substr(1);
    });
    return path;
  }

  template <typename Action>
  void expect_refused(Action action, ErrorKind kind, const std::string& reason) {
    try {
      action();
      ADD_FAILURE() << "taken; expected: " << reason;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      EXPECT_THAT(error.what(), testing::HasSubstr(reason));
      EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("\n")));
    }
  }

  fs::path folder_;
};

TEST_F(Files, OneFileIsReadAsItIs) {
  const std::string text(200'000, 'x');
  auto source = file_source({write("a.txt", text)});
  EXPECT_EQ(source->total_bytes(), 200'000);
  EXPECT_TRUE(source->rewindable());
  EXPECT_EQ(read_all(*source, 1000), text);
  source->rewind();
  EXPECT_EQ(read_all(*source, 100'000), text);
  EXPECT_THAT(source->name(), testing::EndsWith("a.txt"));
}

TEST_F(Files, SeveralFilesHaveHeadings) {
  const std::string a = write("a.txt", "first");
  const std::string b = write("b.txt", "\xEF\xBB\xBFsecond\n");
  const std::string c = write("c.txt", "");
  auto source = file_source({a, b, c});
  const std::string expected = "# " + a + "\n\nfirst\n\n# " + b + "\n\nsecond\n\n\n# " + c + "\n\n";
  for (const std::size_t buffer : {1U, 3U, 1000U}) {
    EXPECT_EQ(read_all(*source, buffer), expected);
    source->rewind();
  }
  // The byte order mark is counted in the total and not delivered.
  EXPECT_EQ(source->total_bytes(), static_cast<std::int64_t>(expected.size()) + 3);
  EXPECT_EQ(source->name(), "3 files");
}

TEST_F(Files, WhatCannotBeReadIsRefusedAtOnce) {
  const std::string good = write("good.txt", "text");
  const std::string absent = (folder_ / "absent.txt").string();
  expect_refused(
      [&] {
        file_source({good, absent});
      },
      ErrorKind::kBadInput, "absent.txt': No such file");
  expect_refused(
      [&] {
        file_source({good, folder_.string()});
      },
      ErrorKind::kBadInput, "is a directory");
  expect_refused([&] { file_source({}); }, ErrorKind::kUsage, "no files");
  expect_refused([&] { file_source({"-", "-"}); }, ErrorKind::kUsage, "more than once");
  if (::geteuid() != 0) {  // root reads everything
    const std::string locked = write("locked.txt", "text");
    fs::permissions(locked, fs::perms::none);
    expect_refused([&] { file_source({locked}); }, ErrorKind::kBadInput, "Permission denied");
  }
}

TEST_F(Files, BinaryIsRefused) {
  std::string late(70'000, 'x');
  late[65'000] = '\0';
  std::string controls(1000, 'x');
  for (std::size_t i = 0; i < controls.size(); i += 10) controls[i] = '\x02';
  const std::pair<std::string, const char*> cases[] = {
      {std::string("PK\x03\x04\0\0", 6), "NUL byte at offset 4"},
      {late, "NUL byte at offset 65000"},
      {controls, "100 of its first 1000 bytes are control"},
      {std::string("\xFF\xFEh\0i\0", 6), "UTF-16"},
      {"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n", "is a PDF: convert it to text first"},
  };
  for (const auto& [bytes, reason] : cases) {
    const std::string path = write("x.bin", bytes);
    expect_refused([&] { read_all(*file_source({path})); }, ErrorKind::kBadInput, reason);
    expect_refused([&] { read_all(*file_source({path})); }, ErrorKind::kBadInput, "x.bin");
  }
}

TEST_F(Files, TextWithAFewOddBytesIsTaken) {
  const std::string text = "\x1B[1mbold\x1B[0m \x01 page\f break \xFF\xFE latin \xE9\r\n\t.";
  EXPECT_EQ(read_all(*file_source({write("a.txt", text)})), text);
}

TEST_F(Files, AFileThatGrowsIsReadAsItWas) {
  const std::string path = write("log.txt", "one\n");
  auto source = file_source({path});
  char buffer[2];
  ASSERT_GT(source->read(buffer), 0U);
  std::ofstream(path, std::ios::app) << "two\n";
  std::string rest = read_all(*source);
  EXPECT_EQ(std::string(buffer, 2) + rest, "one\n");
  source->rewind();
  EXPECT_EQ(read_all(*source), "one\n");
}

TEST_F(Files, AFileThatShrinksIsAnError) {
  const std::string path = write("a.txt", std::string(300'000, 'x'));
  auto source = file_source({path});
  std::vector<char> buffer(1000);
  ASSERT_GT(source->read(buffer), 0U);
  fs::resize_file(path, 100'000);
  expect_refused([&] { read_all(*source, 1000); }, ErrorKind::kBadInput, "became shorter");
  auto emptied = file_source({path});
  fs::resize_file(path, 0);
  expect_refused([&] { read_all(*emptied); }, ErrorKind::kBadInput, "became shorter");
  auto removed = file_source({path});
  fs::remove(path);
  expect_refused([&] { read_all(*removed); }, ErrorKind::kBadInput, "No such file");
}

TEST_F(Files, APipeIsReadOnce) {
  std::thread writer;
  const std::string path = fifo("pipe", "\xEF\xBB\xBFthrough the pipe", writer);
  auto source = file_source({path});
  EXPECT_FALSE(source->rewindable());
  EXPECT_EQ(source->total_bytes(), -1);
  EXPECT_EQ(read_all(*source), "through the pipe");
  writer.join();
  expect_refused([&] { source->rewind(); }, ErrorKind::kUsage, "only once");
}

// Ctrl-C while nobody has opened the pipe for writing yet, and while the writer is silent.
TEST_F(Files, ASignalEndsTheWaitForAPipe) {
  struct sigaction action {};
  action.sa_handler = [](int) {};  // without SA_RESTART: blocking calls end
  struct sigaction before {};
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
  const std::string path = (folder_ / "pipe").string();
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const auto expect_interrupted = [&] {
    std::atomic<bool> ended{false};
    std::thread reader([&] {
      expect_refused([&] { read_all(*file_source({path})); }, ErrorKind::kInterrupted, "pipe");
      ended = true;
    });
    while (!ended) {
      ::pthread_kill(reader.native_handle(), SIGUSR1);
      std::this_thread::yield();
    }
    reader.join();
  };
  expect_interrupted();
  const int silent = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  expect_interrupted();
  ::close(silent);
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_F(Files, BinaryThroughAPipeIsRefused) {
  std::thread writer;
  const std::string path = fifo("pipe", std::string("ab\0cd", 5), writer);
  expect_refused([&] { read_all(*file_source({path})); }, ErrorKind::kBadInput, "NUL byte");
  writer.join();
}

TEST_F(Files, SpoolingMakesAPipeRewindable) {
  std::thread writer;
  std::string text;
  for (int i = 0; i < 30'000; ++i) text += "line " + std::to_string(i) + "\n";
  const std::string path = fifo("pipe", text, writer);
  auto source = spooled_source(file_source({path}));
  EXPECT_TRUE(source->rewindable());
  EXPECT_EQ(source->total_bytes(), -1);
  // Rewound in the middle: the rest comes from the pipe.
  std::vector<char> buffer(10'000);
  const std::size_t first = source->read(buffer);
  EXPECT_EQ(std::string_view(buffer.data(), first), std::string_view(text).substr(0, first));
  source->rewind();
  EXPECT_EQ(read_all(*source, 4096), text);
  writer.join();
  EXPECT_EQ(source->total_bytes(), static_cast<std::int64_t>(text.size()));
  source->rewind();
  EXPECT_EQ(read_all(*source, 777), text);
}

TEST_F(Files, WhatCanBeReadAgainIsNotSpooled) {
  const std::string path = write("a.txt", "x");
  auto source = file_source({path});
  const DocumentSource* before = source.get();
  EXPECT_EQ(spooled_source(std::move(source)).get(), before);
}

TEST_F(Files, ASpoolThatCannotBeKeptSaysSo) {
  std::thread writer;
  const std::string path = fifo("pipe", "x", writer);
  auto source = file_source({path});
  ASSERT_EQ(::setenv("TMPDIR", "/nonexistent", 1), 0);
  expect_refused([&] { spooled_source(std::move(source)); }, ErrorKind::kStorage, "/nonexistent");
  ::unsetenv("TMPDIR");
  std::ifstream(path).get();
  writer.join();
}

TEST_F(Files, StandardInputIsRead) {
  const std::string path = write("in.txt", "from standard input");
  const int saved = ::dup(STDIN_FILENO);
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ::dup2(file, STDIN_FILENO);
  auto source = file_source({"-"});
  EXPECT_EQ(source->name(), "standard input");
  EXPECT_FALSE(source->rewindable());
  EXPECT_EQ(read_all(*source), "from standard input");
  ::dup2(saved, STDIN_FILENO);
  ::close(saved);
  ::close(file);
}

TEST(Lists, DocumentsComeUnderTheirTitles) {
  auto source = list_source({{"One\nTwo", "first"}, {"", "untitled"}, {"Last", "\xC3"}});
  const std::string expected = "# One Two\n\nfirst\n\nuntitled\n\n# Last\n\n\xC3";
  for (const std::size_t buffer : {1U, 5U, 1000U}) {
    EXPECT_EQ(read_all(*source, buffer), expected);
    source->rewind();
  }
  EXPECT_EQ(source->total_bytes(), static_cast<std::int64_t>(expected.size()));
  EXPECT_EQ(source->name(), "3 documents");
}

TEST(Lists, TextIsReadAsItIs) {
  auto source = text_source("abc", "a name");
  EXPECT_EQ(read_all(*source, 2), "abc");
  EXPECT_EQ(source->name(), "a name");
  EXPECT_EQ(source->total_bytes(), 3);
}

// Of this process, now; in KiB.
std::int64_t resident_kib() {
  std::ifstream file("/proc/self/statm");
  std::int64_t pages = 0;
  file >> pages >> pages;
  return pages * (::sysconf(_SC_PAGESIZE) / 1024);
}

// A source of any length that holds nothing.
class EndlessSource final : public DocumentSource {
 public:
  explicit EndlessSource(std::int64_t bytes) : left_(bytes) {}
  std::size_t read(std::span<char> buffer) override {
    const auto bytes = static_cast<std::size_t>(
        std::min<std::int64_t>(left_, static_cast<std::int64_t>(buffer.size())));
    for (std::size_t i = 0; i < bytes; ++i) buffer[i] = "All work and no play. "[i % 22];
    left_ -= static_cast<std::int64_t>(bytes);
    return bytes;
  }
  bool rewindable() const override { return false; }
  void rewind() override {}
  std::int64_t total_bytes() const override { return -1; }
  std::string name() const override { return "endless"; }

 private:
  std::int64_t left_;
};

TEST(Memory, ALongDocumentTakesNoMoreThanAShortOne) {
  SectionReader reader(std::make_unique<EndlessSource>(100'000'000), estimating_tokenizer(), {});
  Section section;
  std::int64_t after_first = 0;
  std::int64_t largest = 0;
  while (reader.next(section)) {
    if (section.index == 50) after_first = resident_kib();
    if (section.index % 200 == 0) largest = std::max(largest, resident_kib());
  }
  EXPECT_EQ(section.byte_end, 100'000'000);
  EXPECT_LT(largest - after_first, 2048);
}

}  // namespace
}  // namespace memagent
