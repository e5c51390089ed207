#include "doctor/diagnosis.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/address.h"
#include "base/clock.h"
#include "wire/types.h"

namespace nxgate::doctor {
namespace {

using testing::HasSubstr;
using testing::Not;

ProbeResult of(const char* server, Reaction reaction, Milliseconds elapsed,
               wire::Rcode rcode = wire::Rcode::kNxDomain) {
  return {.server = {*IpAddress::parse(server), 53},
          .reaction = reaction,
          .rcode = rcode,
          .elapsed = elapsed};
}

/// Of a container on a network of its own, whose resolver says `lookup` in the end.
Findings on_docker(ProbeResult lookup, Reaction outside) {
  Findings findings{.label = "web", .attach_argument = "web"};
  findings.routes.v4 = true;
  findings.servers = {of("127.0.0.11", lookup.reaction, Milliseconds(4000), lookup.rcode)};
  findings.external = {{.result = of("8.8.8.8", outside, Milliseconds(4000)), .guessed = true}};
  findings.lookup = lookup;
  return findings;
}

std::string text_of(const Findings& findings) {
  std::string text;
  for (const std::string& sentence : diagnose(findings).verdict) text += sentence + "\n";
  return text;
}

TEST(Diagnosis, SilentOutside) {
  const auto findings =
      on_docker(of("127.0.0.11", Reaction::kSilent, Milliseconds(10'000)), Reaction::kSilent);
  EXPECT_THAT(
      text_of(findings),
      HasSubstr("127.0.0.11 forwards to 8.8.8.8 (its fallback) from inside this namespace: no "
                "answer in 4.0 s."));
  EXPECT_THAT(text_of(findings), HasSubstr("the program tries again: 2 times 5.0 s each"));
  EXPECT_EQ(diagnose(findings).cure, "nxgate attach web --allow NAME --upstream ADDRESS");
}

TEST(Diagnosis, ANewerEngineSaysServfailInTheEnd) {
  const auto findings =
      on_docker(of("127.0.0.11", Reaction::kAnswered, Milliseconds(8000), wire::Rcode::kServFail),
                Reaction::kSilent);
  EXPECT_THAT(text_of(findings), HasSubstr("SERVFAIL in 8.0 s"));
  EXPECT_THAT(text_of(findings), Not(HasSubstr("doesn't answer in that time")));
}

TEST(Diagnosis, PortUnreachable) {
  const auto findings =
      on_docker(of("127.0.0.11", Reaction::kSilent, Milliseconds(10'000)), Reaction::kRefused);
  EXPECT_THAT(text_of(findings), HasSubstr("port unreachable, no server is listening"));
}

TEST(Diagnosis, NoRoute) {
  Findings findings{.label = "web", .attach_argument = "--pid 7"};
  findings.servers = {of("8.8.8.8", Reaction::kNoRoute, Milliseconds(0))};
  findings.lookup = findings.servers.front();
  EXPECT_THAT(text_of(findings), HasSubstr("This namespace has no default route."));
  EXPECT_THAT(diagnose(findings).cure, HasSubstr("attach --pid 7"));
}

TEST(Diagnosis, Healthy) {
  Findings findings{.label = "web", .attach_argument = "web"};
  findings.lookup = of("127.0.0.11", Reaction::kAnswered, Milliseconds(3));
  EXPECT_TRUE(diagnose(findings).healthy);
  EXPECT_EQ(text_of(findings), "Lookups are healthy: NXDOMAIN in 3 ms.\n");
  EXPECT_EQ(diagnose(findings).cure, "");
}

/// Of a container that is attached, whose lookup ends like this.
Findings attached(Reaction reaction, wire::Rcode rcode = wire::Rcode::kNxDomain) {
  Findings findings = on_docker(of("127.0.0.11", reaction, Milliseconds(4000), rcode), reaction);
  findings.gate = GateState::kServed;
  findings.gate_owner = 4711;
  return findings;
}

TEST(Diagnosis, RulesThatKeepAQueryFromTheGateAreNamed) {
  Findings findings = attached(Reaction::kBlocked);
  findings.dropping = {"chain OUTPUT of table ip filter (policy drop)"};
  EXPECT_THAT(text_of(findings), HasSubstr("dropped by a rule in this namespace"));
  EXPECT_THAT(text_of(findings), HasSubstr("attached by the nxgate with pid 4711."));
  EXPECT_THAT(text_of(findings), HasSubstr("chain OUTPUT of table ip filter (policy drop)."));
  EXPECT_THAT(text_of(findings), Not(HasSubstr("127.0.0.11 forwards to")));
  EXPECT_THAT(diagnose(findings).cure, HasSubstr("port 53"));
}

TEST(Diagnosis, WhatNxgateAnswersIsNotAboutRules) {
  Findings findings = attached(Reaction::kAnswered, wire::Rcode::kServFail);
  findings.dropping = {"chain OUTPUT of table ip filter (policy drop)"};
  EXPECT_THAT(text_of(findings), HasSubstr("nxgate itself answers so."));
  EXPECT_EQ(diagnose(findings).cure, "nxgate status");
}

TEST(Diagnosis, AGateWithoutItsNxgateIsTold) {
  Findings findings = attached(Reaction::kRefused);
  findings.gate = GateState::kAbandoned;
  EXPECT_THAT(text_of(findings), HasSubstr("by an nxgate that has ended (pid 4711)"));
  EXPECT_EQ(diagnose(findings).cure, "start nxgate again, or: nxgate detach web");
}

TEST(Diagnosis, SlowThoughAnswered) {
  const auto findings =
      on_docker(of("127.0.0.11", Reaction::kAnswered, Milliseconds(4000)), Reaction::kSilent);
  EXPECT_FALSE(diagnose(findings).healthy);
}

TEST(Diagnosis, TheHostsNetworkIsCuredElsewhere) {
  Findings findings{.label = "web", .attach_argument = "web", .host_network = true};
  findings.lookup = of("8.8.8.8", Reaction::kSilent, Milliseconds(10'000));
  EXPECT_THAT(text_of(findings), HasSubstr("fix /etc/resolv.conf on the host"));
  EXPECT_EQ(diagnose(findings).cure, "");
}

}  // namespace
}  // namespace nxgate::doctor
