// Do many sessions in a store slow it? Each operation with a few sessions in the store, and again
// with many.
//
//   store_bench STORE [FEW MANY]        a new file, or postgres://... of an empty database
//
// Per operation: the median of 200 calls in microseconds (of list: of 5, of a part of it: of 20).
// Sessions are those of a question over a document of a few hundred sections that is half read: a
// state of 4 KB, and conversations of 6 KB. A tenth of them wait for workers, where the store has
// any. The last line is one JSON object.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "memagent/error.h"
#include "memagent/session_store.h"

namespace memagent {
namespace {

using Clock = std::chrono::steady_clock;

const std::string kState(4096, 's');
const std::string kLine(6144, 'l');

double median_us(int calls, const std::function<void(int)>& call) {
  std::vector<double> times;
  for (int i = 0; i < calls; ++i) {
    const Clock::time_point begin = Clock::now();
    call(i);
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
  }
  std::nth_element(times.begin(), times.begin() + calls / 2, times.end());
  return times[static_cast<std::size_t>(calls / 2)];
}

SessionSpec spec() {
  SessionSpec spec;
  spec.settings_json = R"({"model":"m","policy":"gated","section_tokens":5000})";
  spec.questions = {"Who signed the contract?"};
  spec.document = {"contracts.txt", 1 << 20, 1};
  return spec;
}

void fill(SessionStore& store, int from, int to) {
  for (int i = from; i < to; ++i) {
    Session session = store.open(fmt::format("filled-{}", i), spec());
    for (int step = 0; step < 3; ++step) session.commit(0, kState, kLine);
    if (store.shared() && i % 10 == 0) {
      session.queue("nobody asks for these");
    } else {
      session.finish();
    }
  }
}

nlohmann::ordered_json measure(SessionStore& store, const std::string& prefix) {
  constexpr int kCalls = 200;
  nlohmann::ordered_json us;
  us["begin"] =
      median_us(kCalls, [&](int i) { store.open(fmt::format("{}-{}", prefix, i), spec()); });
  {
    Session session = store.open(prefix + "-0", spec());
    us["step"] = median_us(kCalls, [&](int) { session.commit(0, kState, kLine); });
  }
  us["find"] = median_us(kCalls, [&](int i) { store.find(fmt::format("{}-{}", prefix, i)); });
  if (store.shared()) {
    for (int i = 0; i < kCalls; ++i) {
      store.open(fmt::format("{}-{}", prefix, i), spec()).queue(prefix);
    }
    std::vector<Session> taken;
    us["take"] = median_us(kCalls, [&](int) { taken.push_back(*store.take(prefix)); });
  }
  us["list"] = median_us(5, [&](int) { store.list(); });
  us["list 100"] = median_us(20, [&](int) { store.list({.most = 100}); });
  us["older 100"] =
      median_us(20, [&](int) { store.list({.begun_before = prefix + "-0", .most = 100}); });
  us["remove"] = median_us(kCalls, [&](int i) { store.remove(fmt::format("{}-{}", prefix, i)); });
  return us;
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments.size() == 2 || arguments.size() > 3) {
    fmt::print(stderr, "store_bench: STORE [FEW MANY]\n");
    return 2;
  }
  const int few = arguments.size() > 1 ? std::atoi(arguments[1].c_str()) : 100;
  const int many = arguments.size() > 2 ? std::atoi(arguments[2].c_str()) : 10'000;
  SessionStore store(arguments[0]);
  nlohmann::ordered_json result = {{"store", store.shared() ? "postgres" : "sqlite"}};
  fill(store, 0, few);
  measure(store, "warm-up");
  result[std::to_string(few)] = measure(store, "few");
  fill(store, few, many);
  result[std::to_string(many)] = measure(store, "many");
  fmt::print("{:10} {:>12} {:>12}\n", "us", few, many);
  for (const auto& [name, value] : result[std::to_string(few)].items()) {
    fmt::print("{:10} {:12.0f} {:12.0f}\n", name, value.get<double>(),
               result[std::to_string(many)][name].get<double>());
  }
  fmt::print("{}\n", result.dump());
  return 0;
}

}  // namespace
}  // namespace memagent

int main(int argc, char** argv) {
  try {
    return memagent::run({argv + 1, argv + argc});
  } catch (const memagent::Error& error) {
    fmt::print(stderr, "store_bench: {}\n", error.what());
    return memagent::exit_code(error.kind());
  }
}
