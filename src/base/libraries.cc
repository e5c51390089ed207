// Boost.JSON, Boost.URL and {fmt}, compiled here once: of fmt Debian has no static library.
#include <boost/json/src.hpp>
#include <boost/version.hpp>
#if BOOST_VERSION < 108200  // later ones have a library: cmake/dependencies.cmake
#include <boost/url/src.hpp>
#endif
#include <fmt/format-inl.h>

FMT_BEGIN_NAMESPACE
namespace detail {

// What fmt's headers leave to its library.
template locale_ref::locale_ref(const std::locale&);
template auto locale_ref::get<std::locale>() const -> std::locale;
template auto thousands_sep_impl<char>(locale_ref) -> thousands_sep_result<char>;
template auto decimal_point_impl<char>(locale_ref) -> char;
template auto dragonbox::to_decimal(double) noexcept -> dragonbox::decimal_fp<double>;
template auto dragonbox::to_decimal(float) noexcept -> dragonbox::decimal_fp<float>;
template void buffer<char>::append(const char*, const char*);
#if FMT_VERSION >= 100000
template void vformat_to<char>(buffer<char>&, string_view, vformat_args<char>::type, locale_ref);
#endif

}  // namespace detail
FMT_END_NAMESPACE
