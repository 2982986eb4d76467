"""The built book and its pages, for the tests that read it: `make test` builds it from the smoke
profile first.
"""

from collections.abc import Sequence

import yaml
from axe_playwright_python.sync_playwright import Axe

from conftest import ROOT

BOOK = ROOT / "_build" / "smoke" / "html"
_TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
PAGES = [
    _TOC["root"],
    *(
        page["file"]
        for part in _TOC["parts"]
        for chapter in part["chapters"]
        for page in (chapter, *chapter.get("sections", ()))
    ),
]


def visit(page, name: str) -> None:
    """Open a page and wait until it is drawn.

    Not for Playwright's `networkidle`: where a chart's script runs longer than that between two
    requests, it was seen never to come, though all requests had ended.
    """
    page.goto((BOOK / f"{name}.html").as_uri())
    page.evaluate("() => Promise.all([document.fonts.ready, window.MathJax?.startup?.promise])")


def looked_at(page, theme: str = "light", width: int = 1200):
    """Show an opened page in a theme and on a screen so wide."""
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
    page.evaluate(  # colours change over a moment
        "() => Promise.all(document.getAnimations().map(change => change.finished.catch(() => {})))"
    )
    return page


def check_accessibility(page, rules: Sequence[str] = ()) -> None:
    """Check that a page as it is shown breaks no accessibility rule, or none of some."""
    only = {"runOnly": {"type": "rule", "values": list(rules)}} if rules else {}
    found = Axe().run(page, options={"resultTypes": ["violations"], **only})
    assert found.violations_count == 0, found.generate_report()
