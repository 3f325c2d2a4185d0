// The report as one file: whatever a document or a model wrote, the page stays the page.
#include "eval/report_html.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "eval/report_template.h"
#include "memagent/error.h"

namespace memagent {
namespace {

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos;
       at = text.find(what, at + what.size())) {
    ++found;
  }
  return found;
}

// What a browser takes for the text of the element "report".
std::string embedded_json(const std::string& html) {
  const std::string open = "<script type=\"application/json\" id=\"report\">";
  const std::size_t begin = html.find(open) + open.size();
  return html.substr(begin, html.find("</script", begin) - begin);
}

ErrorKind kind_of(const std::string& json) {
  try {
    report_html(json);
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    return error.kind();
  }
  ADD_FAILURE() << "accepted: " << json;
  return ErrorKind::kInterrupted;
}

class ReportHtml : public testing::Test {
 protected:
  void SetUp() override {
    if (kReportTemplate.empty()) GTEST_SKIP() << "built with -DMEMAGENT_WEB=OFF";
  }
};

TEST_F(ReportHtml, ThePageHasOnePlaceForTheReport) {
  EXPECT_EQ(count(kReportTemplate, "%REPORT%"), 1U);
  EXPECT_LT(kReportTemplate.size(), 500U * 1024);
}

TEST_F(ReportHtml, ThePageMayLoadNothing) {
  EXPECT_EQ(count(kReportTemplate, "default-src 'none'; script-src 'sha256-"), 1U);
  EXPECT_EQ(count(kReportTemplate, "<script"), 2U);
  EXPECT_EQ(count(kReportTemplate, " src="), 0U);
}

TEST_F(ReportHtml, HoldsTheReport) {
  const std::string json = R"({"model": "m", "cells": [{"score": 0.5}]})";
  EXPECT_EQ(embedded_json(report_html(json)), json);
}

TEST_F(ReportHtml, HostileTextStaysText) {
  nlohmann::json report;
  report["rows"] = {{{"question", "</script><script>alert(1)</script>"},
                     {"response", "<!-- <script> </SCRIPT\n> ]]> \\u003c/script>"},
                     {"memory", "%REPORT% $& \\1 @X@ \" \\"}}};
  const std::string html = report_html(report.dump());
  EXPECT_EQ(count(html, "<script"), 2U);
  EXPECT_EQ(count(html, "</script"), 2U);
  EXPECT_EQ(count(html, "<!--"), count(kReportTemplate, "<!--"));
  EXPECT_EQ(nlohmann::json::parse(embedded_json(html)), report);
}

// The place is looked for in the page, not in what was put there.
TEST_F(ReportHtml, AReportThatNamesThePlaceIsNotFilledAgain) {
  const std::string html = report_html(R"({"model": "%REPORT%"})");
  EXPECT_EQ(count(html, "%REPORT%"), 1U);
  EXPECT_EQ(embedded_json(html), R"({"model": "%REPORT%"})");
}

TEST_F(ReportHtml, WhatIsNotAJsonObjectIsRefused) {
  for (const std::string& json :
       {std::string(), std::string("   "), std::string("[]"), std::string("\"text\""),
        std::string("{"), std::string("{} {}"), std::string("{\"a\": \"\xff\"}"),
        std::string("{\"a\": \"\0\"}", 10), std::string("</script>{}")}) {
    EXPECT_EQ(kind_of(json), ErrorKind::kBadInput) << json;
  }
}

TEST_F(ReportHtml, DeepJsonDoesNotOverflowTheStack) {
  const std::string deep = "{\"a\":" + std::string(200000, '[') + std::string(200000, ']') + "}";
  EXPECT_GT(report_html(deep).size(), deep.size());
}

TEST(ReportHtmlWithoutPages, SaysSo) {
  if (!kReportTemplate.empty()) GTEST_SKIP() << "built with web pages";
  EXPECT_EQ(kind_of("{}"), ErrorKind::kUsage);
}

}  // namespace
}  // namespace memagent
