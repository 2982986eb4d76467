"""Printing a page to PDF, in Chromium; the book is printed by `make pdf`."""

import re
import subprocess
import sys

import pytest

from conftest import ROOT
from print_pdf import CHROMIUM

pytestmark = pytest.mark.book
PAGE = """<!doctype html><title>Title</title><body class="x"><section>First</section>
<span id="document-book/second"></span><section>Second {body}</section>"""


def run(*arguments):
    command = [sys.executable, str(ROOT / "book" / "print_pdf.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed")
def test_each_chapter_begins_a_page(tmp_path):
    html, pdf = tmp_path / "page.html", tmp_path / "page.pdf"
    html.write_text(PAGE.format(body=""))
    assert run(html, pdf).returncode == 0
    assert pdf.read_bytes().startswith(b"%PDF")
    assert len(re.findall(rb"/Type /Page\b", pdf.read_bytes())) == 2


@pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed")
@pytest.mark.parametrize(
    ("folded", "pages"),
    [
        ('<details class="sd-dropdown"><summary>Text</summary>{}</details>', 3),
        (
            '<details class="hide"><summary>Table</summary><p class="cell_output">{}</p></details>',
            2,
        ),
        ('<details class="hide"><summary>Code</summary><p class="cell_input">{}</p></details>', 2),
    ],
    ids=["dropdown", "output", "code"],
)
def test_text_that_a_page_folds_is_printed_and_neither_its_tables_nor_its_code(
    tmp_path, folded, pages
):
    html, pdf = tmp_path / "page.html", tmp_path / "page.pdf"
    tall = '<span style="display: block; height: 1500px">tall</span>'
    html.write_text(PAGE.format(body=folded.format(tall)))
    assert run(html, pdf).returncode == 0
    assert len(re.findall(rb"/Type /Page\b", pdf.read_bytes())) == pages


@pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed")
def test_wrong_mathematics_is_not_printed(tmp_path):
    html, pdf = tmp_path / "page.html", tmp_path / "page.pdf"
    html.write_text(PAGE.format(body="<mjx-merror>Undefined control sequence</mjx-merror>"))
    finished = run(html, pdf)
    assert finished.returncode != 0
    assert "Undefined control sequence" in finished.stderr
    assert not pdf.exists()


def test_a_missing_page_is_named_before_anything_starts(tmp_path):
    finished = run(tmp_path / "missing.html", tmp_path / "page.pdf")
    assert finished.returncode == 2
    assert "PAGE.html BOOK.pdf" in finished.stderr
