"""Static files: addresses that change with their contents, and the module graph."""

from __future__ import annotations

import gzip

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from web import static_files as module
from web.static_files import static_files


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "live").mkdir()
    (tmp_path / "core").mkdir()
    (tmp_path / "live/main.js").write_text(
        "import { a,\n  b } from '../core/a.js';\nimport './b.js';\n"
        "// import './not.js'\nt('Hello');\n"
    )
    (tmp_path / "live/b.js").write_text(
        "export { a } from '../core/a.js';\nw.tn('{n} x', '{n} xs', 1);"
    )
    (tmp_path / "core/a.js").write_text("import '../live/main.js'; export const a = 1, b = 2;")
    (tmp_path / "notes.md").write_text("not served")
    return tmp_path


def test_the_build_id_changes_with_a_file_and_only_then(folder):
    first = static_files(folder).build
    static_files.cache_clear()
    again = static_files(folder).build
    static_files.cache_clear()
    (folder / "core/a.js").write_text("export const a = 2, b = 2;")

    assert first == again != static_files(folder).build


def test_the_module_graph_names_every_import_once_the_entry_first(folder):
    assert static_files(folder).modules("live/main.js") == (
        "live/main.js",
        "core/a.js",
        "live/b.js",
    )


def test_the_sentences_of_a_module_include_those_of_its_imports(folder):
    assert static_files(folder).words("live/main.js") == (
        (None, "Hello", None),
        (None, "{n} x", "{n} xs"),
    )


def test_an_address_of_a_file_that_is_not_there_is_an_error(folder):
    with pytest.raises(KeyError, match=r"notes\.md"):
        static_files(folder).address("notes.md")


@pytest.fixture
def browser():
    return TestClient(Starlette(routes=module.routes))


def test_a_file_of_this_build_may_be_kept_for_ever(browser):
    answer = browser.get(static_files().address("tokens.css"))

    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"] == "text/css; charset=utf-8"


def test_a_file_asked_for_by_a_page_of_another_build_may_not_be_kept(browser):
    answer = browser.get("/static/000000000000/tokens.css")

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"


def test_a_file_travels_compressed_where_the_browser_takes_it(browser):
    path = static_files().address("components.css")

    packed = browser.get(path, headers={"Accept-Encoding": "gzip, br"})
    plain = browser.get(path, headers={"Accept-Encoding": "identity"})

    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.text == plain.text
    assert int(packed.headers["content-length"]) < len(gzip.compress(plain.content)) + 100


def test_a_path_out_of_the_folder_is_not_found(browser):
    assert browser.get("/static/x/..%2f..%2fi18n.py").status_code == 404
