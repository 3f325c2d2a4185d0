// The small parts of the server, each by itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "memagent/error.h"
#include "server/api_keys.h"
#include "server/event_queue.h"
#include "server/joined_source.h"
#include "server/metrics.h"
#include "server/reply_json.h"
#include "task/read_all.h"

namespace memagent {
namespace {

using testing::HasSubstr;

// printf test | sha256sum; printf "" | sha256sum (coreutils 9.1).
constexpr const char* kTest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
constexpr const char* kEmpty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

TEST(ApiKeys, AreKnownByTheirHash) {
  const ApiKeys keys =
      ApiKeys::parse(std::string("# keys\n\nalice ") + kTest + "\r\nbob " + kEmpty, "keys");
  EXPECT_TRUE(keys.required());
  EXPECT_EQ(keys.check("Bearer test"), "alice");
  EXPECT_EQ(keys.check("Bearer "), "bob");
  EXPECT_EQ(keys.check("Bearer tes"), std::nullopt);
  EXPECT_EQ(keys.check("Bearer test "), std::nullopt);
  EXPECT_EQ(keys.check("test"), std::nullopt);
  EXPECT_EQ(keys.check(""), std::nullopt);
  EXPECT_EQ(keys.check(std::string("Bearer ") + kTest), std::nullopt);
}

TEST(ApiKeys, WithoutAnyEverybodyIsLetIn) {
  EXPECT_FALSE(ApiKeys().required());
  EXPECT_EQ(ApiKeys().check(""), "");
}

TEST(ApiKeys, AFileThatIsNoneIsRefusedByLine) {
  for (const std::string& text :
       {std::string("alice"), std::string("alice 12"), std::string("alice ") + kTest + " more",
        std::string("alice g") + (kTest + 1), std::string()}) {
    EXPECT_THROW(ApiKeys::parse(text, "keys"), Error) << text;
  }
  try {
    ApiKeys::parse("# first\nalice secret\n", "keys");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("keys:2: "));
    EXPECT_THAT(error.what(), Not(HasSubstr("secret")));
  }
}

// A folder was a fault of the program's own.
TEST(ApiKeys, AFolderIsNoFileOfKeys) {
  for (const auto& [path, why] :
       {std::pair{"/", "--api-key-file: /: is a directory: name a file in it"},
        {"/nonexistent",
         "--api-key-file: /nonexistent: cannot be read: No such file or directory: "
         "check the name"}}) {
    try {
      ApiKeys::read(path);
      FAIL();
    } catch (const Error& error) {
      EXPECT_STREQ(error.what(), why);
      EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
    }
  }
}

bool ready(const EventQueue& queue) {
  pollfd fd{queue.ready_fd(), POLLIN, 0};
  return poll(&fd, 1, 0) == 1;
}

TEST(EventQueue, ASlowReaderSeesTheLatestState) {
  EventQueue queue;
  EXPECT_FALSE(ready(queue));
  queue.put_progress({.sections = 1, .memory_changed = true, .memory = "one", .section = 0});
  queue.put_progress({.sections = 2});
  queue.put_progress({.sections = 3});
  EXPECT_TRUE(ready(queue));
  EventQueue::Events events = queue.take();
  ASSERT_TRUE(events.progress);
  EXPECT_EQ(events.progress->sections, 3);
  EXPECT_TRUE(events.progress->memory_changed);
  EXPECT_EQ(events.progress->memory, "one");
  EXPECT_FALSE(ready(queue));
  queue.put_progress({.sections = 4, .memory_changed = true, .memory = "two"});
  queue.put_outcome({.text = "answer"});
  EXPECT_FALSE(queue.ended());
  events = queue.take();
  EXPECT_EQ(events.progress->memory, "two");
  EXPECT_EQ(events.outcome->text, "answer");
  EXPECT_TRUE(queue.ended());
  EXPECT_FALSE(queue.take().outcome);
}

std::vector<TitledSource> parts(const std::vector<std::pair<std::string, std::string>>& texts) {
  std::vector<TitledSource> result;
  for (const auto& [title, text] : texts) result.push_back({title, text_source(text)});
  return result;
}

TEST(JoinedSource, ReadsPartsUnderHeadings) {
  const auto source = joined_source(parts({{"user", "one"}, {"file", "two\n"}}), "name");
  const std::string expected = "# user\n\none\n\n# file\n\ntwo\n";
  EXPECT_EQ(source->total_bytes(), static_cast<std::int64_t>(expected.size()));
  EXPECT_EQ(test::read_all(*source), expected);
  source->rewind();
  EXPECT_EQ(test::read_all(*source), expected);
}

TEST(JoinedSource, OnePartHasNoHeading) {
  EXPECT_EQ(test::read_all(*joined_source(parts({{"user", "one"}}), "name")), "one");
  EXPECT_EQ(test::read_all(*joined_source({}, "name")), "");
}

TEST(Replies, TextIsCutAtTheFirstStop) {
  EXPECT_EQ(cut_at_stop("one two three", {"three", "two"}), "one ");
  EXPECT_EQ(cut_at_stop("one", {"two"}), "one");
  EXPECT_EQ(cut_at_stop("one", {}), "one");
}

TEST(Metrics, ArePrometheusText) {
  Metrics metrics;
  RequestRecord record;
  record.route = "/health";
  record.status = 200;
  metrics.count(record, 0.001);
  metrics.count(record, 0.2);
  record.status = 401;
  metrics.count(record, 1e6);
  const std::string text = metrics.text({.active = 3, .sections = 7}, 2);
  EXPECT_THAT(text, HasSubstr("memagent_requests_total{route=\"/health\",status=\"200\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("memagent_requests_total{route=\"/health\",status=\"401\"} 1\n"));
  // Buckets count what is at most their bound: 0.001 s, then 0.2 s, then nothing below 1e6 s.
  EXPECT_THAT(text, HasSubstr("bucket{route=\"/health\",le=\"0.005\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("bucket{route=\"/health\",le=\"0.5\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("bucket{route=\"/health\",le=\"14400\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("bucket{route=\"/health\",le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("memagent_readings_active 3\n"));
  EXPECT_THAT(text, HasSubstr("memagent_sections_total 7\n"));
}

}  // namespace
}  // namespace memagent
