#include "format/html_page.h"

#include "base/check.h"

namespace memagent {

std::string page_with_data(std::string_view page, std::string_view place, std::string_view json) {
  const std::size_t at = page.find(place);
  MEMAGENT_CHECK(at != std::string_view::npos, "the page has no {}", place);
  std::string html;
  html.reserve(page.size() + json.size() + json.size() / 16);
  html += page.substr(0, at);
  for (const char c : json) {
    // In JSON "<" stands only within strings, where \u003c is the same character.
    if (c == '<') {
      html += "\\u003c";
    } else {
      html += c;
    }
  }
  html += page.substr(at + place.size());
  return html;
}

}  // namespace memagent
