#include "text/tiktoken.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <unordered_map>

namespace memagent {
namespace {

const std::string kScript = MEMAGENT_SOURCE_DIR "/tests/npm/tiktoken.mjs";

std::string scratch_file(const std::string& name) {
  const std::filesystem::path folder = MEMAGENT_BINARY_DIR "/tests/text/scratch";
  std::filesystem::create_directories(folder);
  return (folder / name).string();
}

void run(const std::string& arguments) {
  const std::string command = fmt::format("node '{}' {}", kScript, arguments);
  if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

std::string from_base64(std::string_view text) {
  std::string out;
  unsigned bits = 0;
  int count = 0;
  for (const char c : text) {
    int value = -1;
    if (c >= 'A' && c <= 'Z') value = c - 'A';
    if (c >= 'a' && c <= 'z') value = c - 'a' + 26;
    if (c >= '0' && c <= '9') value = c - '0' + 52;
    if (c == '+') value = 62;
    if (c == '/') value = 63;
    if (value < 0) break;
    bits = (bits << 6) | static_cast<unsigned>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>((bits >> count) & 0xFF);
    }
  }
  return out;
}

}  // namespace

bool have_tiktoken() {
  return std::filesystem::exists(MEMAGENT_SOURCE_DIR "/tests/npm/node_modules/tiktoken") &&
         std::system("node --version > /dev/null 2>&1") == 0;
}

std::string in_byte_alphabet(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    const int byte = static_cast<unsigned char>(c);
    int point = byte;
    if (byte <= 0x20) point = 0x100 + byte;
    if (byte >= 0x7F && byte <= 0xA0) point = 0x121 + (byte - 0x7F);
    if (byte == 0xAD) point = 0x143;
    if (point < 0x80) {
      out += static_cast<char>(point);
    } else {
      out += static_cast<char>(0xC0 | (point >> 6));
      out += static_cast<char>(0x80 | (point & 0x3F));
    }
  }
  return out;
}

Vocabulary tiktoken_vocabulary(const std::string& encoding, const std::string& pre_tokenizer) {
  const std::string path = scratch_file(encoding + ".ranks");
  run(fmt::format("ranks {} '{}'", encoding, path));
  std::istringstream lines(read_file(path));
  std::vector<std::string> tokens;
  std::unordered_map<std::string, int> ranks;
  for (std::string line; std::getline(lines, line);) {
    tokens.push_back(from_base64(line));
    ranks.emplace(tokens.back(), static_cast<int>(ranks.size()));
  }
  Vocabulary vocabulary;
  vocabulary.pre_tokenizer = pre_tokenizer;
  for (std::size_t rank = 0; rank < tokens.size(); ++rank) {
    vocabulary.tokens.push_back(in_byte_alphabet(tokens[rank]));
    std::vector<std::string> parts;
    for (const char byte : tokens[rank]) parts.emplace_back(1, byte);
    while (parts.size() > 2) {
      int best_rank = static_cast<int>(rank);
      std::size_t best = parts.size();
      for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
        const auto found = ranks.find(parts[i] + parts[i + 1]);
        if (found != ranks.end() && found->second < best_rank) {
          best_rank = found->second;
          best = i;
        }
      }
      if (best == parts.size()) break;
      parts[best] += parts[best + 1];
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    }
    if (parts.size() != 2) continue;
    vocabulary.merges.push_back(in_byte_alphabet(parts[0]) + " " + in_byte_alphabet(parts[1]));
  }
  vocabulary.types.assign(vocabulary.tokens.size(), TokenType::kNormal);
  vocabulary.tokens.emplace_back("<|endoftext|>");
  vocabulary.types.push_back(TokenType::kControl);
  vocabulary.eos = static_cast<TokenId>(vocabulary.tokens.size()) - 1;
  return vocabulary;
}

std::vector<TokenId> tiktoken_encode(const std::string& encoding, std::string_view text) {
  const std::string text_path = scratch_file(encoding + ".txt");
  const std::string ids_path = scratch_file(encoding + ".ids");
  std::ofstream(text_path, std::ios::binary) << text;
  run(fmt::format("encode {} '{}' '{}'", encoding, text_path, ids_path));
  const std::string bytes = read_file(ids_path);
  std::vector<TokenId> ids(bytes.size() / sizeof(TokenId));
  std::copy_n(bytes.data(), ids.size() * sizeof(TokenId), reinterpret_cast<char*>(ids.data()));
  return ids;
}

}  // namespace memagent
