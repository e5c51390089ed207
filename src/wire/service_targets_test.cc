#include "wire/service_targets.h"

#include <cstdint>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "wire/name.h"
#include "wire/types.h"

namespace nxgate::wire {
namespace {

using Octets = std::vector<std::uint8_t>;
using Targets = std::vector<ServiceTarget>;

DomainName name(std::string_view text) { return DomainName::from_text(text).value(); }

Octets operator+(Octets left, const DomainName& right) {
  left.insert(left.end(), right.wire().begin(), right.wire().end());
  return left;
}
Octets operator+(Octets left, const Octets& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

/// A record whose owner is a pointer to the question.
Octets record(Type type, const Octets& rdata) {
  const auto number = static_cast<std::uint16_t>(type);
  return Octets{0xc0,
                12,
                static_cast<std::uint8_t>(number >> 8),
                static_cast<std::uint8_t>(number),
                0,
                1,
                0,
                0,
                0,
                60,
                0,
                static_cast<std::uint8_t>(rdata.size())} +
         rdata;
}

TEST(ServiceTargets, OfEachType) {
  const DomainName host = name("host.example");
  const auto of = [](Type type, const Octets& rdata) {
    return service_targets(record(type, rdata), 1, type);
  };
  EXPECT_EQ(of(Type::kSrv, Octets{0, 1, 0, 2, 0x14, 0x66} + host), (Targets{{host, 5222}}));
  EXPECT_EQ(of(Type::kMx, Octets{0, 10} + host), (Targets{{host, 0}}));
  EXPECT_EQ(of(Type::kHttps, Octets{0, 0} + host), (Targets{{host, 0}})) << "an alias";
  const Octets parameters{0, 1, 0, 3, 2, 'h', '2', 0, 3, 0, 2, 0x20, 0xfb};
  EXPECT_EQ(of(Type::kHttps, Octets{0, 1} + host + parameters), (Targets{{host, 8443}}));
  EXPECT_EQ(of(Type::kSvcb, Octets{0, 1} + host + parameters), (Targets{{host, 8443}}));
  EXPECT_EQ(of(Type::kNaptr, Octets{0, 1, 0, 2, 1, 'a', 3, 's', 'i', 'p', 0} + host),
            (Targets{{host, 0}}));
}

TEST(ServiceTargets, TheRootIsNone) {
  EXPECT_TRUE(service_targets(record(Type::kSrv, {0, 0, 0, 0, 0, 0, 0}), 1, Type::kSrv).empty());
  EXPECT_TRUE(service_targets(record(Type::kHttps, {0, 1, 0}), 1, Type::kHttps).empty());
}

TEST(ServiceTargets, ChainsAndOtherTypesArePassedOver) {
  const DomainName host = name("host.example");
  const Octets body = record(Type::kCname, Octets{} + name("alias.example")) +
                      (Octets{} + name("alias.example") +
                       Octets{0, 33, 0, 1, 0, 0, 0, 60, 0, 20, 0, 1, 0, 2, 0x14, 0x66} + host);
  EXPECT_EQ(service_targets(body, 2, Type::kSrv), (Targets{{host, 5222}}));
  EXPECT_TRUE(service_targets(body, 2, Type::kMx).empty());
  EXPECT_FALSE(has_service_targets(Type::kA));
}

TEST(ServiceTargets, AnyCutIsHarmless) {
  const Octets body =
      record(Type::kNaptr, Octets{0, 1, 0, 2, 1, 'a', 3, 's', 'i', 'p', 0} + name("host.example"));
  for (std::size_t size = 0; size < body.size(); ++size) {
    EXPECT_TRUE(service_targets(Bytes(body).first(size), 1, Type::kNaptr).empty()) << size;
  }
}

}  // namespace
}  // namespace nxgate::wire
