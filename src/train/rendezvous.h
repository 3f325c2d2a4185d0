// Where processes that train together meet, by torchrun's variables.
//
// Either torchrun keeps the store through which they find one another, or it leaves that to rank 0,
// as everybody does who sets the variables without it. Knows sockets, not LibTorch.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace memagent {

struct Rendezvous {
  int rank = 0;
  int world_size = 1;
  std::string address = "127.0.0.1";  // of the store
  int port = 29500;
  // How long the slowest process may keep the others waiting.
  std::chrono::seconds timeout{1800};
  // TORCHELASTIC_USE_AGENT_STORE: somebody else keeps the store, and not rank 0.
  bool store_is_kept = false;
  // TORCHELASTIC_RESTART_COUNT. A store that is kept outlives its processes: those that are started
  // again do not meet what others left there.
  std::string attempt = "0";
  // GLOO_SOCKET_IFNAME: the network interfaces to talk over. Empty: the one that leads to
  // `address`.
  std::vector<std::string> interfaces = {};
};

// One process unless WORLD_SIZE is set. Throws Error(kUsage) naming a variable that is missing or
// makes no sense.
Rendezvous rendezvous_from_environment();

// This machine's own address on the way to `host`, in numbers. On Debian a machine's name stands
// for 127.0.1.1, where no other machine reaches it, so that its own name does not tell. Throws
// Error(kModel) for a name that stands for no address.
std::string own_address_towards(const std::string& host, int port);

}  // namespace memagent
