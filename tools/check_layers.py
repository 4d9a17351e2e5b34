#!/usr/bin/env python3
"""Fails when a folder of src/ includes one of its own rank or above (docs/principles.md). Nothing below knows
anything above: the cycle always enters through one convenient include."""

import re
import sys

import source_tree

# A folder may include only folders of a lower rank, and itself. Moving a rank needs a note in docs/decisions.
RANKS = {
    "base": 0,
    "model": 1, "observe": 1,
    "loop": 2,
    "net": 3,
    "tls": 4,
    "http": 5,
    "route": 6, "upstream": 6, "control": 6,
    "filter": 7,
    "snapshot": 8,
    "proxy": 9,
    "admin": 10,
    "cli": 11,
}  # fmt: skip
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')


def check(root):
    errors = []
    for path in source_tree.cpp_files(root, ("src",)):
        parts = path.split("/")
        folder = parts[1]
        if len(parts) < 3 or folder not in RANKS:
            errors.append(f"{path}:1: '{folder}' has no rank; give it one in tools/check_layers.py")
            continue
        for number, line in enumerate(source_tree.text_of(root, path).splitlines(), 1):
            match = INCLUDE.match(line)
            complaint = match and complaint_about(folder, match.group(1))
            if complaint:
                errors.append(f"{path}:{number}: {complaint}")
    return errors


def complaint_about(folder, included):
    """Why a file of `folder` may not include "included", or None."""
    target = included.split("/")[0]
    if "/" not in included or target not in RANKS:
        return f'"{included}" isn\'t written from src/ (as in "base/result.h")'
    if target == folder or RANKS[target] < RANKS[folder]:
        return None
    relation = "of the same rank" if RANKS[target] == RANKS[folder] else "above it"
    return f"{folder} (rank {RANKS[folder]}) includes {included}, which is {relation} ({RANKS[target]})"


if __name__ == "__main__":
    sys.exit(source_tree.report("layers", check(source_tree.ROOT)))
