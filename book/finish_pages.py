"""A Sphinx extension that finishes the HTML of every page after the build.

The extension gives readers with a screen reader or a keyboard what the theme's pages lack, shows a
citation's reference when the pointer or the keyboard's focus is on it, and removes what only makes
pages heavy. tests/test_book.py checks all pages.
"""

import re
from pathlib import Path

from bs4 import BeautifulSoup
from sphinx.application import Sphinx
from sphinx.config import Config


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("config-inited", load_parts_of_mathjax)
    app.connect("build-finished", finish_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def load_parts_of_mathjax(app: Sphinx, config: Config) -> None:
    """Start MathJax with the parts that the configuration names, since sphinx-mathjax-offline takes
    all.
    """
    config.mathjax_path = "mathjax/startup.js"


def finish_pages(app: Sphinx, error: Exception | None) -> None:
    """Finish all pages of a build that succeeded, each in its file."""
    if error or app.builder.format != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        if "_static" not in path.relative_to(app.outdir).parts:
            page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
            make_accessible(page)
            show_references(page)
            leave_out_files(page)
            path.write_text(str(page), encoding="utf-8")


def make_accessible(page: BeautifulSoup) -> None:
    """Correct what breaks axe-core's rules in a page of the theme, by bs4's own searches, since
    selectors are slower.
    """
    # pandas leaves the corner above a table's row names empty: a header of nothing
    for cell in page.find_all("th"):
        if not cell.get_text(strip=True):
            cell.name = "td"
    # a list holds list items; docutils gives a bibliography's entries a role that has been
    # withdrawn
    for entry in page.find_all(class_="citation", role="doc-biblioentry"):
        entry["role"] = "listitem"
    # what scrolls can be reached by keyboard
    for cell in page.find_all(class_="tag_output_scroll"):
        for output in cell.find_all(class_="cell_output", recursive=False):
            output["tabindex"], output["role"], output["aria-label"] = (
                "0",
                "group",
                "Output that scrolls",
            )
    # what unfolds a chapter's pages in the contents has an icon alone
    for toggle in page.find_all(class_="toctree-toggle"):
        toggle.parent["aria-label"] = "Pages of this chapter"
    # all of a page belongs to a named region, the way home above the contents too
    for brand in page.find_all(class_="navbar-brand"):
        if "sidebar-primary-item" in brand.parent.get("class", []):
            brand.parent["role"], brand.parent["aria-label"] = "navigation", "Home page"


def show_references(page: BeautifulSoup) -> None:
    """Let the theme's script show a citation's reference, which is its title, as a tooltip, on focus
    too.
    """
    for citation in page.find_all("a", class_="reference", title=True):
        if "internal" in citation["class"]:
            citation["data-bs-toggle"] = "tooltip"


def leave_out_files(page: BeautifulSoup) -> None:
    """Remove scripts and styles that a page loads and does not need, 1.7 MB in all.

    Unneeded are the theme's script of all icons, which the page's font has, the search's scripts
    outside the page of the search, and those of cards and tabs if there are none.
    """
    unneeded = ["scripts/fontawesome.js"]
    if not page.find(id="search-results"):
        unneeded += ["searchtools.js", "language_data.js", "searchindex.js"]
    if not page.find(class_=re.compile("^sd-")):
        unneeded += ["sphinx-design.min.css", "design-tabs.js"]
    for loaded in page.find_all(["script", "link"]):
        address = loaded.get("src" if loaded.name == "script" else "href", "")
        if any(name in address for name in unneeded):
            loaded.decompose()
