"""The book's interactive charts in a browser: controls change what is drawn, a pointer shows a
replicate's values.
"""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pandas as pd
import pytest

from book_pages import BOOK, visit
from conftest import ROOT

pytestmark = pytest.mark.book
CHARTS = {
    "scaling": ["Trait", "Individuals", "Model"],
    "dilution": ["Trait", "Model", "Shown"],
    "correlation": ["Traits", "QTL", "Model", "Shown"],
}


def open_chart(page, name: str):
    visit(page, f"book/{name}")
    page.wait_for_selector(".chart-view svg", timeout=10_000)
    return page.locator(".chart")


def control(chart, label: str):
    return chart.get_by_role("combobox", name=label, exact=True)


def points(chart, layer: str):
    return chart.locator(f'g[aria-label="{layer}"] > path')


def labels(marks) -> list[str]:
    return marks.evaluate_all("marks => marks.map(mark => mark.getAttribute('aria-label'))")


def shipped(name: str) -> pd.DataFrame:
    return pd.read_csv(ROOT / "book" / "data" / f"{name}.csv")


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_drawn_offline_with_labelled_controls(page, name):
    chart = open_chart(page, name)
    assert page.problems == []
    assert chart.get_attribute("role") == "group"
    assert len(chart.get_attribute("aria-label")) > 40
    assert chart.locator("select").count() == len(CHARTS[name])
    for label in CHARTS[name]:
        assert control(chart, label).count() == 1
    assert points(chart, "replicates").count() > 0
    assert "JavaScript" not in chart.locator(".chart-view").inner_text()


def test_every_replicate_of_the_chosen_trait_is_drawn(page):
    chart = open_chart(page, "scaling")
    table = shipped("scaling")
    table = table[table["n_samples"] == table["n_samples"].min()]
    control(chart, "Trait").select_option(label="relAA 0.5 (V_A/V_G about 0.5)")
    expected = table[table["rel_aa"] == 0.5]
    assert points(chart, "replicates").count() == len(expected)
    control(chart, "Model").select_option("MLP")
    expected = expected[expected["model"] == "mlp"]
    assert points(chart, "replicates").count() == len(expected)
    drawn = [
        re.search(r" r (-?[\d.]+)", label).group(1) for label in labels(points(chart, "replicates"))
    ]
    assert sorted(drawn) == sorted(expected["pearson_r"].map("{:.3f}".format))


def test_controls_work_by_keyboard(page):
    chart = open_chart(page, "scaling")
    before = labels(points(chart, "replicates"))
    control(chart, "Trait").focus()
    page.keyboard.press("Home")
    assert control(chart, "Trait").input_value() == "0"
    after = labels(points(chart, "replicates"))
    assert after != before
    assert all("trait 1," in label for label in after)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "n_samples"


def test_what_is_not_computed_is_said_beside_the_publications_values(page):
    chart = open_chart(page, "scaling")
    control(chart, "Individuals").select_option("1,000,000")
    computed = (shipped("scaling")["n_samples"] == 1_000_000).any()
    assert points(chart, "publication").count() > 0
    assert (chart.get_by_text("not computed").count() == 0) == computed
    assert (points(chart, "replicates").count() > 0) == computed


@pytest.mark.parametrize(
    ("name", "shown"), [("dilution", "difference"), ("correlation", "relative_gain")]
)
def test_the_publications_values_are_drawn_for_its_own_quantity_alone(page, name, shown):
    chart = open_chart(page, name)
    assert points(chart, "publication").count() == 0
    title = chart.locator(".role-title-text").text_content()
    control(chart, "Shown").select_option(index=1)
    assert points(chart, "publication").count() > 0
    assert chart.locator(".role-title-text").text_content() != title


@pytest.mark.parametrize("name", CHARTS)
def test_pointing_at_a_replicate_shows_its_values(page, name):
    chart = open_chart(page, name)
    control(chart, "Model").select_option("MLP")
    point = points(chart, "replicates").last
    described = point.get_attribute("aria-label")
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector("#vg-tooltip-element.visible")
    tooltip = dict(
        zip(
            page.locator("#vg-tooltip-element td.key").all_inner_texts(),
            page.locator("#vg-tooltip-element td.value").all_inner_texts(),
            strict=True,
        )
    )
    assert tooltip["model"] == "MLP"
    assert {"trait", "replicate", "V_A/V_G", "status"} <= set(tooltip)
    table = shipped(name)
    found = table[
        (table["model"] == "mlp")
        & (table["trait"] == int(tooltip["trait"]))
        & (table["replicate"] == int(tooltip["replicate"]))
        & (table["pearson_r"].map("{:.3f}".format) == tooltip["Pearson's r"])
        & (table["va_over_vg"].map("{:.3f}".format) == tooltip["V_A/V_G"])
    ]
    assert len(found) == 1
    assert found["status"].iloc[0] == tooltip["status"]
    r = tooltip["Pearson's r"]
    assert f"r {r}," in described


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_fits_a_telephone(page, name):
    page.set_viewport_size({"width": 390, "height": 800})
    chart = open_chart(page, name)
    view = chart.locator(".chart-view").bounding_box()
    drawn = chart.locator(".chart-view svg").bounding_box()
    assert drawn["width"] <= view["width"] <= 390
    assert drawn["width"] > 250
    for select in chart.locator("select").all():
        box = select.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390


@pytest.mark.parametrize("name", ["dilution", "correlation"])
@pytest.mark.parametrize("width", [390, 1200])
def test_no_label_is_cut_off_where_another_quantity_is_shown(page, name, width):
    page.set_viewport_size({"width": width, "height": 800})
    chart = open_chart(page, name)
    control(chart, "Shown").select_option(index=1)
    page.wait_for_timeout(300)
    drawn = chart.locator(".chart-view svg").bounding_box()
    # a label without room is transparent
    shown = chart.locator('.chart-view svg text:not([opacity="0"])')
    texts = [text.bounding_box() for text in shown.all()]
    assert len(texts) > 10
    for text in texts:
        assert text["x"] >= drawn["x"] - 1
        assert text["x"] + text["width"] <= drawn["x"] + drawn["width"] + 1


def test_only_pages_with_a_chart_load_the_script(page):
    for name in [*(f"book/{chart}" for chart in CHARTS), "notebooks/scaling"]:
        loaded = set()
        page.on(
            "request",
            lambda request, loaded=loaded: loaded.add(Path(unquote(urlsplit(request.url).path))),
        )
        visit(page, name)
        assert BOOK / f"{name}.html" in loaded
        assert (BOOK / "_static" / "charts.js" in loaded) == name.startswith("book/")
