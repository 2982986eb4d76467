"""The built book and its pages, for the tests that read it: `make test` builds it from the smoke profile first."""

import yaml

from conftest import ROOT

BOOK = ROOT / "_build" / "smoke" / "html"
_TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
PAGES = [_TOC["root"], *(chapter["file"] for part in _TOC["parts"] for chapter in part["chapters"])]


def visit(page, name: str) -> None:
    """Open a page of the book and wait until it has loaded all that it needs."""
    page.goto((BOOK / f"{name}.html").as_uri())
    page.wait_for_load_state("networkidle")
