"""The built book and its pages, for the tests that read it: `make test` builds it from the smoke profile first."""

import yaml

from conftest import ROOT

BOOK = ROOT / "_build" / "smoke" / "html"
_TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
PAGES = [_TOC["root"], *(chapter["file"] for part in _TOC["parts"] for chapter in part["chapters"])]


def visit(page, name: str) -> None:
    """Open a page and wait until it is drawn, and half a second more for requests that come late.

    Not for Playwright's `networkidle`: where a chart's script runs longer than that between two requests, it was seen
    never to come, though all requests had ended.
    """
    page.goto((BOOK / f"{name}.html").as_uri())
    page.evaluate("() => Promise.all([document.fonts.ready, window.MathJax?.startup?.promise])")
    page.wait_for_timeout(500)
