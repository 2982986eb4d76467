"""A Sphinx extension: what the theme's pages lack for readers who use a screen reader or a keyboard.

After the build it corrects the HTML of every page; tests/test_book_access.py holds all pages against axe-core's rules.
"""

from pathlib import Path

from bs4 import BeautifulSoup
from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("build-finished", correct_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def correct_pages(app: Sphinx, error: Exception | None) -> None:
    """Correct all pages of a build that succeeded, each in its file."""
    if error is None and app.builder.format == "html":
        for path in Path(app.outdir).rglob("*.html"):
            if "_static" not in path.relative_to(app.outdir).parts:
                path.write_text(corrected(path.read_text(encoding="utf-8")), encoding="utf-8")


def corrected(html: str) -> str:
    """Return a page's HTML with what assistive programs need."""
    page = BeautifulSoup(html, "html.parser")
    # pandas leaves the corner above a table's row names empty: a header of nothing
    for cell in page.select("th"):
        if not cell.get_text(strip=True):
            cell.name = "td"
    # a bibliography's list may hold list items only; docutils gives them a role that has been withdrawn
    for entry in page.select(".citation[role=doc-biblioentry]"):
        entry["role"] = "listitem"
    # all of a page belongs to a named region, the way home above the contents too
    for home in page.select(".sidebar-primary-item:has(> .navbar-brand)"):
        home["role"], home["aria-label"] = "navigation", "Home page"
    return str(page)
