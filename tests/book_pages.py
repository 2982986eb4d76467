"""The built book and its pages, for the tests that read it: `make test` builds it from the smoke
profile first.
"""

import yaml
from axe_playwright_python.sync_playwright import Axe

from conftest import ROOT

BOOK = ROOT / "_build" / "smoke" / "html"
_TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
PAGES = [_TOC["root"], *(chapter["file"] for part in _TOC["parts"] for chapter in part["chapters"])]


def visit(page, name: str) -> None:
    """Open a page and wait until it is drawn, and half a second more for requests that come late.

    Not for Playwright's `networkidle`: where a chart's script runs longer than that between two
    requests, it was seen never to come, though all requests had ended.
    """
    page.goto((BOOK / f"{name}.html").as_uri())
    page.evaluate("() => Promise.all([document.fonts.ready, window.MathJax?.startup?.promise])")
    page.wait_for_timeout(500)


def check_accessibility(page, theme: str) -> None:
    """Check that a page that is drawn in a theme breaks no accessibility rule."""
    assert page.locator("html").get_attribute("data-theme") == theme
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def pixels_too_wide(page) -> int:
    return page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
