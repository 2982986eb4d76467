"""The built book, as a reader's browser sees it: `make test` builds it from the smoke profile first.

Each page is opened once, for all that looks at it: wide and light, dark, and as on a telephone.
"""

from pathlib import Path

import nbformat
import pandas as pd
import pytest

from book_pages import BOOK, PAGES, check_accessibility, check_contrast, looked_at, visit
from conftest import ROOT, watched_page
from epidl.grid import cell, results
from epidl.grid.params import CELL_TYPES, load_grids
from refresh_notebooks import MARKER

pytestmark = pytest.mark.book
LARGEST_PAGE = 3_000_000  # bytes, with all that the page loads


TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SAME_AS_BEHIND = """() => [...document.querySelectorAll('.cell_output td, .cell_output th')].filter(cell => {
  if (!cell.innerText.trim()) return false;
  let behind = cell;
  while (behind && getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
  const light = color => color.match(/[0-9.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 765;
  const difference = light(getComputedStyle(cell).color) - light(getComputedStyle(behind).backgroundColor);
  return Math.abs(difference) < 0.4;
}).map(cell => cell.innerText)"""


@pytest.fixture(scope="module", params=[*PAGES, "search"])
def opened(browser, request):
    """A page of the book on a first visit, opened once for all the tests that only look at it."""
    with watched_page(browser) as page:
        page.name, page.sizes = request.param, {}
        page.on(
            "response", lambda response: page.sizes.setdefault(response.url, len(response.body()))
        )
        visit(page, page.name)
        page.wait_for_timeout(500)  # for requests that come late
        yield page


def test_a_page_opens_offline_without_an_error(opened):
    assert opened.problems == []
    if opened.name == "search":
        return
    assert opened.locator("article h1").count() == 1
    for image in opened.locator("article img").all():
        assert image.evaluate("image => image.complete && image.naturalWidth > 100"), (
            image.get_attribute("src")
        )
        alt = image.get_attribute("alt") or ""
        assert len(alt) > 40, f"an image needs a real alternative text, has {alt!r}"
        assert not alt.startswith(("_images", ".."))
    if opened.name in FIGURES:
        check_captions(opened)


def test_a_page_with_all_that_it_loads_is_small(opened):
    assert len(opened.sizes) > 5
    heaviest = sorted(opened.sizes, key=opened.sizes.get)[-5:]
    assert sum(opened.sizes.values()) < LARGEST_PAGE, {
        address: opened.sizes[address] for address in heaviest
    }


def test_downloads_and_links_lead_somewhere(opened):
    addresses = opened.locator("a[href]").evaluate_all(
        "links => links.map(link => link.href.split('#')[0])"
    )
    files = [
        Path(address.removeprefix("file://"))
        for address in set(addresses)
        if address.startswith("file:")
    ]
    assert len(files) > 5
    assert [str(file) for file in files if not file.exists()] == []


@pytest.mark.parametrize("width", [1200, 390], ids=["wide", "telephone"])
def test_a_page_does_not_scroll_sideways(opened, width):
    assert looked_at(opened, width=width).evaluate(TOO_WIDE) <= 0


def test_a_page_breaks_no_accessibility_rule(opened):
    check_accessibility(looked_at(opened))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_colours_of_a_page_have_contrast(opened, theme):
    """Axe does not judge what lies in a box that scrolls, such as result tables."""
    page = looked_at(opened, theme=theme)
    check_contrast(page)
    assert page.evaluate(SAME_AS_BEHIND) == []


def test_pale_text_breaks_the_rule_of_contrast(page):
    visit(page, "book/approach")
    page.evaluate("document.querySelector('article section p:last-of-type').style.color = '#ccc'")
    with pytest.raises(AssertionError, match="color-contrast"):
        check_contrast(page)


FIGURES = {
    "book/scaling": 4,
    "book/dilution": 4,
    "book/correlation": 3,
    "book/ridge_vs_sgd": 4,
    "book/ledger": 4,
    "book/beyond": 7,
}


def check_captions(page) -> None:
    """Check that an experiment's page says once where its figures were computed, not in each caption."""
    captions = page.locator("figcaption").all_text_contents()
    assert len(captions) == page.locator("article img").count() == FIGURES[page.name]
    assert all(caption.strip().startswith("Fig.") for caption in captions)
    text = " ".join(page.locator("article").text_content().lower().split())
    assert "profile standard" in text
    assert "0,000 individuals" in text


def test_what_this_machine_computed_is_beside_what_ships(page):
    visit(page, "book/your_run")
    text = page.locator("article").inner_text()
    assert "profile smoke" in text
    *tables, provenance = page.locator("article table").all_inner_texts()
    assert len(tables) == len(CELL_TYPES)
    assert all("here" in table for table in tables)
    assert "of smoke" in provenance


@pytest.mark.parametrize("experiment", CELL_TYPES)
def test_a_cell_s_notebook_in_the_grid_and_the_command_give_the_same_tables(tmp_path, experiment):
    wanted = load_grids(ROOT / "params" / f"{experiment}.yml")["smoke"][-1]
    cell.compute(wanted, tmp_path)
    by_notebook = ROOT / "runs/smoke" / experiment / wanted.name
    names = {file.name for file in by_notebook.glob("*.csv")}
    assert "table.csv" in names
    assert names == {file.name for file in tmp_path.glob("*.csv")}
    for name in names:
        tables = [pd.read_csv(folder / name) for folder in (tmp_path, by_notebook)]
        pd.testing.assert_frame_equal(
            *(table.drop(columns="seconds", errors="ignore") for table in tables)
        )
    records = [
        results.read_records(folder / results.PROVENANCE) for folder in (tmp_path, by_notebook)
    ]
    own = [[(record["parameters"], record["fits"]) for record in each] for each in records]
    assert own[0] == own[1]


def test_mathematics_is_typeset(page):
    visit(page, "book/approach")
    page.wait_for_selector("mjx-container", timeout=10_000)
    assert page.locator("mjx-container mjx-math").count() > 5
    assert page.locator("mjx-merror").count() == 0


def test_computed_numbers_stand_in_the_text(page):
    visit(page, "index")
    numbers = page.locator(".pasted-text").all_inner_texts()
    assert len(numbers) >= 8
    assert all(number.strip() for number in numbers)
    assert "::" not in page.locator("article").inner_text()


def test_the_search_finds_a_word(page):
    page.goto((BOOK / "search.html").as_uri() + "?q=heritability")
    # they come one by one
    page.locator("#search-results li", has_text="Approach").first.wait_for(timeout=10_000)
    assert "Approach" in page.locator("#search-results").inner_text()
    assert page.problems == []


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
    visit(page, "book/library_grid")
    assert (
        "individuals in the cohort"
        in page.locator("dt:has-text('epidl.grid.params.Cell') + dd").inner_text()
    )
    visit(page, "book/library_cohorts")
    page.locator(
        "dt:has-text('epidl.cohorts.simulate.simulate') a:has-text('source')"
    ).first.click()
    assert "def simulate(" in page.locator("article").inner_text()


def test_no_local_path_is_in_the_book():
    for path in BOOK.rglob("*.html"):
        text = path.read_text()
        assert str(ROOT) not in text, path
        assert str(Path.home()) + "/" not in text, path


def printed(notebook: Path) -> dict[str, list]:
    """Return what each cell of a notebook printed whose output is kept, by its code."""
    cells = nbformat.read(notebook, as_version=4).cells
    return {
        cell.source: [(output.get("text"), output.get("data")) for output in cell.outputs]
        for cell in cells
        if cell.cell_type == "code" and MARKER in cell.source
    }


@pytest.mark.parametrize("name", ["by_hand", "own_data", "simulate"])
def test_a_notebook_that_the_book_runs_with_its_defaults_prints_what_is_kept(name):
    """The others run in the book with a cell's parameters, and with their defaults by nbval."""
    kept = printed(ROOT / "notebooks" / f"{name}.ipynb")
    assert any(kept.values())
    assert printed(ROOT / "runs/smoke/pages/notebooks" / f"{name}.ipynb") == kept
