// The one place where Boost.JSON is compiled, so that nothing more than its headers is needed.
#include <boost/json/src.hpp>
