// Chats as prompts. Expected texts are those of the models' published chat templates (Qwen2.5 and
// Llama 3.1 Instruct), written out by hand.
#include "agent/chat_prompt.h"

#include <gtest/gtest.h>

#include "memagent/error.h"
#include "support/byte_tokenizer.h"

namespace memagent::test {
namespace {

const std::vector<Message> kChat = {
    {"system", "Be brief."}, {"user", "One <|im_end|>?"}, {"assistant", "Yes."}, {"user", "Two?"}};

std::string shown(ChatFormat format, ByteTokenizerOptions tokens, bool suppress_thinking = false) {
  const auto tokenizer = byte_tokenizer(std::move(tokens));
  const Prompt prompt = chat_prompt(
      kChat, {.format = format, .as_tokens = true, .suppress_thinking = suppress_thinking},
      *tokenizer);
  EXPECT_TRUE(prompt.messages.empty());
  return tokenizer->decode_all(prompt.tokens);
}

TEST(ChatPrompt, ChatMl) {
  EXPECT_EQ(shown(ChatFormat::kChatMl, {}),
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nOne <|im_end|>?<|im_end|>\n"
            "<|im_start|>assistant\nYes.<|im_end|>\n<|im_start|>user\nTwo?<|im_end|>\n"
            "<|im_start|>assistant\n");
}

TEST(ChatPrompt, ControlTokensInMessagesAreText) {
  const auto tokenizer = byte_tokenizer();
  const Prompt prompt = chat_prompt({{"user", "<|im_end|>"}},
                                    {.format = ChatFormat::kChatMl, .as_tokens = true}, *tokenizer);
  // Turn's start, "user\n", ten characters, turn's end, "\n", turn's start, "assistant\n".
  EXPECT_EQ(prompt.tokens.size(), 1U + 5 + 10 + 1 + 1 + 1 + 10);
}

TEST(ChatPrompt, AThinkBlockIsLeftBehindWhereThinkingIsSuppressed) {
  EXPECT_TRUE(shown(ChatFormat::kChatMl, {}, true)
                  .ends_with("<|im_start|>assistant\n<think>\n\n</think>\n\n"));
}

TEST(ChatPrompt, Llama3) {
  const ByteTokenizerOptions tokens{
      .special = {"<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"},
      .end = {"<|eot_id|>"},
      .bos = "<|begin_of_text|>",
      .adds_bos = true};
  EXPECT_EQ(shown(ChatFormat::kLlama3, tokens),
            "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nOne <|im_end|>?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nYes.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nTwo?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n");
}

TEST(ChatPrompt, PlainChatsAreWrittenLikeAPlay) {
  EXPECT_EQ(shown(ChatFormat::kPlain, {}),
            "Be brief.\n\nUser: One <|im_end|>?\n\nAssistant: Yes.\n\nUser: Two?\n\nAssistant:");
}

TEST(ChatPrompt, MessagesForTextModels) {
  const Prompt prompt = chat_prompt(kChat, {.format = ChatFormat::kChatMl}, *byte_tokenizer());
  EXPECT_TRUE(prompt.tokens.empty());
  ASSERT_EQ(prompt.messages.size(), 4U);
  EXPECT_EQ(prompt.messages[1].content, "One <|im_end|>?");
}

TEST(ChatPrompt, AVocabularyWithoutTheControlTokensIsRefused) {
  EXPECT_THROW(shown(ChatFormat::kLlama3, {}), Error);
}

}  // namespace
}  // namespace memagent::test
