// What the page of a run is made of; how it looks, tests/web tries in a browser.
#include "train/run_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace memagent {
namespace {

using Json = nlohmann::json;

TEST(RunPage, NeighbouringStepsBecomeTheirMean) {
  const std::string log =
      "{\"step\":1,\"stage\":\"a\",\"right\":{\"keep\":0.5}}\n"
      "{\"step\":2,\"stage\":\"a\",\"right\":{\"keep\":1.0,\"update\":0.25}}\n"
      "{\"step\":3,\"stage\":\"b\",\"right\":{}}\n"
      "not a line of a log\n"
      "{\"step\":4,\"sta";
  const auto thinned = thinned_log(log, 2);
  ASSERT_EQ(thinned.size(), 2U);
  // (1 + 2) / 2, (0.5 + 1) / 2, and what one line alone has.
  EXPECT_EQ(Json::parse(thinned[0]),
            Json::parse(R"({"step":1.5,"stage":"a","right":{"keep":0.75,"update":0.25}})"));
  EXPECT_EQ(Json::parse(thinned[1]), Json::parse(R"({"step":3.0,"stage":"b","right":{}})"));
  EXPECT_EQ(thinned_log(log, 3).size(), 3U);
  EXPECT_TRUE(thinned_log("", 3).empty());
}

TEST(RunPage, SamplesAreTheBestAndTheWorstOfAGroup) {
  Group group;
  group.row.task = "vt";
  group.row.answers = {"A"};
  for (const double reward : {0.5, 1.0, 0.25, 1.0}) {
    RolledOut rolled;
    rolled.reward = reward;
    Conversation said;
    said.section_index = 3;
    said.decision = Decision::kKeep;
    said.memory.text = "cut \xC3";  // within a character
    rolled.trajectory.conversations = {said};
    group.trajectories.push_back(std::move(rolled));
  }
  Group equal = group;
  for (RolledOut& rolled : equal.trajectories) rolled.reward = 0;
  const Json samples = Json::parse(sample_trajectories({group, equal}));
  ASSERT_EQ(samples.size(), 2U);
  const Json& trajectories = samples[0].at("trajectories");
  ASSERT_EQ(trajectories.size(), 2U);
  EXPECT_EQ(trajectories[0].at("reward"), 1.0);
  EXPECT_EQ(trajectories[1].at("reward"), 0.25);
  EXPECT_EQ(trajectories[0].at("conversations").at(0).at("decision"), "keep");
  EXPECT_EQ(trajectories[0].at("conversations").at(0).at("memory"), "cut \xEF\xBF\xBD");
  EXPECT_EQ(samples[1].at("trajectories").size(), 1U);
}

}  // namespace
}  // namespace memagent
