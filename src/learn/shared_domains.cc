#include "learn/shared_domains.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "learn/labels.h"
#include "policy/rule.h"
#include "wire/name.h"

namespace nxgate::learn {
namespace {

/// Names above suffixes of the list's private section that are no suffix themselves, which libpsl
/// can't be asked for, and some clouds that the list lacks. Sorted.
constexpr auto kAbovePublicSuffixes = std::to_array<std::string_view>({
    "aliyuncs.com",
    "amazonaws.com",
    "amazonaws.com.cn",
    "amune.org",
    "aseinet.ne.jp",
    "atlassian-dev.net",
    "axarnet.cloud",
    "azure.com",
    "azure.net",
    "azurefd.net",
    "backblazeb2.com",
    "banzaicloud.io",
    "beebyte.io",
    "beebyteapp.io",
    "bigv.io",
    "brendly.rs",
    "bytemark.co.uk",
    "cdn77-secure.org",
    "cdn77.net",
    "cdn77.org",
    "cldmail.ru",
    "cloudlets.com.au",
    "cloudplatform.fi",
    "code.com",
    "cosidns.de",
    "dappnode.io",
    "datacenter.fi",
    "datadetect.com",
    "dnstrace.pro",
    "dogado.eu",
    "elastx.net",
    "encoway.cloud",
    "enscaled.us",
    "evennode.com",
    "fastly.net",
    "fbsbx.com",
    "fedoraproject.org",
    "flow.ch",
    "forgerock.io",
    "funkfeuer.at",
    "googleusercontent.com",
    "her.name",
    "his.name",
    "hosted-by-previder.com",
    "hosteur.com",
    "hs-heilbronn.de",
    "ik-server.com",
    "interhostsolutions.be",
    "jelastic.cloud",
    "jelastic.com",
    "jelastic.vps-host.net",
    "jenv-aruba.cloud",
    "joyent.com",
    "kazteleport.kz",
    "kuleuven.be",
    "lair.io",
    "layershift.co.uk",
    "linode.com",
    "linodeusercontent.com",
    "lmpm.com",
    "localcert.dev",
    "massivegrid.com",
    "massivegrid.net",
    "metacentrum.cz",
    "muni.cz",
    "myqcloud.com",
    "mythic-beasts.com",
    "nabu.casa",
    "neen.it",
    "nodeart.io",
    "nospamproxy.com",
    "observableusercontent.com",
    "oraclecloud.com",
    "ortsinfo.at",
    "ovh.net",
    "paba.se",
    "party.eus",
    "platform.sh",
    "prgmr.com",
    "quickconnect.cn",
    "quickconnect.to",
    "reclaim.cloud",
    "regruhosting.ru",
    "render.com",
    "resinstaging.io",
    "retrosnub.co.uk",
    "rit.edu",
    "saveincloud.net",
    "scaleforce.com.cy",
    "scaleforce.net",
    "scw.cloud",
    "sharepoint.com",
    "spawn.cc",
    "speedpartner.de",
    "srcf.net",
    "stdlib.com",
    "tailscale.net",
    "tb-hosting.com",
    "teckids.org",
    "thingdust.io",
    "tim.it",
    "transip.me",
    "trendhosting.cloud",
    "tsukaeru.net",
    "typeform.com",
    "unispace.io",
    "vbrplsbx.io",
    "virtualcloud.com.br",
    "wafaicloud.com",
    "wasabisys.com",
    "wiardweb.com",
    "windows.net",
});
static_assert(std::ranges::is_sorted(kAbovePublicSuffixes));

/// Whether the list has a rule for all labels in front of the name (`*.compute.amazonaws.com`).
bool is_above_wildcard(const wire::DomainName& suffix) {
  constexpr std::array<std::uint8_t, 8> kProbe{'n', 'x', '-', 'p', 'r', 'o', 'b', 'e'};
  const auto below = suffix.with_label(kProbe);
  return below && policy::is_public_suffix(below->wire());
}

}  // namespace

bool is_shared(const wire::DomainName& suffix) {
  if (policy::is_public_suffix(suffix.wire()) || is_above_wildcard(suffix)) return true;
  const Labels labels(suffix);
  for (std::size_t depth = labels.count(); depth > 0; --depth) {
    // Below a public suffix a name is one party's, whoever runs the suffix.
    if (policy::is_public_suffix(labels.suffix(depth))) return false;
    const std::string text = labels.suffix_name(depth).to_text();
    if (std::ranges::binary_search(kAbovePublicSuffixes, text)) return true;
  }
  return false;
}

}  // namespace nxgate::learn
