"""How much a page has to be read, and in which words: limits for pages in the book's new form, and
phrases that no page may get back.

`pytest -s -m book tests/test_words.py` prints the table of all pages.
"""

import ast

import pytest

import book_words
from book_pages import PAGES
from conftest import ROOT

# what a page in the new form may have: words outside dropdowns and with them, numbers for every 100
# words, the share of sentences with three numbers or more
MOST_NUMBERS, MOST_CROWDED = 3.0, 0.10
RESULT_PAGE = 900, 1100
NEW_FORM = {
    "index": (330, 330),
    "book/agreement": RESULT_PAGE,
    "book/approach": (700, 1100),
    "book/background": (1000, 1100),
    "book/beyond": RESULT_PAGE,
    "book/cite": (30, 30),
    "book/claims": RESULT_PAGE,
    "book/correlation": RESULT_PAGE,
    "book/dilution": RESULT_PAGE,
    "book/glossary": (1155, 1155),
    "book/ledger": RESULT_PAGE,
    "book/next_steps": (580, 580),
    "book/own_data": RESULT_PAGE,
    "book/own_formats": RESULT_PAGE,
    "book/performance": RESULT_PAGE,
    "book/planner": RESULT_PAGE,
    "book/provenance": (380, 380),
    "book/real_data": RESULT_PAGE,
    "book/ridge_vs_sgd": RESULT_PAGE,
    "book/run_it": (750, 750),
    "book/scaling": RESULT_PAGE,
    "book/takeaways": RESULT_PAGE,
    "book/testing": (630, 730),
    "book/worlds": RESULT_PAGE,
    "book/your_run": (400, 400),
}


def row(name: str, words: book_words.Words) -> str:
    return (
        f"{name:32}{words.words:7,}{words.shown:7,}{words.per_100:8.1f}{words.crowded:8.0%}"
        f"{words.semicolons:5}"
    )


@pytest.mark.book
def test_every_page_s_words_can_be_counted():
    counted = {name: book_words.page_words(name) for name in PAGES}
    print(f"\n{'page':32}{'words':>7}{'shown':>7}{'per 100':>8}{'crowded':>8}{';':>5}")
    for name, words in counted.items():
        print(row(name, words))
    assert all(words.words > 5 for words in counted.values())


@pytest.mark.book
@pytest.mark.parametrize("name", NEW_FORM)
def test_a_page_in_the_new_form_is_short_and_has_few_numbers(name):
    words, (most_shown, most) = book_words.page_words(name), NEW_FORM[name]
    assert words.shown <= most_shown, row(name, words)
    assert words.words <= most, row(name, words)
    assert words.per_100 <= MOST_NUMBERS, row(name, words)
    assert words.crowded <= MOST_CROWDED, row(name, words)
    assert words.semicolons == 0, row(name, words)


def test_words_and_numbers_are_counted_where_they_are_read():
    page = """<article><h1>Ten 10</h1><p><em>5 of 7 cells</em></p>
    <p>3 rows × 4 columns</p><p>One has 3 of 10,000. Two has 1, 2 and 53%.</p>
    <p>By <a class="reference internal" title="A. (2020)">A., 2020</a>, <code>n 7</code> is
    <span class="math">H^2</span>; relAA2 has none.</p><ul><li>Four words are here<ul><li>and
    two</li></ul></li><li><p>three more words</p></li></ul><table><tr><td><p>9</p></td></tr></table>
    <figure><figcaption><p>8 words</p></figcaption></figure><details><summary>fold</summary><p>Six
    words of 6 are folded.</p></details></article>"""
    shown, folded = book_words.blocks(page)
    assert shown == [
        "One has 3 of 10,000. Two has 1, 2 and 53%.",
        "By , x is x; relAA2 has none.",
        "Four words are here",
        "and two",
        "three more words",
    ]
    assert folded == ["Six words of 6 are folded."]
    words = book_words.count_words(page)
    assert (words.words, words.shown, words.semicolons) == (33, 27, 1)
    assert words.per_100 == pytest.approx(100 * 6 / 33)
    assert words.crowded == pytest.approx(1 / 7)


@pytest.mark.parametrize("path", book_words.sources(), ids=lambda path: path.name)
def test_a_source_has_none_of_the_phrases_that_the_book_s_rules_exclude(path):
    found = book_words.phrases_in(book_words.source_text(path))
    assert not any(found.values()), found


CODE = [*(ROOT / "lib" / "epidl").rglob("*.py"), *(ROOT / "book" / "epidl_book").glob("*.py")]


@pytest.mark.parametrize("path", sorted(CODE), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_docstrings_have_none_of_these_phrases_and_no_semicolons(path):
    code = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    told = [part for part in code if isinstance(part, ast.Module | ast.ClassDef | ast.FunctionDef)]
    text = "\n".join(book_words.prose(ast.get_docstring(part) or "") for part in told)
    found = book_words.phrases_in(text) | {";": [line for line in text.splitlines() if ";" in line]}
    assert not any(found.values()), found


def test_the_phrases_are_found_in_text_and_not_in_code():
    text = """A point a trait, as far as we know, stands on the page.

```bash
echo a row a cell
```

```{figure} a.svg
Traits drawn apart `steer` none, but steered ones do. MLP less ridge is next to none.
```
"""
    prose = book_words.prose(text)
    assert "echo" not in prose
    assert "{figure}" not in prose
    assert set(book_words.phrases_in(prose)) == {
        "a row a cell",
        "as far as",
        "stands on",
        "drawn apart",
        "A less B",
        "next to none",
        "steers",
    }
