# One job a cell: params/*.yml -> papermill -> runs/<profile>/<experiment>/<cell>/ -> runs/<profile>/<experiment>.csv.
# Run it through `python -m epidl.grid PROFILE` (see the Makefile), which clears what an interrupted run left behind.

from pathlib import Path

from epidl.params import CELL_TYPES, load_grids

PROFILE = config.get("profile", "quick")
RUNS = f"runs/{PROFILE}"
CELLS = {
    experiment: {cell.name: cell for cell in load_grids(Path(f"params/{experiment}.yml"))[PROFILE]}
    for experiment in CELL_TYPES
}


wildcard_constraints:
    experiment="[a-z_]+",
    cell="[^/]+",


rule tables:
    input:
        expand(f"{RUNS}/{{experiment}}.csv", experiment=CELLS),


rule cell:
    input:
        "notebooks/{experiment}.ipynb",
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
    threads: 1
    shell:
        "papermill {input:q} {params.unfinished:q} --parameters_yaml {params.cell:q} --parameters_raw output {params.folder:q}"
        " --no-progress-bar --kernel python3 > {log:q} 2>&1"
        " && mv {params.unfinished:q} {output.notebook:q}"


rule collect:
    input:
        lambda wildcards: expand(f"{RUNS}/{{{{experiment}}}}/{{cell}}/table.csv", cell=CELLS[wildcards.experiment]),
    output:
        table=f"{RUNS}/{{experiment}}.csv",
        provenance=f"{RUNS}/{{experiment}}.provenance.json",
    params:
        folders=lambda wildcards, input: [str(Path(table).parent) for table in input],
    shell:
        "python -m epidl.results {output.table:q} {output.provenance:q} {params.folders:q}"
