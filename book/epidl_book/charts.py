"""Interactive charts of the main figures: Vega-Lite specifications with their data inside, and what
draws them.

A chart needs no server and no network. `python -m epidl_book.charts FILE` writes the script that
the built book keeps among its static files.
"""

import argparse
import html
import itertools
import json
from collections.abc import Mapping, Sequence

import altair as alt
import pandas as pd
import vl_convert
from IPython.display import HTML

from epidl import checks, commands
from epidl.figures.scaling import SCALING_LABEL
from epidl.figures.style import (
    MODEL_COLORS,
    MODEL_MARKERS,
    MODEL_NAMES,
    expected_va_over_vg,
    models_of,
)
from epidl.grid.contrasts import CONTROL, condition, one_protocol, paired
from epidl.storage import write_text
from epidl_book.agreement import PUBLISHED_NAME

SPEC_TYPE = "application/vnd.vegalite+json"
SHAPES = {
    "s": "square",
    "o": "circle",
    "D": "diamond",
    "^": "triangle-up",
    "v": "triangle-down",
    "P": "cross",
}
QUANTITIES = {
    "pearson_r": "Pearson's r",
    "difference": "r minus r of ridge",
    "relative_gain": "Relative gain in r over ridge",
}
# dashed; that at 1 also makes the axis of r the same for every choice
REFERENCES = [
    ("pearson_r", 0),
    ("pearson_r", 1),
    ("difference", 0),
    ("relative_gain", 0),
]
CHOICES = {"rel_aa": "Trait", "n_samples": "Individuals", "n_traits": "Traits", "n_qtl": "QTL"}
DRAW = f"""
for (const spec of document.querySelectorAll("script[type='{SPEC_TYPE}']")) {{
  const chart = spec.parentElement;
  vegaEmbed(chart.querySelector(".chart-view"), JSON.parse(spec.textContent), {{
    mode: "vega-lite", renderer: "svg", actions: false, bind: chart.querySelector(".chart-controls"),
    logLevel: 1, // no warning where a choice leaves a layer empty
    patch: (vega) => {{ // a group of marks needs a name even where it is empty
      for (const marks of vega.marks) marks.description = marks.name.replace(/_marks$/, "");
      return vega;
    }},
  }}).then(({{ view }}) => {{ // for a page's own script that changes the data
    chart.view = view;
    chart.dispatchEvent(new Event("drawn", {{ bubbles: true }}));
    // the theme moves its columns after the window's size has changed, which is when a chart takes its width
    new ResizeObserver(() => window.dispatchEvent(new Event("resize"))).observe(chart);
  }});
}}
"""
DETAILS = ["trait", "replicate", "va_over_vg", "status"]
Y = alt.Y("value:Q", title=None, scale=alt.Scale(nice=False, padding=8))
Looks = Mapping[str, alt.SchemaBase]
LICENCE = "/* Vega, Vega-Lite and Vega-Embed: BSD 3-Clause, University of Washington Interactive Data Lab */\n"


def scaling_chart(table: pd.DataFrame, published: pd.DataFrame) -> alt.LayerChart:
    """Return r of every model against the scaling, for a trait and a number of individuals that the
    reader chooses.

    table: results of the scaling experiment. published: the digitised figure 1. Raises ValueError
    if the table mixes protocols.
    """
    theirs = published.rename(columns={"r_mid": "value", "r_low": "low", "r_high": "high"})
    theirs = theirs.replace({"model": {name: model for model, name in PUBLISHED_NAME.items()}})
    x = _log_axis("scaling", SCALING_LABEL, table, theirs)
    return _chart(table, theirs, x, ["rel_aa", "n_samples"], published_quantity="pearson_r")


def dilution_chart(table: pd.DataFrame, published: pd.DataFrame) -> alt.LayerChart:
    """Return r of every model, or its difference from ridge's, against the number of markers, for a
    chosen trait.

    table: results of the dilution experiment. published: the digitised figure 2, which holds
    differences. Raises ValueError if the table mixes protocols.
    """
    theirs = published.merge(table[["n_samples", "n_qtl"]].drop_duplicates()).rename(
        columns={"median": "value"}
    )
    x = _log_axis("n_markers", "Markers", table, theirs)
    return _chart(
        table, theirs, x, ["rel_aa", "n_samples", "n_qtl"], published_quantity="difference"
    )


def correlation_chart(table: pd.DataFrame, published: pd.DataFrame) -> alt.LayerChart:
    """Return r of the MLP and ridge, or the relative gain, by condition, for chosen numbers of traits
    and QTL.

    table: results of the correlation experiment. published: the digitised figure 3, which holds
    medians of the relative gain. Raises ValueError if the table mixes protocols.
    """
    theirs = published.merge(table[["n_samples", "rel_aa"]].drop_duplicates())
    theirs = theirs.rename(columns={"median_relative_gain": "value"})
    theirs = theirs.assign(model="mlp", low=float("nan"), high=float("nan"), shared_pairs=False)
    table, theirs = (part.assign(condition=condition(part)) for part in (table, theirs))
    order = sorted(
        {*table["condition"], *theirs["condition"]},
        key=lambda name: (float(name.split(",")[0]), name),
    )
    control = f"datum.value == '{CONTROL}' ? ['0,', 'shared', 'pairs'] : datum.value"
    axis = alt.Axis(
        labelAngle=0, labelExpr=f"datum.value == '0' ? ['0,', 'own', 'pairs'] : {control}"
    )
    scale = alt.Scale(domain=order, paddingInner=0.5, paddingOuter=0.25)
    x = alt.X("condition:O", sort=order, scale=scale, title="Correlation of effects", axis=axis)
    return _chart(
        table,
        theirs,
        x,
        ["n_traits", "n_qtl", "n_samples", "rel_aa"],
        published_quantity="relative_gain",
    )


def show_chart(chart: alt.LayerChart, name: str) -> HTML:
    """Return a chart for a page in the folder book/, with an accessible name and words for readers
    without scripts.
    """
    text = json.dumps(specification(chart), separators=(",", ":"))
    content = text.replace("<", "\\u003c")  # no tag may end the script
    return HTML(
        f'<div class="chart" role="group" aria-label="{html.escape(name)}">'
        '<form class="chart-controls" autocomplete="off"></form>'
        '<div class="chart-view"><p>This chart needs JavaScript. The figure above shows the same values.</p></div>'
        f'<script type="{SPEC_TYPE}">{content}</script></div>'
        '<script defer src="../_static/charts.js"></script>'
    )


def specification(chart: alt.LayerChart) -> dict:
    """Return a chart's Vega-Lite specification, without the address of its schema."""
    return {name: value for name, value in chart.to_dict().items() if name != "$schema"}


def script() -> str:
    """Return the script that draws the charts of a page: Vega, Vega-Lite and Vega-Embed in one, and
    their start.

    The script is a function, so that its names do not meet those of a page's other scripts.
    """
    return f"{LICENCE}(() => {{{vl_convert.javascript_bundle(DRAW)}}})();\n"


def _chart(
    table: pd.DataFrame,
    theirs: pd.DataFrame,
    x: alt.X,
    keys: Sequence[str],
    published_quantity: str,
) -> alt.LayerChart:
    """Return the chart of a table and of the publication's value, low and high of one quantity, chosen
    by `keys`.
    """
    quantities = list(dict.fromkeys(["pearson_r", published_quantity]))
    table = _with_gains(one_protocol(table), quantities)
    place = x.to_dict()["field"]
    options = {key: sorted({*table[key], *theirs[key]}) for key in [*keys, place]}
    keys = [key for key in keys if len(options[key]) > 1]
    models = models_of(pd.concat([table[["model"]], theirs[["model"]]]))
    data = {
        "replicates": _named(table)[[*keys, place, "model", *quantities, *DETAILS]],
        "publication": _named(theirs)[[*keys, place, "model", "value", "low", "high"]],
        "gaps": _gaps(table, {key: options[key] for key in [*keys, place]}),
        "references": pd.DataFrame(REFERENCES, columns=["quantity", "value"]),
    }
    sources = {name: alt.Chart(_source(name, part)) for name, part in data.items()}
    choices = [_choice(key, options[key], table[key]) for key in keys]
    return framed(
        alt.layer(*_layers(sources, keys, _looks(x, models), quantities))
        .add_params(*choices, *_display_choices(models, quantities))
        .properties(
            datasets={name: _csv(part) for name, part in data.items()},
            height=320,
            description=f"{QUANTITIES['pearson_r']} of models, by {x.to_dict()['title'].lower()}",
            title=alt.Title(
                alt.ExprRef(f"{json.dumps(QUANTITIES)}[quantity]"), anchor="start", fontSize=13
            ),
        )
    )


def framed(chart: alt.LayerChart) -> alt.LayerChart:
    """Return a chart as wide as its page, with the background and letters that all charts have."""
    fit = alt.AutoSizeParams(type="fit-x", contains="padding", resize=True)  # labels change
    chart = chart.properties(width="container", autosize=fit, background="white")
    chart = chart.configure_axis(labelFontSize=12, titleFontSize=12)
    return chart.configure_legend(labelFontSize=12, symbolOpacity=1)


def _layers(
    sources: Mapping[str, alt.Chart], keys: Sequence[str], looks: Looks, quantities: Sequence[str]
) -> list[alt.Chart]:
    """Return what is drawn, from back to front. The publication's values are of the last quantity.

    A layer without the chosen values is empty.
    """
    chosen = " && ".join(["true", *(f"datum.{key} == {key}" for key in keys)])
    of_model = f"{chosen} && (model == null || datum.model == model)"
    replicates = (
        sources["replicates"]
        .transform_filter(of_model)
        .transform_calculate(value="datum[quantity]")
    )
    published = sources["publication"].transform_filter(
        f"quantity == '{quantities[-1]}' && {of_model}"
    )
    layers = {
        "references": _reference_lines(sources["references"]),
        "not computed": _gap_words(sources["gaps"].transform_filter(chosen), looks["x"]),
        "means": _means(replicates, looks),
        "publication, ranges": _published_ranges(published, looks),
        "publication": _published(published, looks, QUANTITIES[quantities[-1]]),
        "replicates": _replicates(replicates, looks, quantities),
        "failed fits": _failures(replicates, looks),
    }
    return [layer.properties(name=name) for name, layer in layers.items()]


def _looks(x: alt.X, models: Sequence[str]) -> Looks:
    """Return the encodings that marks share: x, a model's colour and shape, and on ordinal x a place."""
    names = list(map(MODEL_NAMES.get, models))
    colors = alt.Scale(domain=names, range=list(map(MODEL_COLORS.get, models)))
    shapes = alt.Scale(domain=names, range=[SHAPES[MODEL_MARKERS[model]] for model in models])
    legend = alt.Legend(title=None, orient="bottom", columns=3)
    looks = {"x": x, "color": alt.Color("model:N", scale=colors, legend=legend)}
    looks["shape"] = alt.Shape("model:N", scale=shapes, legend=legend)
    if x.to_dict()["type"] == "ordinal":
        looks["xOffset"] = alt.XOffset("model:N", scale=alt.Scale(domain=names))
    return looks


def _without_shape(looks: Looks) -> Looks:
    return {channel: look for channel, look in looks.items() if channel != "shape"}


def _reference_lines(references: alt.Chart) -> alt.Chart:
    lines = references.transform_filter("datum.quantity == quantity")
    return lines.mark_rule(color="gray", strokeDash=[4, 4], aria=False).encode(y=Y)


def _gap_words(gaps: alt.Chart, x: alt.X) -> alt.Chart:
    style = {"angle": 270, "align": "left", "fontSize": 11, "color": "#595959"}
    return gaps.mark_text(text="not computed", y=alt.ExprRef("height - 6"), **style).encode(x=x)


def _means(replicates: alt.Chart, looks: Looks) -> alt.Chart:
    """Return the models' means: a line, or bars if x is ordinal."""
    if "xOffset" in looks:
        marks = replicates.mark_tick(thickness=3, size=18, orient="horizontal", aria=False)
    else:
        marks = replicates.mark_line(aria=False)
    return marks.encode(**_without_shape(looks), y=alt.Y("mean(value):Q", title=None))


def _published_ranges(published: alt.Chart, looks: Looks) -> alt.Chart:
    return published.mark_rule(aria=False).encode(
        **_without_shape(looks), y=alt.Y("low:Q", title=None), y2="high:Q"
    )


def _published(published: alt.Chart, looks: Looks, quantity: str) -> alt.Chart:
    """Return the publication's values as open points."""
    points = published.transform_calculate(
        range="isValid(datum.low) ? format(datum.low, '.3f') + ' to ' + format(datum.high, '.3f') : 'not known'",
        description="datum.model + ' of the publication, ' + format(datum.value, '.3f')",
    )
    value = alt.Tooltip("value:Q", title=f"{quantity}, publication", format=".3f")
    tooltip = [
        *_place(looks["x"]),
        value,
        alt.Tooltip("range:N", title="lowest to highest replicate"),
    ]
    points = points.mark_point(filled=False, size=90, strokeWidth=1.5, fill="transparent")
    return points.encode(**looks, y=Y, description="description:N", tooltip=tooltip)


def _replicates(replicates: alt.Chart, looks: Looks, quantities: Sequence[str]) -> alt.Chart:
    """Return one point per cohort and trait, whose tooltip has all quantities."""
    words = {
        f"{name}_words": f"isValid(datum.{name}) ? format(datum.{name}, '.3f') : 'none'"
        for name in quantities
    }
    place = "', trait ' + datum.trait + ', replicate ' + datum.replicate"
    description = f"datum.model + ', r ' + datum.pearson_r_words + {place}"
    points = replicates.transform_filter("isValid(datum.value)").transform_calculate(**words)
    points = points.transform_calculate(description=description).mark_point(
        filled=True, size=36, opacity=0.6
    )
    values = [alt.Tooltip(f"{name}_words:N", title=QUANTITIES[name]) for name in quantities]
    share = alt.Tooltip("va_over_vg:Q", title="V_A/V_G", format=".3f")
    tooltip = [*_place(looks["x"]), *values, "trait:O", "replicate:O", share, "status:N"]
    return points.encode(**looks, y=Y, description="description:N", tooltip=tooltip)


def _failures(replicates: alt.Chart, looks: Looks) -> alt.Chart:
    """Return fits without an r as crosses at the foot of the chart, where no value is meant."""
    place = "', trait ' + datum.trait + ', replicate ' + datum.replicate"
    description = f"datum.model + ', no r: ' + datum.status + {place}"
    failed = replicates.transform_filter("!isValid(datum.pearson_r)").transform_calculate(
        description=description
    )
    tooltip = [*_place(looks["x"]), "trait:O", "replicate:O", "status:N"]
    crosses = failed.mark_point(
        shape="cross", angle=45, size=90, filled=True, y=alt.ExprRef("height - 8")
    )
    return crosses.encode(**_without_shape(looks), description="description:N", tooltip=tooltip)


def _gaps(table: pd.DataFrame, options: Mapping[str, Sequence]) -> pd.DataFrame:
    """Return the combinations of options that the table has no row of."""
    possible = pd.DataFrame(itertools.product(*options.values()), columns=list(options))
    found = possible.merge(table[list(options)].drop_duplicates(), how="left", indicator="found")
    return found.loc[found["found"] == "left_only", list(options)]


def _choice(key: str, options: Sequence, computed: pd.Series) -> alt.Parameter:
    """Return a column's control, which starts with the most epistatic trait that is computed, else
    with the smallest value.
    """
    start = computed.max() if key == "rel_aa" else computed.min()
    return _control(
        key, CHOICES[key], {_label(key, value): _plain(value) for value in options}, _plain(start)
    )


def _display_choices(models: Sequence[str], quantities: Sequence[str]) -> list[alt.Parameter]:
    names = {"all models": None} | {MODEL_NAMES[model]: MODEL_NAMES[model] for model in models}
    shown = {QUANTITIES[quantity]: quantity for quantity in quantities}
    return [
        _control("model", "Model", names, None),
        _control("quantity", "Shown", shown, quantities[0]),
    ]


def _control(name: str, label: str, options: Mapping[str, object], start: object) -> alt.Parameter:
    """Return a parameter, with a control if there is something to choose."""
    if len(options) == 1:
        return alt.param(name=name, value=start)
    bind = alt.binding_select(options=list(options.values()), labels=list(options), name=label)
    return alt.param(name=name, value=start, bind=bind)


def _label(key: str, value: float) -> str:
    return (
        f"relAA {value:g} (V_A/V_G about {expected_va_over_vg(value):.2g})"
        if key == "rel_aa"
        else f"{value:,}"
    )


def _plain(value: object) -> object:
    """Return a NumPy number as Python's own, which JSON knows."""
    return value.item() if hasattr(value, "item") else value


def _log_axis(column: str, title: str, *tables: pd.DataFrame) -> alt.X:
    """Return a logarithmic x that spans the values of all tables and labels as many as fit."""
    values = sorted({_plain(value) for table in tables for value in table[column]})
    scale = alt.Scale(type="log", domain=[values[0] / 1.2, values[-1] * 1.2], nice=False)
    axis = alt.Axis(values=values, format=",~g", grid=False, labelOverlap=True)
    return alt.X(f"{column}:Q", title=title, scale=scale, axis=axis)


def _place(x: alt.X) -> list[alt.Tooltip]:
    """Return what a tooltip says first: the model, and x."""
    column = x.to_dict()["field"]
    return [alt.Tooltip("model:N"), alt.Tooltip(f"{column}:N", title=column.replace("_", " "))]


def _with_gains(table: pd.DataFrame, quantities: Sequence[str]) -> pd.DataFrame:
    """Return the table with the columns of `paired` that are wanted, such as a row's gain over
    ridge on its cohort.
    """
    keys = ["cell", "replicate", "trait", "protocol", "model"]
    gained = [name for name in quantities if name != "pearson_r"]
    if not gained:
        return table
    gains = pd.concat(paired(table, model, "ridge") for model in table["model"].unique())
    return table.merge(gains[[*keys, *gained]], on=keys, how="left", validate="one_to_one")


def _named(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(model=table["model"].map(MODEL_NAMES))


def _csv(table: pd.DataFrame) -> str:
    """Return a table as CSV with the three decimals that tooltips show, less than half the size of
    a list of records.
    """
    return table.round(3).to_csv(index=False, float_format="%.6g")


def _source(name: str, table: pd.DataFrame) -> alt.NamedData:
    """Return what a layer says of its data: their name, and that they are CSV with these columns of
    numbers.
    """
    numbers = dict.fromkeys(table.select_dtypes("number"), "number")
    return alt.NamedData(name, format=alt.CsvDataFormat(type="csv", parse=numbers))


@commands.answers_with(2)
def main(arguments: list[str] | None = None) -> int:
    """Write the script that draws the charts. Return 0, or 2 if it cannot be written."""
    description = "Write the script that draws the interactive charts of a page."
    parser = argparse.ArgumentParser(prog="python -m epidl_book.charts", description=description)
    parser.add_argument("file", metavar="FILE", help="where the script is written")
    name = parser.parse_args(arguments).file
    file = checks.path("FILE", name)
    checks.folder("the folder of FILE", file.parent)
    checks.require(not file.is_dir(), f"FILE must be no folder, got {checks.shown(name)}")
    write_text(file, script())
    return 0


if __name__ == "__main__":
    commands.end(main)
