#!/usr/bin/env python3
"""Fails when docs/life-of-a-request.md names a file or a function that no longer exists.

A step names its place as `proxy/exchange.cc` `proxyExchange`: on one line, each function or type belongs to the file
named before it. A name may be looked up in the header beside the file too.
"""

import os
import re
import sys

import source_tree

PAGE = "docs/life-of-a-request.md"
CODE = re.compile(r"`([^`\n]+)`")
FILE = re.compile(r"(?:src/)?([\w/]+\.(?:h|cc))")
NAME = re.compile(r"(?:[A-Za-z_]\w*::)*([A-Za-z_]\w*)(?:\(\))?")


def check(root):
    if not os.path.exists(os.path.join(root, PAGE)):
        return [f"{PAGE}:1: the page is missing: every step of a request names its file and function there"]
    errors, steps = [], 0
    for number, line in enumerate(source_tree.text_of(root, PAGE).splitlines(), 1):
        text = None  # of the file that the line named last
        for code in CODE.findall(line):
            file, name = FILE.fullmatch(code), NAME.fullmatch(code)
            if file:
                text = text_with_header(root, "src/" + file.group(1))
                if text is None:
                    errors.append(f"{PAGE}:{number}: src/{file.group(1)} doesn't exist")
            elif name and text is not None:
                steps += 1
                if not re.search(rf"\b{name.group(1)}\b", text):
                    errors.append(f"{PAGE}:{number}: {code} isn't in the file named before it")
    if not steps and not errors:
        errors.append(f"{PAGE}:1: names no step as `folder/file.cc` `function`")
    return errors


def text_with_header(root, path):
    """The texts of the file and of the header or source beside it, or None when the file doesn't exist."""
    if not os.path.exists(os.path.join(root, path)):
        return None
    stem = path.rsplit(".", 1)[0]
    pair = [name for name in (stem + ".h", stem + ".cc") if os.path.exists(os.path.join(root, name))]
    return "\n".join(source_tree.text_of(root, name) for name in pair)


if __name__ == "__main__":
    sys.exit(source_tree.report("life of a request", check(source_tree.ROOT)))
