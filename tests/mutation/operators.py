"""Single operators and numbers of C++ text, each with what takes its place when it is broken (check.py --operators).

  <  <=  >  >=     the boundary moves: < is <=
  ==  !=           the other
  +  -  *  /       the other, += and its kind too; a sign is left out
  std::min, max    the other
  &&  ||           one of the operands is left out
  0, 1, 2, …       one more

What is broken is written so that it compiles in place, whatever its types are, and is what it was unless it is chosen:
`a < b` becomes `a < Less{7} < b`. An edit is (start, end, order of those that begin there, replacement); @ stands for
the number of the site.
"""

import re

SWITCH = """// Written by check.py.
#pragma once
#include <algorithm>
#include <cstdlib>
#include <type_traits>
#include <utility>
namespace dsperse_mutation {
inline int Chosen() {
  static const char* const chosen = std::getenv("DSPERSE_MUTANT");
  static const int number = chosen != nullptr ? std::atoi(chosen) : -1;
  return number;
}
constexpr bool Broken(int site) {
  if (std::is_constant_evaluated()) return false;
  return Chosen() == site;
}
#define DSPERSE_MUTATION(Name, by, usual, broken)                                                             \\
  struct Name {                                                                                              \\
    int site;                                                                                                \\
  };                                                                                                         \\
  template <class A>                                                                                         \\
  struct Name##Left {                                                                                        \\
    A&& a;                                                                                                   \\
    int site;                                                                                                \\
    template <class B>                                                                                       \\
    constexpr auto operator by(B&& b) && {                                                                   \\
      if constexpr (requires { a broken b; }) {                                                              \\
        using Both = std::common_type_t<decltype(a usual b), decltype(a broken b)>;                          \\
        if (Broken(site)) return Both(a broken b);                                                           \\
        return Both(a usual b);                                                                              \\
      } else {                                                                                               \\
        return a usual b;                                                                                    \\
      }                                                                                                      \\
    }                                                                                                        \\
  };                                                                                                         \\
  template <class A>                                                                                         \\
  constexpr Name##Left<A> operator by(A&& a, Name name) {                                                    \\
    return {std::forward<A>(a), name.site};                                                                  \\
  }
DSPERSE_MUTATION(Less, <, <, <=)
DSPERSE_MUTATION(LessEqual, <, <=, <)
DSPERSE_MUTATION(Greater, <, >, >=)
DSPERSE_MUTATION(GreaterEqual, <, >=, >)
DSPERSE_MUTATION(Equal, !=, ==, !=)
DSPERSE_MUTATION(NotEqual, !=, !=, ==)
DSPERSE_MUTATION(Plus, +, +, -)
DSPERSE_MUTATION(Minus, +, -, +)
DSPERSE_MUTATION(Times, *, *, /)
DSPERSE_MUTATION(By, *, /, *)
struct Sign {
  int site;
};
template <class B>
constexpr auto operator*(Sign sign, B&& b) {
  return Broken(sign.site) ? +b : -b;
}
template <int site, class T>
constexpr T Min(T a, T b) {
  return Broken(site) ? std::max(a, b) : std::min(a, b);
}
template <int site, class T>
constexpr T Max(T a, T b) {
  return Broken(site) ? std::min(a, b) : std::max(a, b);
}
}  // namespace dsperse_mutation
"""
NAMES = {"<": ("Less", "<"), "<=": ("LessEqual", "<"), ">": ("Greater", "<"), ">=": ("GreaterEqual", "<"),
         "==": ("Equal", "!="), "!=": ("NotEqual", "!="), "+": ("Plus", "+"), "-": ("Minus", "+"),
         "*": ("Times", "*"), "/": ("By", "*")}
BINARY = re.compile(r"(?<=[\w)\]}\"']\s)(<=|>=|==|!=|[<>+\-*/])(?=\s)")
ASSIGNED = re.compile(r"(?<=\s)([+\-*/])=(?=\s)")
SIGN = re.compile(r"(?:(?<=[(,{?:=]\s)|(?<=[({])|(?<=return\s))-(?=[a-z(])")
EXTREME = re.compile(r"\bstd::(min|max)(?:<(\w+)>)?\(")
JOINED = re.compile(r"(?<=\s)(&&|\|\|)(?=\s)")
NUMBER = re.compile(r"(?<![\w.'])(\d+)(?![\w.'])")
NO_CODE = re.compile(r"//[^\n]*|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])'|^\s*#[^\n]*", re.MULTILINE)
OPENING, CLOSING = "([{", ")]}"


def code_only(text):
    """The text with comments, strings and preprocessor lines blank, everything at its place."""
    return NO_CODE.sub(lambda match: re.sub(r"[^\n]", lambda _: "_" if match.group(0)[0] in "\"'" else " ",
                                            match.group(0)), text)


def ends_operand(code, i):
    """Is there something that no operand of && and || goes beyond?"""
    return code[i] in ";,?" or code[i] == ":" and ":" not in (code[i - 1], code[i + 1])


def operand_end(code, start, stops):
    depth = 0
    for i in range(start, len(code)):
        if depth == 0 and (code[i] in CLOSING or ends_operand(code, i) or code[i:i + 2] in stops):
            return i
        depth += (code[i] in OPENING) - (code[i] in CLOSING)
    return len(code)


def operand_start(code, end, stops):
    depth = 0
    for i in range(end - 1, -1, -1):
        if depth == 0:
            assigns = code[i] == "=" and code[i - 1] not in "=!<>" and code[i + 1] != "="
            returns = code[i - 5:i + 1] == "return" and code[i + 1] == " "
            if code[i] in OPENING or ends_operand(code, i) or assigns or returns or code[i - 1:i + 1] in stops:
                return i + 1
        depth += (code[i] in CLOSING) - (code[i] in OPENING)
    return 0


def trimmed(code, start, end):
    part = code[start:end]
    return start + len(part) - len(part.lstrip()), end - (len(part) - len(part.rstrip()))


def around(start, end, before, after):
    """Two edits. Of all that begin at one place the longest is outermost."""
    return [(start, start, (1, -end), before), (end, end, (0, -start), after)]


def sites(text):
    """[(place, what is broken in words, edits)]"""
    code = code_only(text)
    found = []

    def add(at, words, edits):
        line = text[code.rfind("\n", 0, at) + 1:code.find("\n", at)].strip()
        if "static_assert" not in line and "constexpr" not in line:  # nothing is chosen while it compiles
            found.append((at, f"{words} in `{line}`", edits))

    def replace(match, words, replacement):
        add(match.start(), words, [(match.start(), match.end(), (2, 0), replacement)])

    for match in BINARY.finditer(code):
        if '"' in text[max(0, match.start() - 2):match.start()] + text[match.end():match.end() + 2]:
            continue  # joins text
        name, by = NAMES[match.group(1)]
        replace(match, match.group(1), f"{by} ::dsperse_mutation::{name}{{@}} {by}")
    for match in ASSIGNED.finditer(code):
        start, end = trimmed(code, match.end(), operand_end(code, match.end(), ()))
        other = {"+": "-", "-": "-", "*": "1 / ", "/": "1 / "}[match.group(1)]
        add(match.start(), match.group(0),
            around(start, end, f"::dsperse_mutation::Broken(@) ? {other}({text[start:end]}) : (", ")"))
    for match in SIGN.finditer(code):
        replace(match, "sign", "::dsperse_mutation::Sign{@} * ")
    for match in EXTREME.finditer(code):
        kind = f", {match.group(2)}" if match.group(2) else ""
        replace(match, match.group(1), f"::dsperse_mutation::{match.group(1).title()}<@{kind}>(")
    for match in NUMBER.finditer(code):
        replace(match, match.group(1), f"({match.group(1)} + ::dsperse_mutation::Broken(@))")
    for match in JOINED.finditer(code):
        both = match.group(1) == "&&"
        stops = ("&&", "||") if both else ("||",)
        first = operand_start(code, match.start(), stops)
        operands = [(match.end(), operand_end(code, match.end(), stops))]
        if code[first - 2:first] != match.group(1):
            operands.append((first, match.start()))
        for start, end in operands:
            start, end = trimmed(code, start, end)
            add(start, f"{match.group(1)} without `{' '.join(text[start:end].split())}`",
                around(start, end, "(::dsperse_mutation::Broken(@) || (" if both else
                       "(!::dsperse_mutation::Broken(@) && (", "))"))
    return sorted(found, key=lambda site: site[:2])


def edited(text, edits):
    """The text with all of the edits, which may lie within each other."""
    parts, at = [], 0
    for start, end, _, replacement in sorted(edits):
        parts += [text[at:start], replacement]
        at = end
    return "".join(parts) + text[at:]
