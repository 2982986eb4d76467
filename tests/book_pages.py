"""The built book and its pages, for the tests that read it: `make test` builds it from the smoke
profile first.
"""

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


COLOUR_RULES = ["color-contrast", "link-in-text-block"]
# what decides a text's contrast: its colours and size, with a link's colour against the text around it
FIRST_OF_EACH_LOOK = """() => {
  const seen = new Set();
  for (const element of document.querySelectorAll('body, body *')) {
    element.removeAttribute('data-first');
    if (![...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim())) continue;
    let behind = element;
    while (behind && getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
    const own = getComputedStyle(element);
    const look = [element.tagName, own.color, own.fontSize, own.fontWeight, own.opacity,
      behind && getComputedStyle(behind).backgroundColor, getComputedStyle(element.parentElement).color].join();
    if (!seen.has(look)) element.setAttribute('data-first', '');
    seen.add(look);
  }
}"""


def check_accessibility(page) -> None:
    """Check that a page breaks no accessibility rule that does not depend on its colours."""
    off = {rule: {"enabled": False} for rule in COLOUR_RULES}
    _check(page, options={"rules": off})


def check_contrast(page) -> None:
    """Check the colours of a page as it is shown, on the first text of each look: judging all takes
    three times as long.
    """
    page.evaluate(FIRST_OF_EACH_LOOK)
    only = {"type": "rule", "values": COLOUR_RULES}
    _check(page, context={"include": [["[data-first]"]]}, options={"runOnly": only})


def _check(page, options: dict, context: dict | None = None) -> None:
    found = Axe().run(page, context=context, options={"resultTypes": ["violations"], **options})
    assert found.violations_count == 0, found.generate_report()
