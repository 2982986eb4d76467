"""The words of the built book and of its sources, for the tests that count them.

Words to be read are those of paragraphs and list items, outside code, tables, figures and captions.
What is in a dropdown is counted too, and apart. A formula or a piece of code within a sentence is one
word without numbers, and a citation is none. Not prose are a page's status line, a paragraph in
italics, and the size that pandas writes under a table.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from bs4 import BeautifulSoup
from bs4.element import Tag

from book_pages import BOOK
from conftest import ROOT

NOT_READ = ["figure", "nav", "pre", "script", "style", "summary", "svg", "table"]
NOT_READ_CLASSES = [
    "bibliography",
    "cell_input",
    "citation",
    "container-bibliography",
    "math-wrapper",
]
# 10,000 and 10 000 are one number, and so are 0.5, 53% and 1e-5; a digit within a word is none
NUMBER = re.compile(r"(?<![\w.,])[-+−±]?\d+(?:[ ,]\d{3}\b|[.:]\d+|e[-+]?\d+)*(?![\w])")
TABLE_SIZE = re.compile(r"\d+ rows × \d+ columns")
SENTENCE_ENDS = re.compile(r"(?<=[.!?])[\"”)*]*\s+(?=[^\sa-z])")


@dataclass(frozen=True)
class Words:
    """What one page has to be read.

    words: all, and shown: those outside dropdowns. per_100: numbers for every 100 of all words.
    crowded: the share of sentences with three numbers or more. semicolons: in all words.
    """

    words: int
    shown: int
    per_100: float
    crowded: float
    semicolons: int


def count_words(html: str) -> Words:
    """Return the counts of a built page."""
    shown, folded = blocks(html)
    text = shown + folded
    words = _n_words(text)
    numbers = sum(len(NUMBER.findall(block)) for block in text)
    sentences = [sentence for block in text for sentence in SENTENCE_ENDS.split(block)]
    crowded = sum(len(NUMBER.findall(sentence)) >= 3 for sentence in sentences)
    return Words(
        words,
        _n_words(shown),
        100 * numbers / max(words, 1),
        crowded / max(len(sentences), 1),
        sum(block.count(";") for block in text),
    )


def _n_words(text: list[str]) -> int:
    return sum(len(re.findall(r"\S*\w\S*", block)) for block in text)


def blocks(html: str) -> tuple[list[str], list[str]]:
    """Return the paragraphs and list items of a built page: those shown, those in dropdowns."""
    article = BeautifulSoup(html, "html.parser").find("article")
    for part in article.find_all(NOT_READ) + article.find_all(class_=NOT_READ_CLASSES):
        part.decompose()
    for part in article.find_all("a", class_="reference", title=True):  # a citation
        if "internal" in part.get("class", []):
            part.decompose()
    for part in article.find_all(["code", "tt"]) + article.find_all(class_="math"):
        part.replace_with("x")
    shown, folded = [], []
    for part in article.find_all(["p", "li"]):
        words = _own_words(part)
        if words and not _is_status(part) and not TABLE_SIZE.fullmatch(words):
            (folded if part.find_parent("details") else shown).append(words)
    return shown, folded


def _is_status(part: Tag) -> bool:
    content = [child for child in part.children if str(child).strip()]
    return len(content) == 1 and content[0].name == "em"


def _own_words(part: Tag) -> str:
    """Return the text of a paragraph or list item, without the paragraphs and items within."""
    own = BeautifulSoup(str(part), "html.parser").find(part.name)
    for inner in own.find_all(["p", "li", "details"]):
        inner.extract()
    return " ".join(own.get_text().split())


def page_words(name: str) -> Words:
    """Return the counts of a page of the built book."""
    return count_words((BOOK / f"{name}.html").read_text(encoding="utf-8"))


# --- Sources -----------------------------------------------------------------------------------------

# ten rules for the book's English say why; each would be said in another way to a colleague
_COUNTED = (
    "rows?|columns?|points?|dots?|bars?|stars?|lines?|curves?|panels?|numbers?|fits?|steps|seconds|outputs|weights|"
    "regressions?|decompositions?|networks?|groups?|cohorts|traits|models|replicates|RidgeCV|bits?|bytes"
)
_FOR_EACH = (
    "trait|cell|cohort|condition|pair|point|row|replicate|fit|marker|locus|split|individual|scaling|epoch|experiment|"
    "page|panel|parameter|sample|genotype"
)
PHRASES = {
    "a row a cell": rf"\b(?:{_COUNTED}) an? (?:{_FOR_EACH})\b",
    "A less B": r"\bless (?:that|those|its|ridge|exact|theirs)\b|\$ less\b|\btrait less\b",
    "stands on": r"\bstands? (?:on|in(?! for\b))\b",
    "next to none": r"\bnext to (?:no|none|nothing)\b",
    "as far as": r"\bas far as\b",
    "drawn apart": r"\bdrawn apart\b",
    "steers": r"\bsteer(?:s|ed|ing)?\b",
    "beside": r"\bbeside\b",
    "for want of": r"\bfor want of\b",
    "lies in": r"\bl(?:ie|ies|ay) (?:in|within)\b",
    "where for if": r"\b(?:Error|NaN|None|empty) where\b",
    "53 %": r"\d %",
    "texts": r"\btexts\b",
}


def sources() -> list[Path]:
    """Return what a reader is shown: the README, pages, notebooks."""
    pages = [path for folder in ("book", "notebooks") for path in (ROOT / folder).iterdir()]
    written = sorted(path for path in pages if path.suffix in (".md", ".ipynb"))
    return [ROOT / "README.md", ROOT / "index.md", *written]


def source_text(path: Path) -> str:
    """Return the prose of a source, of a notebook its text and its captions."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        parts = []
        for cell in json.loads(text)["cells"]:
            if cell["cell_type"] == "markdown":
                parts.append("".join(cell["source"]))
            parts.append(cell["metadata"].get("mystnb", {}).get("figure", {}).get("caption", ""))
        text = "\n\n".join(parts)
    return prose(text)


def prose(text: str) -> str:
    """Return Markdown without its code, one line for each paragraph; links and code are `x`."""
    text = re.sub(r"\{[\w:]+\}`[^`]*`", "x", _without_code_blocks(text))  # a role: a number, a link
    text = re.sub(r"`[^`]*`", "x", text)
    paragraphs = re.split(r"\n\s*\n", text)
    return "\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _without_code_blocks(text: str) -> str:
    """Return a text without its fenced code; what a directive holds is kept, its fences are not."""
    kept, fences = [], []
    for line in text.splitlines():
        fence = re.match(r"\s*(`{3,}|~{3,}|:{3,})(.*)", line)
        if not fence:
            if "code" not in fences:
                kept.append(line)
        elif fence[2].strip() and "code" not in fences:
            fences.append("directive" if fence[2].strip().startswith("{") else "code")
        elif fences:
            fences.pop()
    return "\n".join(kept)


def phrases_in(text: str) -> dict[str, list[str]]:
    """Return the phrases of a text that the rules exclude: by rule, each with the words around it."""
    found = {}
    for name, pattern in PHRASES.items():
        places = re.finditer(pattern, text, flags=re.IGNORECASE)
        around = [text[max(0, place.start() - 40) : place.end() + 25] for place in places]
        if around:
            found[name] = around
    return found
