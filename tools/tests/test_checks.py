"""Each check finds what it is for, and says nothing about a tree that is right."""

import check_docs
import check_layers
import check_life_of_a_request
import check_reasons
import check_sizes

EXCEPTIONS = "tools/size_exceptions.txt"


def test_layers_accept_lower_ranks_and_the_own_folder(tree):
    root = tree({"src/http/a.cc": '#include "http/a.h"\n#include "base/x.h"\n#include <vector>\n'})
    assert check_layers.check(root) == []


def test_layers_refuse_upwards_sideways_and_relative_includes(tree):
    root = tree(
        {
            "src/http/a.cc": '#include "proxy/core.h"\n',
            "src/model/b.h": '#pragma once\n#include "observe/log.h"\n',
            "src/net/c.cc": '  #  include "dns.h"\n',
            "src/novel/d.h": "",
        }
    )
    errors = check_layers.check(root)
    assert [error.split(": ")[0] for error in errors] == [
        "src/http/a.cc:1",
        "src/model/b.h:2",
        "src/net/c.cc:1",
        "src/novel/d.h:1",
    ]
    assert "above it" in errors[0] and "same rank" in errors[1]


def test_sizes_refuse_a_long_file_and_a_long_function(tree):
    body = "  x();\n" * 85
    root = tree({"src/base/long.cc": "\n" * 601, "src/base/f.cc": f"void f() {{\n{body}}}\n", EXCEPTIONS: ""})
    errors, _ = check_sizes.check(root)
    assert [error.split(": ")[1].split(" has ")[0] for error in errors] == ["src/base/f.cc:f", "src/base/long.cc"]


def test_sizes_allow_what_an_exception_names_with_a_reason(tree):
    files = {"src/base/long.cc": "\n" * 601}
    assert check_sizes.check(tree(files | {EXCEPTIONS: "src/base/long.cc 650 one table\n"}))[0] == []
    assert len(check_sizes.check(tree(files | {EXCEPTIONS: "src/base/long.cc 650\n"}))[0]) == 2


def test_sizes_refuse_an_exception_that_nothing_needs(tree):
    errors, _ = check_sizes.check(tree({EXCEPTIONS: "src/gone.cc 650 it was long\n"}))
    assert "src/gone.cc" in errors[0]


def test_life_of_a_request_needs_each_named_place(tree):
    page = "1. `proxy/a.cc` `decide` asks `Table`\n2. `proxy/a.cc` `gone`\n3. `proxy/none.cc` `decide`\n"
    root = tree({check_life_of_a_request.PAGE: page, "src/proxy/a.cc": "decide(", "src/proxy/a.h": "class Table"})
    errors = check_life_of_a_request.check(root)
    assert [error.split(": ")[0][-1] for error in errors] == ["2", "3"]


def test_life_of_a_request_must_exist_and_name_something(tree):
    assert check_life_of_a_request.check(tree({}))
    assert check_life_of_a_request.check(tree({check_life_of_a_request.PAGE: "words"}))


def test_reasons_are_found_by_enumerator_or_token(tree):
    root = tree(
        {
            check_reasons.HEADER: "enum class Reason : uint8_t {\n  kOk,\n  kA,  // kX\n  kB,\n  kC,\n  kCount,\n};",
            check_reasons.TABLE: 'ReasonRow{kA, "a_a"}, ReasonRow{kB, "b_b"}, ReasonRow{kC, "c_c"}',
            "src/http/x_test.cc": "EXPECT_EQ(reason, Reason::kA);",
            "test/e2e/test_x.py": "assert reason == 'b_b'",
            "src/base/reasons_test.cc": "kC",
        }
    )
    assert check_reasons.check(root) == [("kC", "c_c")]


def test_docs_need_links_headings_and_paths(tree):
    page = "# A title: here\n[x](docs/b.md#two-words) [y](#a-title-here) `src/base/x.h` [web](https://example.org)\n"
    other = "## Two words\n[gone](c.md) [a](../README.md#none) `tools/none.py`\n```\n[no](none.md)\n```\n"
    errors = check_docs.check(tree({"README.md": page, "docs/b.md": other, "src/base/x.h": ""}))
    assert len(errors) == 3 and all(error.startswith("docs/b.md:2: ") for error in errors)


def test_docs_name_tests_that_exist(tree):
    page = "`Suite.Name` `test_gone`\n`Suite.Gone` `test_here` `Reason.kOther`\n"
    files = {"README.md": page, "src/a/b_test.cc": "TEST_P(Suite,\n       Name) {\n", "test/c.py": "def test_here():\n"}
    errors = check_docs.check(tree(files))
    assert errors == ["README.md:1: no test is named test_gone", "README.md:2: no test is named Suite.Gone"]
