"""The book's reference of the library is complete."""

import pkgutil
import re
from pathlib import Path

import epidl
from book_pages import PAGES
from conftest import ROOT


def test_every_module_has_its_place_in_the_reference():
    pages = sorted((ROOT / "book").glob("library*.md"))
    written = [
        name for page in pages for name in re.findall(r"automodule:: (\S+)", page.read_text())
    ]
    modules = {module.name for module in pkgutil.walk_packages(epidl.__path__, "epidl.")}
    assert sorted(written) == sorted(name for name in modules if not name.endswith("__main__"))


def test_a_room_has_a_page_of_its_own_that_the_contents_list():
    rooms = {
        path.name for path in Path(epidl.__path__[0]).iterdir() if (path / "__init__.py").exists()
    }
    for room in rooms:
        written = (ROOT / "book" / f"library_{room}.md").read_text()
        modules = set(re.findall(r"automodule:: epidl\.(\w+)", written))
        assert modules == {room}
        assert f"book/library_{room}" in PAGES
