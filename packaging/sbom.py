"""What the static program is made of, as SPDX 2.3: sbom.py BUILD VERSION DATE [SYSROOT].

The linker tells which archives it was given (nxgate_static.d), ninja which headers were read, and dpkg
to which packages they belong. DATE is in seconds since 1970; SYSROOT has the libraries and the packages of
another architecture (packaging/sysroot.sh).
"""
import datetime
import json
import re
import subprocess
import sys
from pathlib import Path

#: What Debian calls a licence, and what SPDX does.
LICENCES = {"Expat": "MIT", "MIT": "MIT", "ISC": "ISC", "BSL-1.0": "BSL-1.0", "BSD-3-clause": "BSD-3-Clause",
            "BSD-3-Clause": "BSD-3-Clause", "Apache-2.0": "Apache-2.0", "LGPL-2.1": "LGPL-2.1-only",
            "LGPL-2.1+": "LGPL-2.1-or-later"}
UNKNOWN = "NOASSERTION"


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class System:
    """Whose libraries were linked: this machine's, or those of a sysroot."""

    def __init__(self, root=""):
        self.root = root and str(Path(root).resolve())
        self._database = [f"--admindir={self.root}/var/lib/dpkg"]

    def asked(self, *arguments):
        """What dpkg-query prints, of what it finds."""
        return subprocess.run(["dpkg-query", *self._database, *arguments], capture_output=True, text=True,
                              check=False).stdout


def linked(build, system):
    """Files of the system that went into the program."""
    archives = (build / "nxgate_static.d").read_text().replace("\\\n", " ").split()
    # A paragraph an object: its name, and the files it was made from.
    objects = output("ninja", "-C", str(build), "-t", "deps").split("\n\n")
    headers = {line.strip() for each in objects if each.startswith("CMakeFiles/nxgate_")
               for line in each.splitlines()[1:]}
    files = {str(Path(each).resolve()) for each in {*archives, *headers} if each.startswith("/")}
    return {each for each in files if each.startswith(f"{system.root}/usr/")}


def packages_of(files, system):
    """The names of the packages that own them."""
    found = set()
    ordered = sorted(files)
    for start in range(0, len(ordered), 1000):
        told = system.asked("-S", *ordered[start:start + 1000])
        found |= {line.split(": ")[0] for line in told.splitlines() if not line.startswith("diversion ")}
    return sorted(name for names in found for name in names.split(", "))


def licence(package, system):
    """That of most of its files, where its copyright file is one for machines."""
    path = Path(f"{system.root}/usr/share/doc/{package.split(':')[0]}/copyright")
    text = path.read_text(errors="replace") if path.exists() else ""
    stated = re.search(r"^Files: *\*\s(?:.*\n)*?^License: *(\S+) *$", text, re.M)
    return LICENCES.get(stated[1], UNKNOWN) if stated else UNKNOWN


def described(package, system):
    name, version, architecture = system.asked(
        "-W", "-f", "${Package} ${Version} ${Architecture}", package).split()
    return {
        "name": name,
        "SPDXID": "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", name),
        "versionInfo": version,
        "supplier": "Organization: Debian",
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": False,
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": licence(package, system),
        "copyrightText": UNKNOWN,
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
            "referenceLocator": f"pkg:deb/debian/{name}@{version}?arch={architecture}"}],
    }


def document(build, version, date, system):
    parts = [described(each, system) for each in packages_of(linked(build, system), system)]
    ours = {"name": "nxgate", "SPDXID": "SPDXRef-nxgate", "versionInfo": version,
            "supplier": "Organization: The nxgate authors", "downloadLocation": UNKNOWN,
            "filesAnalyzed": False, "licenseConcluded": "MIT", "licenseDeclared": "MIT",
            "copyrightText": UNKNOWN}
    created = datetime.datetime.fromtimestamp(date, datetime.timezone.utc)
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"nxgate-{version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/nxgate-{version}-{date}",
        "creationInfo": {"created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
                         "creators": ["Organization: The nxgate authors"]},
        "packages": [ours, *parts],
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES",
             "relatedSpdxElement": "SPDXRef-nxgate"},
            *({"spdxElementId": "SPDXRef-nxgate", "relationshipType": "STATIC_LINK",
               "relatedSpdxElement": each["SPDXID"]} for each in parts)],
    }


if __name__ == "__main__":
    json.dump(document(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), System(*sys.argv[4:])), sys.stdout, indent=1)
    print()
