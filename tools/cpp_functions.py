"""Finds the functions of a C++ file by their braces, without a compiler: enough to measure them, in milliseconds.

It knows comments, strings (raw ones too), digit separators, preprocessor lines, constructors with brace-initialised
members and default arguments with braces. A lambda counts as a part of the function around it.
"""

import re
from dataclasses import dataclass

RAW_STRING = re.compile(r'R"([^()\\\s]{0,16})\(')
CONSTRUCTOR_INITIALISER = re.compile(r"\)\s*(?:noexcept\s*)?:(?!:)")
TYPE = re.compile(r"\b(?:class|struct|union|enum)\b")
NAMESPACE = re.compile(r'\bnamespace\b|\bextern\s*""')
NAME = re.compile(r"([~\w]+(?:::[~\w]+)*|operator\s*\W{1,3})\s*\(")
NO_NAMES = {"requires", "alignas", "decltype", "noexcept", "explicit"}


@dataclass
class Function:
    name: str
    line: int  # of the first line of its declaration
    lines: int  # to its closing brace


def functions(text):
    """The functions of `text` in their order; those inside types and namespaces too."""
    return Scanner(blanked(text)).scan()


def blanked(text):
    """`text` with comments, literals and preprocessor lines as spaces, every line end where it was."""
    out, at = [], 0

    def hide(end, keep=""):
        nonlocal at
        out.append(keep + re.sub(r"[^\n]", " ", text[at + len(keep) : end]))
        at = end

    line_start = True
    while at < len(text):
        char = text[at]
        if line_start and char == "#":
            hide(end_of_directive(text, at))
        elif text.startswith("//", at):
            hide(find_or_end(text, "\n", at))
        elif text.startswith("/*", at):
            hide(find_or_end(text, "*/", at + 2) + 2)
        elif raw := RAW_STRING.match(text, at):
            closing = f'){raw.group(1)}"'
            hide(find_or_end(text, closing, raw.end()) + len(closing), '""')
        elif char == '"':
            hide(end_of_literal(text, at), '""')
        elif char == "'" and not (at and text[at - 1].isalnum()):
            hide(end_of_literal(text, at))
        else:
            line_start = char == "\n" or (line_start and char.isspace())
            out.append(char)
            at += 1
    return "".join(out)


def find_or_end(text, what, start):
    found = text.find(what, start)
    return len(text) if found < 0 else found


def end_of_directive(text, at):
    end = find_or_end(text, "\n", at)
    while end < len(text) and text[end - 1] == "\\":
        end = find_or_end(text, "\n", end + 1)
    return end


def end_of_literal(text, at):
    quote, end = text[at], at + 1
    while end < len(text) and text[end] not in (quote, "\n"):
        end += 2 if text[end] == "\\" else 1
    return end + 1


class Scanner:
    def __init__(self, text):
        self.text = text
        self.at = 0
        self.found = []

    def scan(self):
        self.scan_scope()
        return self.found

    def scan_scope(self):
        """Reads the declarations of a namespace, a type or the file, up to the brace that ends it."""
        start = self.at  # of the declaration being read
        while self.at < len(self.text):
            char = self.text[self.at]
            self.at += 1
            if char == ";":
                start = self.at
            elif char == "(":
                self.skip_to_end("(", ")")
            elif char == "}":
                return
            elif char == "{" and self.opened(self.text[start : self.at - 1], start):
                start = self.at

    def opened(self, head, start):
        """A brace after the declaration `head`. True when what it opened also ended the declaration."""
        if NAMESPACE.search(head) or (TYPE.search(head) and not is_function(head)):
            self.scan_scope()
            return True
        is_member_initialiser = CONSTRUCTOR_INITIALISER.search(head) and re.search(r"[\w>]\s*$", head)
        if is_member_initialiser or re.search(r"\brequires\s*(\([^{}]*\))?\s*$", head):
            self.skip_to_end("{", "}")
            return False
        self.skip_to_end("{", "}")
        if not is_function(head):
            return False  # an initialiser: the declaration goes on to its semicolon
        first = start + len(head) - len(head.lstrip())
        line = self.text.count("\n", 0, first) + 1
        self.found.append(Function(name_in(head), line, self.text.count("\n", first, self.at) + 1))
        return True

    def skip_to_end(self, opening, closing):
        depth = 1
        while self.at < len(self.text) and depth:
            depth += {opening: 1, closing: -1}.get(self.text[self.at], 0)
            self.at += 1


def name_in(head):
    head = re.sub(r"\brequires\b[^{}]*\{[^{}]*\}", "", head)
    names = (match.group(1) for match in NAME.finditer(head))
    return next((name for name in names if name not in NO_NAMES), "lambda")


def is_function(head):
    """`alignas(64)` and template arguments are no parameter lists."""
    bare = re.sub(r"\b(?:alignas|decltype|__attribute__|explicit|noexcept)\s*\([^()]*(?:\([^()]*\))*[^()]*\)", "", head)
    bare = re.sub(r"\[\[.*?\]\]", "", bare)
    before_parameters = bare.split("(")[0]
    if "(" not in bare or bare.rstrip().endswith("="):
        return False
    if TYPE.match(re.sub(r"^\s*(?:template\s*<.*?>\s*)?", "", bare, count=1, flags=re.S)) and ":" in before_parameters:
        return "::" in before_parameters and not re.search(r"[^:]:[^:]", before_parameters)
    return "=" not in re.sub(r"operator\s*\W+|[<>!]=|<[^<>]*>", "", before_parameters) or "[" in before_parameters
