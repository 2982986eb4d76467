"""The built book is open to all: in dark mode, on a telephone, by keyboard; tests/test_book.py has the
light pages.
"""

import pytest

from book_pages import PAGES, check_accessibility, pixels_too_wide, visit
from conftest import watched_page

pytestmark = pytest.mark.book


@pytest.fixture(scope="module", params=[*PAGES, "search"])
def dark(browser, request):
    """A page in dark mode, opened once for all the tests that only look at it."""
    with watched_page(browser) as page:
        page.add_init_script(
            "localStorage.setItem('mode', 'dark'); localStorage.setItem('theme', 'dark')"
        )
        visit(page, request.param)
        yield page


SAME_AS_BEHIND = """() => [...document.querySelectorAll('.cell_output td, .cell_output th')].filter(cell => {
  if (!cell.innerText.trim()) return false;
  let behind = cell;
  while (behind && getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
  const light = color => color.match(/[0-9.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 765;
  const difference = light(getComputedStyle(cell).color) - light(getComputedStyle(behind).backgroundColor);
  return Math.abs(difference) < 0.4;
}).map(cell => cell.innerText)"""


def test_result_tables_can_be_read_in_dark_mode(dark):
    """Beside axe, which does not judge the contrast of what lies in a box that scrolls."""
    assert dark.evaluate(SAME_AS_BEHIND) == []


def test_a_dark_page_breaks_no_accessibility_rule(dark):
    check_accessibility(dark, theme="dark")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_does_not_scroll_sideways_on_a_telephone(page, name):
    page.set_viewport_size({"width": 390, "height": 800})
    visit(page, name)
    assert pixels_too_wide(page) <= 0


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
    assert (
        page.locator("a.btn-download-source-button")
        .get_attribute("href")
        .endswith("notebooks/scaling.ipynb")
    )


def test_a_citation_shows_its_reference(page):
    visit(page, "book/approach")
    page.locator("a.reference.internal", has_text="Gaynor").first.focus()
    page.wait_for_selector(".tooltip")
    assert "AlphaSimR: an R package" in page.locator(".tooltip").inner_text()


def test_the_library_is_described_with_its_code(page):
    visit(page, "book/library")
    assert (
        "individuals in the cohort"
        in page.locator("dt:has-text('epidl.grid.params.Cell') + dd").inner_text()
    )
    page.locator(
        "dt:has-text('epidl.cohorts.simulate.simulate') a:has-text('source')"
    ).first.click()
    assert "def simulate(" in page.locator("article").inner_text()
