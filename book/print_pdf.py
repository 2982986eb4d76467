"""Print a page and its mathematics to PDF: `python book/print_pdf.py PAGE.html BOOK.pdf`."""

import shutil
import sys
from pathlib import Path

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
# text that a page folds is printed; of a folded table the print says that the book has it
UNFOLD = """() => document.querySelectorAll('details.sd-dropdown').forEach(folded => { folded.open = true })"""
# parts of the theme that help on a screen only
STYLE = """
.bd-header-article, .bd-sidebar-primary, .bd-sidebar-secondary, .prev-next-footer, .copybtn, .sd-summary-state-marker,
details:not([open]):not(:has(.cell_output)), .headerlink, .viewcode-link { display: none !important }
details.hide > summary > * { display: none !important }
details.hide:has(.cell_output) > summary::after { content: "The book on the web has a table here."; font-style: italic }
LEFT_OUT { display: none !important }
html { font-size: 14px }
span[id^="document-"] + section { break-before: page } /* a chapter */
figure, tr { break-inside: avoid }
.bd-content .cell_output table { font-size: 0.65rem; overflow-wrap: anywhere }
.bd-content .cell_output table :is(th, td) { padding: 0.2rem }
.bd-content .cell_output { overflow: visible }
pre { white-space: pre-wrap }
@page { size: A4; margin: 18mm 16mm 20mm }
"""
# the print has the study, what is beyond it, how to use it and whether it replicates
REFERENCE = ("run_it", "own_formats", "performance", "provenance", "testing", "library", "glossary")
LEFT_OUT = ['span[id^="document-notebooks/"]:not([id$="by_hand"]) + section']
LEFT_OUT += [f'span[id^="document-book/{name}"] + section' for name in REFERENCE]
STYLE = STYLE.replace("LEFT_OUT", ", ".join(LEFT_OUT))
FOOTER = '<div style="width: 100%; font-size: 8px; text-align: center"><span class="pageNumber"></span></div>'


def main(arguments: list[str]) -> int:
    """Run the command and return its exit status."""
    if len(arguments) != 2 or not Path(arguments[0]).is_file():
        print(__doc__, file=sys.stderr)
        return 2
    if not CHROMIUM:
        print(
            "A PDF is printed by Chromium, which is not installed (on Debian: apt-get install chromium)",
            file=sys.stderr,
        )
        return 1
    print_pdf(*map(Path, arguments))
    return 0


def print_pdf(html: Path, pdf: Path) -> None:
    """Print the page `html` to `pdf`, in light mode, when its mathematics is typeset, or raise if
    some is wrong.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--headless", "--no-sandbox"]
        )
        page = browser.new_page()
        page.add_init_script(
            "localStorage.setItem('mode', 'light'); localStorage.setItem('theme', 'light')"
        )
        # all figures of a book, on a busy machine
        page.goto(html.resolve().as_uri(), timeout=300_000)
        page.evaluate("window.MathJax ? MathJax.startup.promise : null")
        wrong = page.locator("mjx-merror").all_inner_texts()
        if wrong:
            raise ValueError(f"{html} has mathematics that cannot be typeset: {wrong}")
        page.evaluate(UNFOLD)
        page.add_style_tag(content=STYLE)
        page.pdf(
            path=pdf,
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=FOOTER,
            prefer_css_page_size=True,
            print_background=True,
            scale=0.8,
            outline=True,
            tagged=True,
        )
        browser.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
