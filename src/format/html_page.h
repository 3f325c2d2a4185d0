// A page that the build made of a folder of web/, with the data that it shows.
#pragma once

#include <string>
#include <string_view>

namespace memagent {

// `page` with `json` where `place` stands, which is within a <script> element of its own. The text
// can neither end that element nor open a comment in it, whatever its strings hold.
std::string page_with_data(std::string_view page, std::string_view place, std::string_view json);

}  // namespace memagent
