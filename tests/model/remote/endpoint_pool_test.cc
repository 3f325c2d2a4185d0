// Balancing and health on a clock made up by the tests.
#include "model/remote/endpoint_pool.h"

#include <gtest/gtest.h>

namespace memagent {
namespace {

using std::chrono::milliseconds;

class EndpointPoolTest : public testing::Test {
 protected:
  static constexpr BackOff kBackOff{milliseconds(100), milliseconds(1000)};
  EndpointPool pool(std::size_t endpoints, int most = 100) {
    return {endpoints, kBackOff, most, [] { return 1.0; }};  // waits without jitter
  }
  void pass(int ms) { now_ += milliseconds(ms); }
  Clock::time_point now_ = Clock::time_point(std::chrono::hours(1));
};

TEST_F(EndpointPoolTest, NextRequestGoesWhereFewestAreOutstanding) {
  EndpointPool two = pool(2);
  const auto a = two.begin(now_);
  const auto b = two.begin(now_);
  ASSERT_TRUE(a && b);
  EXPECT_NE(a->endpoint, b->endpoint);
  const auto c = two.begin(now_);
  const auto d = two.begin(now_);
  ASSERT_TRUE(c && d);
  EXPECT_NE(c->endpoint, d->endpoint);
  two.succeeded(*(a->endpoint == 1 ? a : b));
  two.succeeded(*(c->endpoint == 1 ? c : d));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(two.begin(now_)->endpoint, 1U);
}

TEST_F(EndpointPoolTest, RefusedConnectionPutsAsideUntilProbedAndTried) {
  EndpointPool two = pool(2);
  auto ticket = two.begin(now_);
  const std::size_t dead = ticket->endpoint;
  two.failed(*ticket, EndpointFailure::kConnect, now_);
  for (int i = 0; i < 10; ++i) EXPECT_NE(two.begin(now_)->endpoint, dead);
  pass(99);
  EXPECT_TRUE(two.due_probes(now_).empty());
  EXPECT_EQ(two.next_change(now_), now_ + milliseconds(1));
  pass(1);
  EXPECT_EQ(two.due_probes(now_), std::vector<std::size_t>{dead});
  EXPECT_TRUE(two.due_probes(now_).empty()) << "a probe is under way";
  EXPECT_NE(two.begin(now_)->endpoint, dead);
  two.probe_failed(dead, now_);
  pass(199);
  EXPECT_TRUE(two.due_probes(now_).empty()) << "the wait has doubled";
  pass(1);
  EXPECT_EQ(two.due_probes(now_).size(), 1U);
  two.probe_succeeded(dead);
  const auto trial = two.begin(now_);
  ASSERT_EQ(trial->endpoint, dead);
  EXPECT_NE(two.begin(now_)->endpoint, dead) << "one request at a time is on trial";
  two.succeeded(*trial);
  EXPECT_EQ(two.begin(now_)->endpoint, dead) << "it is back, and has the fewest outstanding";
}

TEST_F(EndpointPoolTest, FailedTrialPutsAsideForLonger) {
  EndpointPool one = pool(1);
  one.failed(*one.begin(now_), EndpointFailure::kConnect, now_);
  pass(100);
  ASSERT_EQ(one.due_probes(now_).size(), 1U);
  one.probe_succeeded(0);
  one.failed(*one.begin(now_), EndpointFailure::kOther, now_);
  EXPECT_FALSE(one.begin(now_));
  EXPECT_EQ(one.next_change(now_), now_ + milliseconds(200));
}

TEST_F(EndpointPoolTest, CancelledTrialLeavesThePlaceToTheNext) {
  EndpointPool one = pool(1);
  one.failed(*one.begin(now_), EndpointFailure::kConnect, now_);
  pass(100);
  ASSERT_EQ(one.due_probes(now_).size(), 1U);
  one.probe_succeeded(0);
  const auto trial = one.begin(now_);
  EXPECT_FALSE(one.begin(now_));
  one.ended(*trial);
  EXPECT_TRUE(one.begin(now_));
}

TEST_F(EndpointPoolTest, SingleFailuresAmongSuccessesPutNothingAside) {
  EndpointPool one = pool(1);
  for (int i = 0; i < 20; ++i) {
    one.failed(*one.begin(now_), EndpointFailure::kOther, now_);
    one.failed(*one.begin(now_), EndpointFailure::kOther, now_);
    one.succeeded(*one.begin(now_));
  }
  EXPECT_TRUE(one.begin(now_));
  for (int i = 0; i < 3; ++i) one.failed(*one.begin(now_), EndpointFailure::kOther, now_);
  EXPECT_FALSE(one.begin(now_)) << "three in a row do";
}

TEST_F(EndpointPoolTest, RequestsThatFailTogetherCountOnce) {
  EndpointPool one = pool(1, 1000);
  std::vector<EndpointPool::Ticket> tickets;
  for (int i = 0; i < 1000; ++i) tickets.push_back(*one.begin(now_));
  for (const auto& ticket : tickets) one.failed(ticket, EndpointFailure::kConnect, now_);
  EXPECT_EQ(one.next_change(now_), now_ + milliseconds(100)) << "the first wait, not the longest";
  EXPECT_EQ(one.lost_rounds(), 1U);
}

TEST_F(EndpointPoolTest, LateSuccessBringsAnEndpointBack) {
  EndpointPool one = pool(1);
  const auto slow = one.begin(now_);
  one.failed(*one.begin(now_), EndpointFailure::kConnect, now_);
  EXPECT_FALSE(one.begin(now_));
  one.succeeded(*slow);
  EXPECT_TRUE(one.begin(now_));
}

TEST_F(EndpointPoolTest, OverloadHalvesTheShareOnceAndSuccessRaisesIt) {
  EndpointPool one = pool(1, 16);
  std::vector<EndpointPool::Ticket> tickets;
  while (const auto ticket = one.begin(now_)) tickets.push_back(*ticket);
  ASSERT_EQ(tickets.size(), 16U);
  for (const auto& ticket : tickets) one.failed(ticket, EndpointFailure::kOverload, now_);
  tickets.clear();
  while (const auto ticket = one.begin(now_)) tickets.push_back(*ticket);
  EXPECT_EQ(tickets.size(), 8U);
  for (const auto& ticket : tickets) one.succeeded(ticket);
  tickets.clear();
  while (const auto ticket = one.begin(now_)) tickets.push_back(*ticket);
  EXPECT_EQ(tickets.size(), 9U) << "a round of successes is worth one more";
}

TEST_F(EndpointPoolTest, PausedEndpointGetsNothingUntilThen) {
  EndpointPool two = pool(2);
  two.pause(0, now_ + milliseconds(5000));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(two.begin(now_)->endpoint, 1U);
  EXPECT_EQ(two.next_change(now_), now_ + milliseconds(5000));
  pass(5000);
  EXPECT_EQ(two.begin(now_)->endpoint, 0U);
}

TEST_F(EndpointPoolTest, AvoidsTheEndpointThatFailedWhereThereIsAnother) {
  EndpointPool two = pool(2);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(two.begin(now_, 0U)->endpoint, 1U);
  EndpointPool one = pool(1);
  EXPECT_TRUE(one.begin(now_, 0U));
}

TEST_F(EndpointPoolTest, LostRoundsCountTheSlowestEndpoint) {
  EndpointPool two = pool(2);
  const auto a = two.begin(now_);
  const auto b = two.begin(now_);
  two.failed(*a, EndpointFailure::kConnect, now_);
  EXPECT_EQ(two.lost_rounds(), 0U) << "the other is up";
  two.failed(*b, EndpointFailure::kConnect, now_);
  EXPECT_EQ(two.lost_rounds(), 1U);
  pass(100);
  ASSERT_EQ(two.due_probes(now_).size(), 2U);
  two.probe_failed(0, now_);
  EXPECT_EQ(two.lost_rounds(), 1U);
  two.probe_failed(1, now_);
  EXPECT_EQ(two.lost_rounds(), 2U);
}

}  // namespace
}  // namespace memagent
