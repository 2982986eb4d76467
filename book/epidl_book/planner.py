"""The planner's page: its form and curve, with the data that book/static/planner.js works with,
words and tables.
"""

import html
import json
from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd
from IPython.display import HTML, Markdown

from epidl.figures.style import MODEL_COLORS
from epidl.own.registry import KINDS
from epidl.planner import planning, surface
from epidl_book import charts

CONDITION = surface.KEYS[2:]  # of whatever experiment and cell
EXPECTED = ("kernel", "pairs", "ridge")  # what theory expects where a network leads
PRESET = "yeast"  # what the page opens with
NEAREST = [
    "Condition",
    "n",
    "m",
    "q",
    "V_A/V_G",
    "H²",
    "Ridge",
    "Kernel",
    "MLP",
    "Pairs",
    "Distance",
]
FORECASTS = ["Model", "Expected r", "90% of studies of this V_A/V_G", "Based on", "Against ridge"]


def show_planner() -> HTML:
    """Return the planner for a page in the folder book/, which book/static/planner.js fills."""
    content = planning.surface()
    presets = pd.DataFrame(content["presets"]).T[["name", "study"]].to_dict("index")
    fields = "".join(map(_field, planning.INPUTS)) + _population_field()
    # as a table, which names its columns once: pages stay small
    points = json.loads(pd.json_normalize(content["points"]).to_json(orient="split", index=False))
    embedded = content | {"presets": presets, "points": points}
    data = json.dumps(embedded, separators=(",", ":")).replace("<", "\\u003c")
    return HTML(
        '<div class="planner">'
        f'<form class="planner-form" autocomplete="off">{_preset_field(presets)}{fields}</form>'
        '<p id="planner-problem" role="alert"></p>'
        "<noscript>The planner needs JavaScript; <code>python -m epidl.planner</code> gives the same.</noscript>"
        '<p id="planner-answer" class="planner-answer" aria-live="polite"></p>'
        f"{_table('forecasts', FORECASTS, 'What to expect of each model')}"
        f'<div id="planner-chart">{charts.show_chart(curve_chart(), CHART_NAME).data}</div>'
        '<ul id="planner-notes"></ul>'
        f"{_table('nearest', NEAREST, 'The nearest simulated conditions, with the mean r of each model there')}"
        "<p>To simulate such a study, from the project's root:</p>"
        '<pre tabindex="0"><code id="planner-command"></code></pre>'
        '<p><a id="planner-link" href="#">Permanent link to these numbers</a></p>'
        f'<script type="application/json" id="planner-surface">{data}</script>'
        '<script defer src="../_static/planner.js"></script></div>'
    )


CHART_NAME = "Expected r of ridge, the epistatic kernel, the MLP and sparse pairs against the number of individuals"


def curve_chart() -> alt.LayerChart:
    """Return each model's expected r against the number of individuals, for data that the page's
    script sets.
    """
    texts = planning.surface()["sentences"]
    names = texts["names"]
    colors = alt.Scale(domain=list(names.values()), range=list(map(MODEL_COLORS.get, names)))
    axis = alt.Axis(format="~s", grid=False, labelOverlap=True)
    x = alt.X(
        "n_samples:Q", title="Individuals", scale=alt.Scale(type="log", nice=False), axis=axis
    )
    y = alt.Y("pearson_r:Q", title="Expected r", scale=alt.Scale(domain=[0, 1]))
    legend = alt.Legend(title=None, orient="bottom", columns=1)
    color = alt.Color("model:N", scale=colors, legend=legend)
    curve = alt.Chart(alt.NamedData("curve"))
    tooltip = [
        "model:N",
        alt.Tooltip("n_samples:Q", format=","),
        alt.Tooltip("pearson_r:Q", format=".2f"),
        "basis:N",
    ]
    bands = curve.mark_area(opacity=0.12, aria=False).encode(
        x=x, y=alt.Y("low:Q"), y2="high:Q", color=color
    )
    dashes = alt.StrokeDash(
        "basis:N",
        scale=alt.Scale(
            domain=list(map(texts.get, ("simulated", "alike", "theory", "bound"))),
            range=[[1, 0], [10, 2], [5, 4], [2, 2]],
        ),
        legend=legend,
    )
    lines = curve.mark_line(strokeWidth=2).encode(
        x=x, y=y, color=color, strokeDash=dashes, tooltip=tooltip
    )
    study = alt.Chart(alt.NamedData("study"))
    here = study.mark_rule(color="black").encode(x="n_samples:Q")
    # one row, whose columns tell the chart what they are; the script replaces it
    start = {
        "n_samples": 1000,
        "model": "Ridge",
        "pearson_r": 0.5,
        "low": 0.5,
        "high": 0.5,
        "basis": texts["theory"],
    }
    ceilings = []
    for name, label in (("ceiling", "ceiling"), ("additive", "additive ceiling")):
        ceilings.append(study.mark_rule(color="gray").encode(y=f"{name}:Q"))
        text = study.mark_text(text=label, align="left", dx=3, dy=-6, color="#555")
        ceilings.append(text.encode(x=alt.value(0), y=f"{name}:Q"))
    return charts.framed(
        alt.layer(
            bands.properties(name="intervals"), *ceilings, here, lines.properties(name="curves")
        ).properties(
            datasets={
                "curve": [start],
                "study": [{"n_samples": 1000, "ceiling": 1, "additive": 1}],
            },
            height=300,
            description=CHART_NAME,
        )
    )


def _preset_field(presets: dict[str, Any]) -> str:
    options = ""
    for key, preset in presets.items():
        selected = " selected" * (key == PRESET)
        options += f'<option value="{key}"{selected}>{html.escape(preset["name"])}</option>'
    return (
        '<div><label for="planner-preset">Start from</label><select id="planner-preset" name="preset">'
        f'<option value="">my own numbers</option>{options}</select></div>'
    )


def _field(name: str) -> str:
    label, hint, least, most = planning.INPUTS[name]
    step = 1 if isinstance(least, int) else "any"
    return (
        f'<div><label for="planner-{name}">{label}</label>'
        f'<input id="planner-{name}" name="{name}" type="number" required min="{least}" max="{most}" step="{step}" '
        f'aria-describedby="planner-{name}-hint"><small id="planner-{name}-hint">{hint}</small></div>'
    )


def _population_field() -> str:
    options = "".join(f'<option value="{kind}">{words}</option>' for kind, words in KINDS.items())
    return (
        '<div><label for="planner-population">Population</label>'
        '<select id="planner-population" name="population" aria-describedby="planner-population-hint">'
        f'<option value="">another kind</option>{options}</select>'
        '<small id="planner-population-hint">changes no number, only what real cohorts say</small></div>'
    )


def _table(name: str, columns: list[str], caption: str) -> str:
    heads = "".join(map('<th scope="col">{}</th>'.format, columns))
    return (
        f'<div class="planner-scroll" tabindex="0" role="group" aria-label="{caption}">'
        f"<table><caption>{caption}</caption>"
        f'<thead><tr>{heads}</tr></thead><tbody id="planner-{name}"></tbody></table></div>'
    )


def words(known: Mapping[str, Any]) -> dict[str, str]:
    """Return the page's computed words, from the surface."""
    efficiency = "{:.2f} {:.2f} {:.2f}".format(*known["efficiency"]).split()
    return {
        "most": f"{known['simulated']['n_samples'][1]:,}",
        "conditions": str(len(known["points"])),
        "worth": f"{surface.WORTH:g}",
        **dict(zip(("additive", "epistatic", "power"), efficiency, strict=True)),
        "larger_sizes": known["publication"]["sizes"],
        "larger_mean": known["publication"]["mean"],
    }


def real_in_words(real: pd.DataFrame) -> dict[str, str]:
    """Return for how many traits the intervals hold the observed r on random individuals, in words.

    real: of `surface.covered_on_real`.
    """
    alone = real[~real["grouped"]]
    found = {"traits": str(len(real[["dataset", "trait"]].drop_duplicates()))}
    for model, row in alone.groupby("model")[["before", "left_out"]].mean().iterrows():
        for name, share in row.items():
            found[f"{model}_{name}"] = f"{100 * share:.0f}%"
    return found


def real_table(real: pd.DataFrame) -> pd.DataFrame:
    """Return the mean error and the coverage of forecasts on real cohorts, for each kind of splits and
    model.

    real: of `surface.covered_on_real`.
    """
    real = real.assign(
        error=real["forecast"] - real["found"],
        tested=real["grouped"].map({False: "random individuals", True: "whole families"}),
        model=pd.Categorical(real["model"], planning.MODELS),
    )
    groups = real.groupby(["tested", "model"], observed=True)
    shown = groups[["error", "before", "left_out"]].mean()
    shown.insert(0, "traits", groups.size())
    shown["error"] = shown["error"].map("{:+.2f}".format)
    for name in ("before", "left_out"):
        shown[name] = (100 * shown[name]).map("{:.0f}%".format)
    names = planning.surface()["sentences"]["names"]
    columns = {"error": "mean error", "before": "covered before", "left_out": "covered now"}
    return shown.rename(index=names, columns=columns)


def preset_table(known: Mapping[str, Any]) -> Markdown:
    """Return the studies to start from as a Markdown table, whose citations the book resolves."""
    lines = [
        "| study | what it is | n | M_e | QTL | V_A/V_G | H² | the answer |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for preset in known["presets"].values():
        numbers = "{n_samples:,} | {n_markers:,} | {n_qtl:,} | {va_over_vg:g} | {broad_sense_heritability:g}"
        answer = planning.plan(**preset["study"]).answer
        lines.append(
            f"| {preset['name']} | {preset['about']} | {numbers.format(**preset['study'])} | {answer} |"
        )
    return Markdown("\n".join(lines))


def error_table(errors: pd.DataFrame) -> pd.DataFrame:
    """Return the errors of `surface.errors`, with readable names and three digits."""
    formats = {"covered": "{:.0%}", "bias": "{:+.3f}", "conditions": "{:.0f}"}
    table = errors.rename(index=planning.surface()["sentences"]["names"]).rename_axis("model")
    return table.apply(
        lambda column: column.map(formats.get(column.name, "{:.3f}").format, na_action="ignore")
    ).fillna("–")


LEAST_LEAD = 0.05  # of a network over the kernel, to be shown


def leads_of_the_network(rows: pd.DataFrame, least: float = LEAST_LEAD) -> pd.DataFrame:
    """Return the conditions in which the MLP's mean r is ahead of what theory expects of the epistatic
    kernel.

    rows: of `surface.evidence`. least: of the lead. Further columns have what theory expects of
    sparse pairs and of ridge, and the mean r of kernel and pairs if they were fitted.
    """
    mlp = _of_the_network(rows)
    fitted = rows.pivot_table(index=CONDITION, columns="model", values="pearson_r")
    means = mlp.groupby(CONDITION)[["pearson_r", "additive", "epistatic"]].mean().reset_index()
    numbers = means[["n_samples", "n_markers", "n_qtl", "additive", "epistatic"]].to_numpy(float).T
    closed = planning.closed_forms(*numbers, planning.surface()["efficiency"])
    table = means[CONDITION].assign(
        cohorts=mlp.groupby(CONDITION)["replicate"].nunique().to_numpy(),
        MLP=means["pearson_r"],
        **{f"{model}, theory": closed[model] for model in EXPECTED},
    )
    table = table.join(fitted[["kernel", "pairs"]].add_suffix(", fitted"), on=CONDITION)
    found = table[table["MLP"] - table["kernel, theory"] > least]
    return found.sort_values(
        ["n_samples", "n_markers", "broad_sense_heritability", "rel_aa"], ignore_index=True
    )


def _of_the_network(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the MLP's rows of at least 1,000 individuals, since fewer test individuals scatter too
    much.
    """
    return rows[(rows["model"] == "mlp") & (rows["n_samples"] >= 1000)]


def leads_in_words(rows: pd.DataFrame, found: pd.DataFrame) -> dict[str, str]:
    """Return how many conditions `leads_of_the_network` found, of how many that it looked at, and how many
    are alike: with markers for each QTL, individuals and H2 within the range of those found.
    """
    conditions = _of_the_network(rows).query("rel_aa > 0")[CONDITION].drop_duplicates()
    all_places, places = _places(conditions), _places(found)
    alike = ((all_places >= places.min()) & (all_places <= places.max())).all(axis=1)
    return {"count": str(len(found)), "of": str(len(conditions)), "alike": str(alike.sum())}


def _places(table: pd.DataFrame) -> pd.DataFrame:
    places = table[["n_samples", "broad_sense_heritability"]]
    return places.assign(markers_per_qtl=table["n_markers"] / table["n_qtl"])


def leads_table(found: pd.DataFrame) -> pd.DataFrame:
    """Return the conditions of `leads_of_the_network` with short names and three digits."""
    short = {
        "n_samples": "n",
        "n_markers": "m",
        "n_qtl": "q",
        "broad_sense_heritability": "H²",
        "rel_aa": "relAA",
    }
    shown = found.copy()
    for name in found.columns[found.columns.get_loc("MLP") :]:
        shown[name] = found[name].map("{:.3f}".format, na_action="ignore").fillna("–")
    return shown.rename(columns=short).set_index("n")
