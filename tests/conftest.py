"""What several test modules share."""

import contextlib
import os
import re
import sys
from pathlib import Path

import pytest
import scipy.linalg  # noqa: F401  (what is loaded by now is limited below)
import torch
from hypothesis import settings
from threadpoolctl import threadpool_limits
from xdist.scheduler import LoadScopeScheduling

from epidl.cohorts.simulate import Cohort, simulate
from print_pdf import CHROMIUM

ROOT = Path(__file__).parents[1]
REL_AA = (0, 0.1, 0.5, 1, 3)

settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")
if not torch.cuda.is_available():
    # before anything imports Triton: it runs the GPU's kernels on the CPU then
    os.environ["TRITON_INTERPRET"] = "1"
torch.set_num_threads(1)
# NumPy's and SciPy's too: two workers that share two cores wait for each other's threads
threadpool_limits(1)


class ByFileAndPage(LoadScopeScheduling):
    """Send a file's tests to one process, but those of the book page by page, so that each is opened
    once.
    """

    def _split_scope(self, nodeid: str) -> str:
        page = re.search(r"test_book\.py::.*\[(.+?)(-wide|-telephone|-light|-dark)?\]$", nodeid)
        return page[1] if page else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)  # of runs without xdist, too
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling | None:
    return ByFileAndPage(config, log) if config.getvalue("dist") == "loadscope" else None


def make_cohort(n_samples: int = 300, n_qtl: int = 16, *, seed: int = 1, **changes) -> Cohort:
    """Simulate the publication's five traits, small."""
    arguments = {"rel_aa": REL_AA, "broad_sense_heritability": 0.999} | changes
    return simulate(n_samples=n_samples, n_qtl=n_qtl, seed=seed, **arguments)


@pytest.fixture(autouse=True)
def closed_figures():
    """Close what a test has drawn: pyplot warns of many open figures, and a warning may end a test of
    other files.
    """
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="session")
def cohort() -> Cohort:
    return make_cohort()


@pytest.fixture(scope="session")
def browser():
    if not CHROMIUM:
        if os.environ.get("CI"):
            pytest.fail("the browser tests need Chromium (on Debian: apt-get install chromium)")
        pytest.skip("Chromium is not installed: the browser tests were skipped")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--headless", "--no-sandbox"]
        )
        yield browser
        browser.close()


@contextlib.contextmanager
def watched_page(browser, width: int = 1200, height: int = 900):
    """A page that notes errors and requests to anywhere but the book, and does not let the latter out."""
    page = browser.new_page(viewport={"width": width, "height": height})
    page.problems = []
    page.on(
        "console", lambda message: message.type == "error" and page.problems.append(message.text)
    )
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("requestfailed", lambda request: page.problems.append(f"failed: {request.url}"))

    def keep_inside(route):
        if route.request.url.startswith(("file:", "data:", "blob:")):
            route.continue_()
        else:
            page.problems.append(f"external request: {route.request.url}")
            route.abort()

    page.route("**/*", keep_inside)
    yield page
    page.close()


@pytest.fixture
def page(browser):
    with watched_page(browser) as page:
        yield page
