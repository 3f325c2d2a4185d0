// Where processes that train together meet: torchrun's variables, and the way to each other.
#include "train/rendezvous.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "memagent/error.h"

namespace memagent {
namespace {

class Environment : public testing::Test {
 protected:
  Environment() { clear(); }
  ~Environment() override { clear(); }
  static void set(const char* name, const char* value) { ::setenv(name, value, 1); }
  static void clear() {
    for (const char* name :
         {"WORLD_SIZE", "RANK", "MASTER_PORT", "MASTER_ADDR", "GLOO_SOCKET_IFNAME",
          "TORCHELASTIC_USE_AGENT_STORE", "TORCHELASTIC_RESTART_COUNT"}) {
      ::unsetenv(name);
    }
  }
};

TEST_F(Environment, IsChecked) {
  EXPECT_EQ(rendezvous_from_environment().world_size, 1);
  set("WORLD_SIZE", "2");
  EXPECT_THROW(rendezvous_from_environment(), Error);
  set("RANK", "2");
  set("MASTER_PORT", "29501");
  set("MASTER_ADDR", "127.0.0.1");
  EXPECT_THROW(rendezvous_from_environment(), Error);  // ranks are 0 and 1
  set("RANK", "1");
  const Rendezvous rendezvous = rendezvous_from_environment();
  EXPECT_EQ(rendezvous.rank, 1);
  EXPECT_EQ(rendezvous.world_size, 2);
  EXPECT_EQ(rendezvous.port, 29501);
  EXPECT_FALSE(rendezvous.store_is_kept);
  EXPECT_THAT(rendezvous.interfaces, testing::IsEmpty());
  set("MASTER_PORT", "x");
  EXPECT_THROW(rendezvous_from_environment(), Error);
}

TEST_F(Environment, MayBeTorchrunsWithAStoreOfItsOwn) {
  set("WORLD_SIZE", "2");
  set("RANK", "0");
  set("MASTER_PORT", "29501");
  set("MASTER_ADDR", "node1");
  set("TORCHELASTIC_USE_AGENT_STORE", "True");
  set("TORCHELASTIC_RESTART_COUNT", "3");
  set("GLOO_SOCKET_IFNAME", "eth0,ib0");
  const Rendezvous rendezvous = rendezvous_from_environment();
  EXPECT_TRUE(rendezvous.store_is_kept);
  EXPECT_EQ(rendezvous.attempt, "3");
  EXPECT_THAT(rendezvous.interfaces, testing::ElementsAre("eth0", "ib0"));
  set("TORCHELASTIC_USE_AGENT_STORE", "False");
  EXPECT_FALSE(rendezvous_from_environment().store_is_kept);
}

TEST(OwnAddress, IsTheOneThatLeadsThere) {
  EXPECT_EQ(own_address_towards("127.0.0.1", 29500), "127.0.0.1");
  try {
    own_address_towards("no such host", 29500);
    ADD_FAILURE() << "found it";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kModel);
    EXPECT_THAT(error.what(), testing::HasSubstr("MASTER_ADDR=no such host"));
  }
}

}  // namespace
}  // namespace memagent
