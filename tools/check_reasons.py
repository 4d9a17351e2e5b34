#!/usr/bin/env python3
"""Lists the reasons of src/base/reasons.h that no test names: every way that an exchange can end has a test that
produces it. A list, not an error, unless --strict is given."""

import re
import sys

import source_tree

HEADER, TABLE = "src/base/reasons.h", "src/base/reasons.cc"
OWN_TEST = "src/base/reasons_test.cc"  # walks over the whole table, so it produces nothing


def check(root):
    """The reasons without a test, as (enumerator, token)."""
    enum = re.search(r"enum class Reason[^{]*\{(.*?)\};", source_tree.text_of(root, HEADER), re.S)
    enumerators = re.findall(r"^\s*(k\w+)", re.sub(r"//.*", "", enum.group(1)), re.M)
    tokens = dict(re.findall(r'ReasonRow\{(k\w+), "(\w+)"', source_tree.text_of(root, TABLE)))
    tests = [path for path in source_tree.cpp_files(root, ("src", "test")) if path.endswith("_test.cc")]
    tests += source_tree.files(root, ("test",), (".py",))
    text = "\n".join(source_tree.text_of(root, path) for path in tests if path != OWN_TEST)
    return [
        (name, tokens.get(name, ""))
        for name in enumerators
        if name not in ("kOk", "kCount")
        and not re.search(rf"\b{name}\b", text)
        and not re.search(rf"[\"']{tokens.get(name, name)}[\"']", text)
    ]


if __name__ == "__main__":
    missing = check(source_tree.ROOT)
    finding = [f"{HEADER}:1: no test produces: {' '.join(token for _, token in missing)}"] if missing else []
    strict = "--strict" in sys.argv
    sys.exit(source_tree.report("reasons", finding if strict else [], [] if strict else finding))
