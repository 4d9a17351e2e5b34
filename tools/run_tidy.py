#!/usr/bin/env python3
"""clang-tidy over the files of src/ whose text, or that of anything they include, changed since they last passed.

What passed is remembered in the build folder by a digest of the file, its headers in src/ and .clang-tidy. Needs a
finished build: the headers are read off ninja's own dependency log."""

import argparse
import concurrent.futures
import hashlib
import json
import os
import subprocess
import sys

import source_tree


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, help="build folder with compile_commands.json")
    parser.add_argument("--all", action="store_true", help="check every file, changed or not")
    options = parser.parse_args()
    stamp = os.path.join(options.build, ".tidy-passed.json")
    passed = read_json(stamp)
    digests = digests_of_sources(options.build)
    todo = [path for path in sorted(digests) if options.all or passed.get(path) != digests[path]]
    print(f"clang-tidy: {len(todo)} of {len(digests)} files", flush=True)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, complaints in pool.map(lambda path: (path, tidy(options.build, path)), todo):
            if complaints:
                failed += 1
                print(complaints, flush=True)
            else:
                passed[path] = digests[path]
    with open(stamp, "w", encoding="utf-8") as file:
        json.dump(passed, file)
    print(f"clang-tidy: {'ok' if not failed else f'{failed} files to mend'}")
    return 1 if failed else 0


def read_json(path):
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def digests_of_sources(build):
    """{source: digest of it, of its headers in src/, and of .clang-tidy}"""
    with open(".clang-tidy", "rb") as file:
        rules = file.read()
    digests = {}
    for source, dependencies in dependencies_by_source(build).items():
        digest = hashlib.sha256(rules)
        for path in [source, *sorted(dependencies)]:
            with open(path, "rb") as file:
                digest.update(file.read())
        digests[source] = digest.hexdigest()
    return digests


def dependencies_by_source(build):
    log = subprocess.run(["ninja", "-C", build, "-t", "deps"], capture_output=True, text=True, check=True).stdout
    found = {}
    for block in log.split("\n\n"):
        paths = [os.path.relpath(os.path.join(build, line.strip())) for line in block.splitlines()[1:]]
        own = [path for path in paths if path.startswith("src/") and os.path.exists(path)]
        if own and own[0].endswith(".cc"):
            found[own[0]] = own[1:]
    return found


def tidy(build, path):
    """What clang-tidy says about the file; empty when it has nothing to say."""
    result = subprocess.run(["clang-tidy-19", "-p", build, "--quiet", path], capture_output=True, text=True)
    warned = result.returncode or "warning:" in result.stdout or "error:" in result.stdout
    return result.stdout + (result.stderr if result.returncode else "") if warned else ""


if __name__ == "__main__":
    os.chdir(source_tree.ROOT)
    sys.exit(main())
