// Expected events follow the WHATWG HTML standard, section 9.2.6, and its examples.
#include "model/remote/sse.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/random.h"

namespace memagent {
namespace {

using Events = std::vector<std::string>;

Events parse(std::string_view bytes, std::size_t piece = std::string_view::npos) {
  SseParser parser(1 << 20);
  Events events;
  while (!bytes.empty()) {
    parser.feed(bytes.substr(0, piece), [&](std::string_view data) {
      events.emplace_back(data);
      return true;
    });
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  return events;
}

TEST(Sse, StandardExamples) {
  EXPECT_EQ(parse("data: YHOO\ndata: +2\ndata: 10\n\n"), Events{"YHOO\n+2\n10"});
  EXPECT_EQ(parse(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n"
                  "data:  third event\n\n"),
            (Events{"first event", "second event", " third event"}));
  EXPECT_EQ(parse("data\n\ndata\ndata\n\ndata:"), (Events{"", "\n"}));
  EXPECT_EQ(parse("data:test\n\ndata: test\n\n"), (Events{"test", "test"}));
}

TEST(Sse, EveryLineEndAndAByteOrderMark) {
  EXPECT_EQ(parse("\xEF\xBB\xBF"
                  "data: a\r\n\r\ndata: b\r\rdata: c\n\n"),
            (Events{"a", "b", "c"}));
  EXPECT_EQ(parse("event: error\r\ndata: x\r\nretry: 5\r\n\r\n"), Events{"x"});
}

TEST(Sse, AnyPiecesGiveTheSameEvents) {
  std::string stream;
  RandomStream draw(7);
  const std::string ends[] = {"\n", "\r\n", "\r"};
  for (int i = 0; i < 200; ++i) {
    const std::string& end = ends[draw.below(3)];
    if (draw.below(4) == 0) stream += ": comment" + end;
    for (std::uint64_t n = draw.below(3); n > 0; --n) {
      stream += "data: " + std::to_string(draw.next()) + end;
    }
    stream += end;
  }
  const Events whole = parse(stream);
  EXPECT_GT(whole.size(), 50U);
  for (const std::size_t piece : {1, 2, 3, 7, 64}) EXPECT_EQ(parse(stream, piece), whole) << piece;
}

TEST(Sse, StopsWhereToldAndAtTheLimit) {
  SseParser parser(100);
  int events = 0;
  const auto once = [&](std::string_view) { return ++events < 1; };
  EXPECT_FALSE(parser.feed("data: a\n\ndata: b\n\n", once));
  EXPECT_FALSE(parser.feed("data: c\n\n", once));
  EXPECT_EQ(events, 1);
  SseParser small(100);
  EXPECT_FALSE(small.feed("data: " + std::string(200, 'x'), once));
  EXPECT_TRUE(small.too_large());
  SseParser many(100);
  std::string lines;
  for (int i = 0; i < 30; ++i) lines += "data: 12345\n";
  EXPECT_FALSE(many.feed(lines, once)) << "many lines of one event count together";
  EXPECT_TRUE(many.too_large());
}

}  // namespace
}  // namespace memagent
