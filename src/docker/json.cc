// Boost.JSON itself, so that no library of it must be installed or linked.
#include <boost/json/src.hpp>
