#!/usr/bin/env python3
"""Fails when a file is over 600 lines or a function over 80; reports what is past the soft limits with --all.
An exception stands in tools/size_exceptions.txt with its reason."""

import ast
import sys

import cpp_functions
import source_tree

FILE_HARD, FILE_SOFT, HEADER_SOFT = 600, 300, 150
FUNCTION_HARD, FUNCTION_SOFT = 80, 40
EXCEPTIONS = "tools/size_exceptions.txt"


def check(root):
    """(errors, notes): what breaks a hard limit, and what is past a soft one."""
    errors, notes = [], []
    exceptions = read_exceptions(root, errors)
    for place, key, size, hard, soft in measures(root):
        limit = exceptions.pop(key, hard)
        if size > limit:
            errors.append(f"{place}: {key} has {size} lines, and may have {limit}: split it where its subject changes")
        elif size > soft:
            notes.append(f"{place}: {key} has {size} lines (soft limit {soft})")
    errors += [f"{EXCEPTIONS}:1: '{key}' doesn't exist any more: remove its line" for key in exceptions]
    return errors, notes


def measures(root):
    """(place, key, size, hard limit, soft limit) of every file and function. A key is a path, or path:function."""
    for path in source_tree.cpp_files(root) + source_tree.files(root, ("tools", "bench", "test"), (".py",)):
        text = source_tree.text_of(root, path)
        soft = HEADER_SOFT if path.endswith(".h") else FILE_SOFT
        yield f"{path}:1", path, text.count("\n"), FILE_HARD, soft
        for name, line, lines in functions_of(path, text):
            yield f"{path}:{line}", f"{path}:{name}", lines, FUNCTION_HARD, FUNCTION_SOFT


def functions_of(path, text):
    if not path.endswith(".py"):
        return [(function.name, function.line, function.lines) for function in cpp_functions.functions(text)]
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return [(node.name, node.lineno, node.end_lineno - node.lineno + 1) for node in nodes]


def read_exceptions(root, errors):
    """{key: limit} from lines `KEY LIMIT REASON`; a line without a reason is an error."""
    exceptions = {}
    for number, line in enumerate(source_tree.text_of(root, EXCEPTIONS).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split(None, 2)
        if len(words) < 3 or not words[1].isdigit():
            errors.append(f"{EXCEPTIONS}:{number}: expected PATH[:FUNCTION] LINES REASON")
        else:
            exceptions[words[0]] = int(words[1])
    return exceptions


if __name__ == "__main__":
    found, past_soft = check(source_tree.ROOT)
    sys.exit(source_tree.report("sizes", found, past_soft if "--all" in sys.argv else ()))
