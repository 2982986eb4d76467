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


SAME_AS_BEHIND = """() => [...document.querySelectorAll('.cell_output td, .cell_output th')].filter(cell => {
  if (!cell.innerText.trim()) return false;
  let behind = cell;
  while (behind && getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
  const light = color => color.match(/[0-9.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 765;
  const difference = light(getComputedStyle(cell).color) - light(getComputedStyle(behind).backgroundColor);
  return Math.abs(difference) < 0.4;
}).map(cell => cell.innerText)"""


@pytest.mark.parametrize("name", PAGES)
def test_result_tables_can_be_read_in_dark_mode(page, name):
    """Beside axe, which does not judge the contrast of what lies in a box that scrolls."""
    page.add_init_script("localStorage.setItem('mode', 'dark'); localStorage.setItem('theme', 'dark')")
    visit(page, name)
    assert page.evaluate(SAME_AS_BEHIND) == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_with_all_that_it_loads_is_small(page, name):
    sizes = {}
    page.on("response", lambda response: sizes.setdefault(response.url, len(response.body())))
    visit(page, name)
    assert len(sizes) > 5
    heaviest = sorted(sizes, key=sizes.get)[-5:]
    assert sum(sizes.values()) < LARGEST_PAGE, {address: sizes[address] for address in heaviest}


def test_icons_are_drawn(page):
    visit(page, "book/approach")
    icon = page.locator(".bd-header-article .fa-download")
    assert icon.bounding_box()["width"] > 10
    assert page.evaluate("document.fonts.check('900 16px \"Font Awesome 6 Free\"', '\\uf019')")


def test_a_page_has_what_eases_reading(page):
    visit(page, "book/approach")
    assert page.locator("h2 .section-number").count() > 2
    assert page.locator(".prev-next-area a").count() == 2
    visit(page, "notebooks/scaling")
    assert page.locator("button.copybtn").count() > 2
    assert page.locator("a.btn-download-source-button").get_attribute("href").endswith("notebooks/scaling.ipynb")


def test_a_citation_shows_its_reference(page):
    visit(page, "book/approach")
    page.locator("a.reference.internal", has_text="Gaynor").first.focus()
    page.wait_for_selector(".tooltip")
    assert "AlphaSimR: an R package" in page.locator(".tooltip").inner_text()


def test_the_library_is_described_with_its_code(page):
    visit(page, "book/library")
    assert "individuals in the cohort" in page.locator("dt:has-text('epidl.params.Cell') + dd").inner_text()
    page.locator("dt:has-text('epidl.simulate.simulate') a:has-text('source')").first.click()
    assert "def simulate(" in page.locator("article").inner_text()
