// What was found, as text.
#pragma once

#include <string>

#include "doctor/diagnosis.h"
#include "doctor/doctor.h"

namespace nxgate::doctor {

/// Sections, each with its name in front, at most 80 columns wide. What the container wrote is
/// escaped.
[[nodiscard]] std::string report(const Findings& findings, const Subject& subject);

}  // namespace nxgate::doctor
