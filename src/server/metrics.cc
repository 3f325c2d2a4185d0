#include "server/metrics.h"

#include <fmt/format.h>

#include <algorithm>

namespace memagent {

void Metrics::count(const RequestRecord& record, double seconds) {
  const std::lock_guard lock(mutex_);
  ++requests_[{record.route, record.status}];
  Durations& durations = durations_[record.route];
  const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
  ++durations.counts[static_cast<std::size_t>(bound - kBounds.begin())];
  durations.sum += seconds;
  ++durations.count;
}

namespace {

std::string family_head(const char* name, const char* type, const char* help) {
  return fmt::format("# HELP memagent_{0} {2}\n# TYPE memagent_{0} {1}\n", name, type, help);
}

// Names of keys are such that they can stand in labels as they are.
std::string keys_text(std::span<const KeyTotals> keys) {
  if (keys.empty()) return "";
  std::string text;
  const auto family = [&](const char* name, const char* type, const char* help, auto value) {
    text += family_head(name, type, help);
    for (const KeyTotals& key : keys) {
      text += fmt::format("memagent_{}{{key=\"{}\"}} {}\n", name, key.name, value(key));
    }
  };
  family("key_in_flight", "gauge", "Requests to the model under way.",
         [](const KeyTotals& key) { return key.in_flight; });
  family("key_requests_total", "counter", "Requests to the model that were let in.",
         [](const KeyTotals& key) { return key.requests; });
  family("key_prompt_tokens_total", "counter", "Prompt tokens given to the model.",
         [](const KeyTotals& key) { return key.prompt_tokens; });
  family("key_generated_tokens_total", "counter", "Tokens the model generated.",
         [](const KeyTotals& key) { return key.generated_tokens; });
  text += family_head("key_refused_total", "counter", "Requests refused, by the limit they met.");
  for (const KeyTotals& key : keys) {
    for (std::size_t i = 0; i < kKeyLimitFields.size(); ++i) {
      text += fmt::format("memagent_key_refused_total{{key=\"{}\",limit=\"{}\"}} {}\n", key.name,
                          kKeyLimitFields[i].name, key.refused[i]);
    }
  }
  return text;
}

}  // namespace

std::string Metrics::text(const ReadingTotals& totals, std::size_t connections,
                          std::span<const KeyTotals> keys) const {
  std::string text;
  const auto family = [&](const char* name, const char* type, const char* help) {
    text += family_head(name, type, help);
  };
  const auto single = [&](const char* name, const char* type, const char* help,
                          std::int64_t value) {
    family(name, type, help);
    text += fmt::format("memagent_{} {}\n", name, value);
  };
  const std::lock_guard lock(mutex_);
  family("requests_total", "counter", "Requests answered.");
  for (const auto& [key, count] : requests_) {
    text += fmt::format("memagent_requests_total{{route=\"{}\",status=\"{}\"}} {}\n", key.first,
                        key.second, count);
  }
  family("request_seconds", "histogram", "From a request's first byte to its reply's last.");
  for (const auto& [route, durations] : durations_) {
    std::int64_t so_far = 0;
    for (std::size_t i = 0; i < kBounds.size(); ++i) {
      so_far += durations.counts[i];
      text += fmt::format("memagent_request_seconds_bucket{{route=\"{}\",le=\"{}\"}} {}\n", route,
                          kBounds[i], so_far);
    }
    text += fmt::format("memagent_request_seconds_bucket{{route=\"{}\",le=\"+Inf\"}} {}\n", route,
                        durations.count);
    text += fmt::format("memagent_request_seconds_sum{{route=\"{}\"}} {}\n", route, durations.sum);
    text +=
        fmt::format("memagent_request_seconds_count{{route=\"{}\"}} {}\n", route, durations.count);
  }
  single("connections", "gauge", "Open connections.", static_cast<std::int64_t>(connections));
  single("readings_active", "gauge", "Readings and chats under way.",
         static_cast<std::int64_t>(totals.active));
  family("readings_total", "counter", "Readings and chats that have ended.");
  text += fmt::format("memagent_readings_total{{outcome=\"finished\"}} {}\n", totals.finished);
  text += fmt::format("memagent_readings_total{{outcome=\"failed\"}} {}\n", totals.failed);
  text += fmt::format("memagent_readings_total{{outcome=\"cancelled\"}} {}\n", totals.cancelled);
  single("sections_total", "counter", "Sections read.", totals.sections);
  single("document_tokens_total", "counter", "Tokens of documents read.", totals.document_tokens);
  single("prompt_tokens_total", "counter", "Prompt tokens given to the model.",
         totals.prompt_tokens);
  single("cached_prompt_tokens_total", "counter", "Of those, found in its cache.",
         totals.cached_prompt_tokens);
  single("generated_tokens_total", "counter", "Tokens the model generated.",
         totals.generated_tokens);
  return text + keys_text(keys);
}

}  // namespace memagent
