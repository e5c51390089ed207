#include "cli/roff.h"

#include <gtest/gtest.h>

namespace nxgate::cli::roff {
namespace {

TEST(Roff, EscapesWhatMeansSomething) {
  EXPECT_EQ(escape("--allow"), "\\-\\-allow");
  EXPECT_EQ(escape(".TH is no macro"), "\\&.TH is no macro");
  EXPECT_EQ(escape("'quoted'"), "\\(aqquoted\\(aq");
  EXPECT_EQ(escape("a\\b \"c\""), "a\\eb \\(dqc\\(dq");
  EXPECT_EQ(escape("two\nlines"), "two lines");
  EXPECT_EQ(escape("~ ^ `"), "\\(ti \\(ha \\(ga");
}

TEST(Roff, MarkdownBecomesFonts) {
  EXPECT_EQ(paragraph("run `nxgate -v`."), "run \\fBnxgate \\-v\\fR.\n");
  EXPECT_EQ(paragraph("is *sealed*, not `*.name`"), "is \\fIsealed\\fR, not \\fB*.name\\fR\n");
}

TEST(Roff, MarksWithoutAnEndStandForThemselves) {
  EXPECT_EQ(paragraph("a ` b"), "a \\(ga b\n");
  EXPECT_EQ(paragraph("2 * 3 and *x"), "2 * 3 and *x\n");
  EXPECT_EQ(paragraph(".hidden"), "\\&.hidden\n");
}

TEST(Roff, ExamplesKeepTheirLines) {
  EXPECT_EQ(example("a -b\n\n.c\n"), ".PP\n.RS 4\n.nf\na \\-b\n\n\\&.c\n.fi\n.RE\n");
}

}  // namespace
}  // namespace nxgate::cli::roff
