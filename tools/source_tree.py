"""What the checks share: the files of this repository, and how a finding is printed. No state."""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CPP_FOLDERS = ("src", "bench", "test")
SKIPPED_FOLDERS = {"__pycache__", "node_modules", "corpus", ".git"}


def files(root, folders, endings):
    """Paths relative to root of the files under `folders` that end so, sorted."""
    found = []
    for folder in folders:
        for here, subfolders, names in os.walk(os.path.join(root, folder)):
            subfolders[:] = [name for name in subfolders if name not in SKIPPED_FOLDERS]
            found += [os.path.relpath(os.path.join(here, name), root) for name in names if name.endswith(endings)]
    return sorted(found)


def cpp_files(root, folders=CPP_FOLDERS):
    return files(root, folders, (".h", ".cc"))


def text_of(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def report(name, errors, notes=()):
    """Prints findings as `path:line: text`; the return value is the exit code."""
    for note in notes:
        print(f"note: {note}")
    for error in errors:
        print(error, file=sys.stderr)
    print(f"{name}: {'ok' if not errors else f'{len(errors)} to mend'}", file=sys.stderr if errors else sys.stdout)
    return 1 if errors else 0
