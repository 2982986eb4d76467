"""The built book is open to all: no accessibility rule is broken, and no page is heavy."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from book_pages import PAGES, visit

pytestmark = pytest.mark.book
LARGEST_PAGE = 3_000_000  # bytes, with all that the page loads


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("name", [*PAGES, "search"])
def test_a_page_breaks_no_accessibility_rule(page, name, mode):
    page.add_init_script(f"localStorage.setItem('mode', '{mode}'); localStorage.setItem('theme', '{mode}')")
    visit(page, name)
    assert page.locator("html").get_attribute("data-theme") == mode
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_with_all_that_it_loads_is_small(page, name):
    sizes = {}
    page.on("response", lambda response: sizes.setdefault(response.url, len(response.body())))
    visit(page, name)
    assert len(sizes) > 5
    assert sum(sizes.values()) < LARGEST_PAGE, sorted(sizes.items(), key=lambda item: -item[1])[:5]
