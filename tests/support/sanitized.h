// Whether a sanitizer watches: limits of time and memory say nothing then.
#ifndef DSPERSE_TESTS_SUPPORT_SANITIZED_H_
#define DSPERSE_TESTS_SUPPORT_SANITIZED_H_

namespace dsperse::testing {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace dsperse::testing

#endif  // DSPERSE_TESTS_SUPPORT_SANITIZED_H_
