// Limits of keys: the window sums on a clock of the test's own, what a key file may say, and the
// server over HTTP.
#include "server/key_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "memagent/error.h"
#include "server/api_error.h"
#include "server/api_keys.h"
#include "server/serving.h"

namespace memagent::test {
namespace {

using nlohmann::json;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kChat = "/v1/chat/completions";

TEST(SlidingSum, ForgetsWhatIsOlderThanItsLength) {
  SlidingSum sum{minutes(1)};
  sum.add(milliseconds(500), 2);
  sum.add(milliseconds(1500), 3);
  EXPECT_EQ(sum.sum(milliseconds(60'999)), 5);
  // The slot of the first second is over a minute old as a whole from 61 s on.
  EXPECT_EQ(sum.sum(milliseconds(61'000)), 3);
  EXPECT_EQ(sum.sum(milliseconds(61'999)), 3);
  EXPECT_EQ(sum.sum(milliseconds(62'000)), 0);
  sum.add(hours(1), 1);
  EXPECT_EQ(sum.sum(hours(1)), 1);
}

TEST(SlidingSum, TellsWhenThereIsRoomAgain) {
  SlidingSum sum{minutes(1)};
  EXPECT_EQ(sum.until_below(1, seconds(7)), milliseconds(0));
  sum.add(seconds(10), 2);
  sum.add(seconds(20), 2);
  EXPECT_EQ(sum.until_below(5, seconds(30)), milliseconds(0));
  // Below 4 or 3 once what came at 10 s is forgotten at 71 s; below 2 at 81 s.
  EXPECT_EQ(sum.until_below(4, seconds(30)), seconds(41));
  EXPECT_EQ(sum.until_below(3, seconds(30)), seconds(41));
  EXPECT_EQ(sum.until_below(2, seconds(30)), seconds(51));
}

// Against a sum over all that was added: never less than what the window had, and never more than
// what the window and one slot before it had.
TEST(SlidingSum, AgreesWithAListOfAllThereWas) {
  SlidingSum sum{minutes(1)};
  std::vector<std::pair<std::int64_t, std::int64_t>> all;
  std::uint32_t random = 1;
  std::int64_t now = 0;
  for (int i = 0; i < 5000; ++i) {
    random = random * 1664525U + 1013904223U;
    now += (random >> 16) % ((random >> 8) % 64 == 0 ? 70'000 : 900);
    all.emplace_back(now, 1 + random % 3);
    sum.add(milliseconds(now), all.back().second);
    std::int64_t least = 0;
    std::int64_t most = 0;
    for (const auto& [when, amount] : all) {
      if (when > now - 60'000) least += amount;
      if (when > now - 61'000) most += amount;
    }
    const std::int64_t told = sum.sum(milliseconds(now));
    ASSERT_GE(told, least) << i;
    ASSERT_LE(told, most) << i;
    // It is as it says: room at that time, and none a millisecond before.
    const std::int64_t limit = std::max<std::int64_t>(1, told / 2);
    const milliseconds wait = sum.until_below(limit, milliseconds(now));
    SlidingSum later = sum;
    ASSERT_LT(later.sum(milliseconds(now) + wait), limit) << i;
    later = sum;
    ASSERT_TRUE(wait.count() == 0 ||
                later.sum(milliseconds(now) + wait - milliseconds(1)) >= limit);
  }
}

struct Refusal {
  std::string message = "let in";
  seconds retry_after{0};
};

class Limits : public testing::Test {
 protected:
  explicit Limits(KeyLimit limit = {}) : limit_(limit) {}
  Refusal ask(const std::string& key = "alice") {
    try {
      use = limits_->admit(key);
      return {};
    } catch (const ApiError& error) {
      EXPECT_EQ(error.status(), 429);
      EXPECT_EQ(error.code(), "rate_limit_exceeded");
      return {error.what(), error.retry_after()};
    }
  }
  void limit(KeyLimit limit) {
    limits_.emplace(std::map<std::string, KeyLimit>{{"alice", limit}, {"bob", {}}},
                    [this] { return now; });
  }
  KeyTotals totals(std::size_t key = 0) { return limits_->totals().at(key); }

  milliseconds now = hours(1000);
  std::optional<KeyLimits> limits_;
  std::shared_ptr<KeyUse> use;
  KeyLimit limit_;
};

TEST_F(Limits, OfRequestsUnderWay) {
  limit({.in_flight = 2});
  const auto first = limits_->admit("alice");
  auto second = limits_->admit("alice");
  EXPECT_EQ(totals().in_flight, 2);
  EXPECT_THAT(ask().message, HasSubstr("in_flight: this key may have 2 requests under way"));
  EXPECT_EQ(ask("bob").message, "let in");
  second.reset();
  EXPECT_EQ(ask().message, "let in");
  EXPECT_EQ(totals().requests, 3);
  EXPECT_EQ(totals().refused[0], 1);
}

TEST_F(Limits, OfRequestsInAMinuteAndADay) {
  limit({.requests_per_minute = 2, .requests_per_day = 3});
  EXPECT_EQ(ask().message, "let in");
  now += seconds(10);
  EXPECT_EQ(ask().message, "let in");
  now += seconds(1);
  const Refusal minute = ask();
  EXPECT_THAT(minute.message, HasSubstr("requests_per_minute: this key may make 2 requests"));
  EXPECT_EQ(minute.retry_after, seconds(50));  // 61 s after the first, of which 11 are over
  now += minute.retry_after - milliseconds(1);
  EXPECT_NE(ask().message, "let in");
  now += milliseconds(1);
  EXPECT_EQ(ask().message, "let in");
  now += minutes(5);
  const Refusal day = ask();
  EXPECT_THAT(day.message, HasSubstr("requests_per_day"));
  EXPECT_GT(day.retry_after, hours(23));
  EXPECT_LE(day.retry_after, hours(24) + minutes(24));
  EXPECT_EQ(totals().refused[1], 2);
  EXPECT_EQ(totals().refused[2], 1);
}

TEST_F(Limits, OfTokensAsTheyAreUsed) {
  limit({.tokens_per_minute = 1000});
  EXPECT_EQ(ask().message, "let in");
  use->add_tokens(900, 99);
  EXPECT_EQ(ask().message, "let in");  // one token is left
  use->add_tokens(5000, 1);            // nothing under way is ended for it
  const Refusal refusal = ask();
  EXPECT_THAT(refusal.message, HasSubstr("tokens_per_minute: this key may use 1000 tokens"));
  EXPECT_GT(refusal.retry_after, seconds(50));
  EXPECT_EQ(ask("bob").message, "let in");
  EXPECT_EQ(totals().prompt_tokens, 5900);
  EXPECT_EQ(totals().generated_tokens, 100);
  EXPECT_EQ(totals(1).prompt_tokens, 0);
}

TEST_F(Limits, AreNotThoseOfWhoeverHasNoKey) {
  limit({.in_flight = 1});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limits_->admit(""), nullptr);
}

// printf test | sha256sum; printf test2 | sha256sum (coreutils 9.1).
const std::string kTest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const std::string kTest2 = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752";

TEST(KeyFile, SaysWhatAKeyMay) {
  const ApiKeys keys = ApiKeys::parse(
      "alice " + kTest + " in_flight=4 requests_per_minute=60\ttokens_per_day=5000000\nbob " +
          kTest2 + " operator\n",
      "keys");
  EXPECT_EQ(keys.limits().at("alice"),
            (KeyLimit{.in_flight = 4, .requests_per_minute = 60, .tokens_per_day = 5'000'000}));
  EXPECT_EQ(keys.limits().at("bob"), KeyLimit{});
  EXPECT_FALSE(keys.is_operator("alice"));
  EXPECT_TRUE(keys.is_operator("bob"));
}

TEST(KeyFile, SaysItOfTheHolderOfSeveralKeysOnce) {
  const std::string old_key = "alice " + kTest + " in_flight=4\n";
  EXPECT_NO_THROW(ApiKeys::parse(old_key + "alice " + kTest2 + " in_flight=4", "keys"));
  EXPECT_THROW(ApiKeys::parse(old_key + "alice " + kTest2, "keys"), Error);
}

TEST(KeyFile, IsRefusedWhereALimitIsNone) {
  for (const char* words :
       {"in_flight", "in_flight=", "in_flight=0", "in_flight=-1", "in_flight=x", "in_flight=4x",
        "in_flight=99999999999999999999", "tokens_per_hour=4", "=4", "Operator"}) {
    EXPECT_THROW(ApiKeys::parse("alice " + kTest + " " + words, "keys"), Error) << words;
  }
  for (const char* name : {"a\"b", "a\\b", "\xC3\xA9"}) {
    EXPECT_THROW(ApiKeys::parse(name + (" " + kTest), "keys"), Error) << name;
  }
}

std::string hello(const std::string&) { return "hello"; }

httplib::Result ask(const Serving& serving, const char* key, const json& body = chat("Hello")) {
  const httplib::Headers headers = {{"Authorization", std::string("Bearer ") + key}};
  return serving.client().Post(kChat, headers, body.dump(), "application/json");
}

std::string metrics_of(const Serving& serving, const char* key) {
  const httplib::Headers headers = {{"Authorization", std::string("Bearer ") + key}};
  return serving.client().Get("/metrics", headers)->body;
}

TEST(ServerLimits, MoreIsRefusedWithWhenToTryAgain) {
  const Serving serving(hello, [](ServerOptions& options) {
    options.keys =
        ApiKeys::parse("alice " + kTest + " requests_per_day=1\nbob " + kTest2 + " operator", "k");
  });
  EXPECT_EQ(ask(serving, "test")->status, 200);
  const auto refused = ask(serving, "test");
  EXPECT_EQ(refused->status, 429);
  EXPECT_GT(std::stoi(refused->get_header_value("Retry-After")), 23 * 3600);
  const json error = json::parse(refused->body)["error"];
  EXPECT_EQ(error["type"], "rate_limit_error");
  EXPECT_EQ(error["code"], "rate_limit_exceeded");
  EXPECT_THAT(error["message"].get<std::string>(), HasSubstr("requests_per_day"));
  EXPECT_EQ(ask(serving, "test2")->status, 200);
  EXPECT_EQ(ask(serving, "test2")->status, 200);
}

TEST(ServerLimits, ABodyThatIsNotWelcomeIsNotRead) {
  const Serving serving(hello, [](ServerOptions& options) {
    options.keys = ApiKeys::parse("alice " + kTest + " requests_per_day=1", "k");
  });
  EXPECT_EQ(ask(serving, "test")->status, 200);
  const RawClient client(serving.port());
  client.send("POST " + std::string(kChat) +
              " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer test\r\nContent-Type: "
              "application/json\r\nContent-Length: 1000000\r\n\r\n");
  EXPECT_THAT(client.read_to_end(), testing::StartsWith("HTTP/1.1 429"));
}

// Bodies take memory, so whoever may have one request under way may send one body.
TEST(ServerLimits, ABodyThatArrivesIsUnderWay) {
  const Serving serving(hello, [](ServerOptions& options) {
    options.keys = ApiKeys::parse("alice " + kTest + " in_flight=1", "k");
  });
  {
    const RawClient sending(serving.port());
    sending.send("POST " + std::string(kChat) +
                 " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer test\r\nContent-Type: "
                 "application/json\r\nContent-Length: 1000000\r\n\r\n{");
    while (metrics_of(serving, "test").find("key_in_flight{key=\"alice\"} 1\n") ==
           std::string::npos) {
      std::this_thread::yield();
    }
    EXPECT_EQ(ask(serving, "test")->status, 429);
  }
  while (metrics_of(serving, "test").find("key_in_flight{key=\"alice\"} 0\n") ==
         std::string::npos) {
    std::this_thread::yield();
  }
  EXPECT_EQ(ask(serving, "test")->status, 200);
}

TEST(ServerLimits, OfWhatIsUnderWayEndWithIt) {
  Serving serving(hello, [](ServerOptions& options) {
    options.keys = ApiKeys::parse("alice " + kTest + " in_flight=1", "k");
  });
  serving.model.hold();
  std::thread first([&] { EXPECT_EQ(ask(serving, "test")->status, 200); });
  serving.model.wait_for_running(1);
  const auto refused = ask(serving, "test");
  EXPECT_EQ(refused->status, 429);
  EXPECT_EQ(refused->get_header_value("Retry-After"), "1");
  serving.model.release();
  first.join();
  EXPECT_EQ(ask(serving, "test")->status, 200);
  EXPECT_EQ(ask(serving, "test", json::array())->status, 400);  // it is not counted as under way
  EXPECT_EQ(ask(serving, "test")->status, 200);
}

TEST(ServerLimits, MetricsTellEachItsOwnAndTheOperatorAll) {
  const Serving serving(hello, [](ServerOptions& options) {
    options.keys =
        ApiKeys::parse("alice " + kTest + " requests_per_day=1\nbob " + kTest2 + " operator", "k");
  });
  ask(serving, "test");
  ask(serving, "test");
  ask(serving, "test2");
  const std::string all = metrics_of(serving, "test2");
  EXPECT_THAT(all, HasSubstr("memagent_key_requests_total{key=\"alice\"} 1\n"));
  EXPECT_THAT(all, HasSubstr("memagent_key_requests_total{key=\"bob\"} 1\n"));
  EXPECT_THAT(
      all, HasSubstr("memagent_key_refused_total{key=\"alice\",limit=\"requests_per_day\"} 1\n"));
  // "Hello" and an empty line; "hello" and the end token.
  EXPECT_THAT(all, HasSubstr("memagent_key_prompt_tokens_total{key=\"alice\"} 7\n"));
  EXPECT_THAT(all, HasSubstr("memagent_key_generated_tokens_total{key=\"alice\"} 6\n"));
  EXPECT_THAT(all, HasSubstr("memagent_key_in_flight{key=\"alice\"} 0\n"));
  const std::string own = metrics_of(serving, "test");
  EXPECT_THAT(own, HasSubstr("{key=\"alice\"} 1\n"));
  EXPECT_THAT(own, Not(HasSubstr("bob")));
  // Neither a key nor its hash, nor a part of it that could be looked for.
  for (const std::string& text : {all, own}) {
    EXPECT_THAT(text, Not(HasSubstr(kTest.substr(0, 8))));
    EXPECT_THAT(text, Not(HasSubstr("test")));
  }
}

// A reading's tokens count while it is read, not when it ends.
TEST(ServerLimits, CountAReadingAsItGoes) {
  Serving serving(hello, [](ServerOptions& options) {
    options.keys = ApiKeys::parse("alice " + kTest + " tokens_per_day=30", "k");
  });
  json body = chat("Who?");
  body["memagent"] = {{"document", std::string(60, 'a')}};
  body["stream"] = true;
  serving.model.hold();
  std::thread reading([&] { EXPECT_EQ(ask(serving, "test", body)->status, 200); });
  serving.model.wait_for_running(1);
  EXPECT_THAT(metrics_of(serving, "test"),
              HasSubstr("memagent_key_prompt_tokens_total{key=\"alice\"} 0\n"));
  serving.model.release_one();
  serving.model.wait_for_submitted(2);
  // The first update: "Q:Who? M:none S:", 20 of the document and a newline.
  const std::string metrics = metrics_of(serving, "test");
  EXPECT_THAT(metrics, HasSubstr("memagent_prompt_tokens_total 37\n"));
  const bool counted =
      metrics.find("memagent_key_prompt_tokens_total{key=\"alice\"} 37\n") != std::string::npos;
  EXPECT_TRUE(counted) << metrics;
  if (counted) {
    EXPECT_EQ(ask(serving, "test")->status, 429);
  }
  serving.model.release();
  reading.join();  // it was not ended for it
}

}  // namespace
}  // namespace memagent::test
