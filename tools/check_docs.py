#!/usr/bin/env python3
"""Fails when a Markdown page links to a file or heading that doesn't exist, or names a path of this repository or a test
that doesn't. Links to the web are not followed."""

import os
import re
import sys

import source_tree

LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)|!\[[^\]\n]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*\s*$", re.M)
FENCE = re.compile(r"^(```|~~~).*?^\1", re.M | re.S)
OWN_PATH = re.compile(r"`((?:src|test|docs|tools|bench|examples|deploy)/[\w./-]+)`")
OWN_TEST = re.compile(r"`([A-Z]\w*\.[A-Z]\w*|test_\w+)`")  # `Suite.Name` of a unit test, `test_name` in Python
UNIT_TEST = re.compile(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)", re.M)
PYTHON_TEST = re.compile(r"^def (test_\w+)", re.M)


def check(root):
    pages = [name for name in sorted(os.listdir(root)) if name.endswith(".md")]
    pages += source_tree.files(root, ("docs", "bench", "test", "examples", "deploy"), (".md",))
    tests = tests_of(root)
    return [error for page in pages for error in errors_of(root, page, tests)]


def tests_of(root):
    """The names of all tests, as pages write them."""
    units = (source_tree.text_of(root, path) for path in source_tree.cpp_files(root) if path.endswith("_test.cc"))
    scripts = (source_tree.text_of(root, path) for path in source_tree.files(root, ("test", "tools", "bench"), (".py",)))
    names = {f"{suite}.{name}" for text in units for suite, name in UNIT_TEST.findall(text)}
    return names | {name for text in scripts for name in PYTHON_TEST.findall(text)}


def errors_of(root, page, tests):
    # Fenced code keeps its line ends, so that line numbers stay right, and loses its text.
    text = FENCE.sub(lambda match: re.sub(r"[^\n]", " ", match.group(0)), source_tree.text_of(root, page))
    for match in LINK.finditer(text):
        target = match.group(1) or match.group(2)
        if not re.match(r"[a-z]+:", target) and not exists(root, page, target):
            yield f"{page}:{line_of(text, match)}: the link to '{target}' leads nowhere"
    for match in OWN_PATH.finditer(text):
        if not os.path.exists(os.path.join(root, match.group(1))):
            yield f"{page}:{line_of(text, match)}: {match.group(1)} doesn't exist"
    for match in OWN_TEST.finditer(text):
        if match.group(1) not in tests:
            yield f"{page}:{line_of(text, match)}: no test is named {match.group(1)}"


def exists(root, page, target):
    path, _, anchor = target.partition("#")
    file = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
    if not os.path.exists(os.path.join(root, file)):
        return False
    return not anchor or not file.endswith(".md") or anchor in anchors(source_tree.text_of(root, file))


def anchors(text):
    """The anchors that headings get where Markdown is shown: lower case, punctuation gone, spaces as hyphens."""
    titles = HEADING.findall(FENCE.sub("", text))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def line_of(text, match):
    return text.count("\n", 0, match.start()) + 1


if __name__ == "__main__":
    sys.exit(source_tree.report("docs", check(source_tree.ROOT)))
