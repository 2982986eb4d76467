# One job a cell: params/*.yml -> papermill -> runs/<profile>/<experiment>/<cell>/ -> runs/<profile>/<experiment>.csv.
# Run it through `python -m epidl.grid PROFILE` (see the Makefile), which clears what an interrupted run left behind.

import hashlib
import os
from pathlib import Path

from epidl.grid.fingerprint import cell_fingerprint
from epidl.grid.params import EXPERIMENTS, NOTEBOOKS, load_grids
from epidl.models.recipes import MODELS

PROFILE = config.get("profile", "quick")
RUNS = f"runs/{PROFILE}"
GPUS = int(config.get("gpus", 0))  # that a scheduler gives to each cell that trains networks
CELLS = {  # none of the profile `published`, for a book of the tables that ship
    experiment: {cell.name: cell for cell in load_grids(Path(f"params/{experiment}.yml")).get(PROFILE, ())}
    for experiment in EXPERIMENTS
}


def requests(wildcards):
    """Return the memory and minutes that a cell asks a scheduler for: on this machine, nothing."""
    if workflow.local_exec:
        return {"mem_mb": 0, "runtime": 0}
    from epidl.grid import costs  # imports torch, which the pages do not need

    return costs.requests(CELLS[wildcards.experiment][wildcards.cell])


def trains_networks(wildcards):
    return any(MODELS[name].is_network for name in CELLS[wildcards.experiment][wildcards.cell].models)


# Two kernels that start in the same moment can pick the same port, and one of them dies or is never heard: start again.
def papermill(arguments):
    """Return the shell command that executes a notebook, its output in the rule's log."""
    run = "run() {{ papermill " + arguments + " --no-progress-bar --kernel python3 > {log:q} 2>&1; }};"
    return run + "run || {{ grep -q -e 'Kernel died before replying' -e \"Kernel didn't respond in\" {log:q} && run; }}"


localrules:  # a scheduler gets the cells alone
    tables,
    collect,
    page,
    first_cell,
    notebook,
    book,
    pdf,


wildcard_constraints:
    experiment="[a-z_]+",
    cell="[^/]+",


rule tables:
    input:
        expand(f"{RUNS}/{{experiment}}.csv", experiment=[name for name, cells in CELLS.items() if cells]),


# A cell runs again where its parameters or the code that computes it changed; `ancient`: not where prose did.
rule cell:
    input:
        lambda wildcards: ancient(f"notebooks/{NOTEBOOKS[wildcards.experiment]}.ipynb"),
    output:
        notebook=f"{RUNS}/{{experiment}}/{{cell}}/notebook.ipynb",
        table=f"{RUNS}/{{experiment}}/{{cell}}/table.csv",
        provenance=f"{RUNS}/{{experiment}}/{{cell}}/provenance.json",
    log:
        f"{RUNS}/{{experiment}}/{{cell}}/log.txt",
    params:
        unfinished=f"{RUNS}/{{experiment}}/{{cell}}/unfinished.ipynb",  # stays for a look where the cell fails
        cell=lambda wildcards: CELLS[wildcards.experiment][wildcards.cell].model_dump_json(exclude={"experiment"}),
        folder=lambda wildcards, output: Path(output.table).parent,
        code=lambda wildcards: cell_fingerprint(
            Path(f"notebooks/{NOTEBOOKS[wildcards.experiment]}.ipynb"), CELLS[wildcards.experiment][wildcards.cell]
        ),
    threads: lambda wildcards: CELLS[wildcards.experiment][wildcards.cell].n_threads
    resources:
        mem_mb=lambda wildcards: requests(wildcards)["mem_mb"],
        runtime=lambda wildcards: requests(wildcards)["runtime"],
        gpu=lambda wildcards: GPUS * trains_networks(wildcards),
    shell:
        papermill(
            "{input:q} {params.unfinished:q} --parameters_yaml {params.cell:q} --parameters_raw output {params.folder:q}"
        )
        + " && mv {params.unfinished:q} {output.notebook:q}"


rule collect:
    input:
        lambda wildcards: expand(f"{RUNS}/{{{{experiment}}}}/{{cell}}/table.csv", cell=CELLS[wildcards.experiment]),
    output:
        table=f"{RUNS}/{{experiment}}.csv",
        provenance=f"{RUNS}/{{experiment}}.provenance.json",
    params:
        folders=lambda wildcards, input: [str(Path(table).parent) for table in input],
    shell:
        "python -m epidl.grid.results {output.table:q} {params.folders:q}"


# The book: pages and notebooks are executed into runs/<profile>/pages, then rendered beside the written pages.
PAGES = sorted(path.stem for path in Path("book").glob("*.ipynb"))
SHOWN = ["by_hand", "simulate", *NOTEBOOKS.values(), "own_data"]
LIBRARY = sorted(str(path) for folder in ("lib/epidl", "book/epidl_book") for path in Path(folder).rglob("*.py"))
HTML = f"_build/{PROFILE}/html"
# what pages are executed again for: a parameter, since Snakemake asks for the size of each input whenever it chooses jobs
READ = hashlib.sha256(
    b"".join(Path(path).read_bytes() for path in [*LIBRARY, *sorted(Path("book/data").rglob("*.*"))])
).hexdigest()


rule page:
    input:
        "book/{page}.ipynb",
        lambda wildcards: rules.tables.input if wildcards.page == "your_run" else [],  # the others show what ships
    output:
        f"{RUNS}/pages/book/{{page}}.ipynb",
    log:
        f"{RUNS}/pages/book/{{page}}.log",
    params:
        profile=PROFILE,
        read=READ,
    shell:
        papermill("{input[0]:q} {output:q} --parameters_raw profile {params.profile:q}")


# an experiment's notebook is shown as its first cell ran it; without a grid it runs with its defaults
FIRST = {
    NOTEBOOKS[experiment]: f"{RUNS}/{experiment}/{next(iter(cells))}/notebook.ipynb"
    for experiment, cells in CELLS.items()
    if cells
}


rule first_cell:
    input:
        lambda wildcards: FIRST[wildcards.notebook],
    output:
        f"{RUNS}/pages/notebooks/{{notebook}}.ipynb",
    wildcard_constraints:
        notebook="|".join(FIRST) or "none",
    shell:
        "cp {input:q} {output:q}"


rule notebook:
    input:
        "notebooks/{notebook}.ipynb",
    output:
        f"{RUNS}/pages/notebooks/{{notebook}}.ipynb",
    log:
        f"{RUNS}/pages/notebooks/{{notebook}}.log",
    wildcard_constraints:
        notebook="|".join(name for name in SHOWN if name not in FIRST),
    params:
        read=READ,
    shell:
        papermill("{input[0]:q} {output:q}")


rule book:
    input:
        pages=expand(f"{RUNS}/pages/book/{{page}}.ipynb", page=PAGES),
        notebooks=expand(f"{RUNS}/pages/notebooks/{{notebook}}.ipynb", notebook=SHOWN),
        library=LIBRARY,
        written=["_config.yml", "_toc.yml", "index.md", "CITATION.cff"]
        + [str(path) for path in sorted(Path("book").rglob("*")) if path.is_file() and path.suffix not in (".ipynb", ".pyc")],
    output:
        f"{HTML}/index.html",
    params:
        html=HTML,
        source=f"{RUNS}/source",
        runs=RUNS,
        repository=os.environ.get("BOOK_REPOSITORY", ""),  # another address: another book
    log:
        f"{RUNS}/book.log",
    shell:
        "bash book/build.sh {params.runs:q} {params.source:q} {params.html:q} > {log:q} 2>&1"
        " || {{ cat {log:q}; exit 1; }}"


rule pdf:
    input:
        rules.book.output,
        "book/pdf.sh",
        "book/print_pdf.py",
    output:
        f"_build/{PROFILE}/book.pdf",
    params:
        source=rules.book.params.source,
    log:
        f"{RUNS}/pdf.log",
    shell:
        "bash book/pdf.sh {params.source:q} {output:q} > {log:q} 2>&1 || {{ cat {log:q}; exit 1; }}"
