"""The book's reference of the library is complete."""

import pkgutil
import re

import epidl
from conftest import ROOT


def test_every_module_has_its_place_in_the_reference():
    written = re.findall(r"automodule:: (\S+)", (ROOT / "book" / "library.md").read_text())
    modules = {module.name for module in pkgutil.walk_packages(epidl.__path__, "epidl.")}
    assert sorted(written) == sorted(name for name in modules if not name.endswith("__main__"))
