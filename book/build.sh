#!/usr/bin/env bash
# Render the book: build.sh RUNS SOURCE HTML. Gathers written pages and executed notebooks in SOURCE, builds strictly, and
# puts the finished book at HTML only when it is whole. With BOOK_REPOSITORY, the repository's public address
# (https://github.com/OWNER/NAME), the notebooks get a button that launches them on Binder.
set -euo pipefail
runs=$1 source=$2 html=$3

rm -rf "$source"
mkdir -p "$source"
cp -R _config.yml _toc.yml index.md CITATION.cff book "$source"
cp -R "$runs/pages/." "$source"
mkdir -p "$source/book/tables"
cp "$runs"/*.csv "$source/book/tables"
cp -R "$runs/figures" "$source/book/figures"
cp -R lib/epidl/own/example "$source/book/data/example"
python -m epidl_book.charts "$source/book/static/charts.js"

if [ -n "${BOOK_REPOSITORY:-}" ]; then
  cat >> "$source/_config.yml" << EOF
repository: { url: "$BOOK_REPOSITORY", branch: main }
launch_buttons: { binderhub_url: "https://mybinder.org", notebook_interface: jupyterlab }
EOF
fi

jupyter-book build "$source" --path-output "$source" --warningiserror --nitpick --keep-going --all

built=$source/_build/html
# of MathJax, the book needs what _config.yml loads; the rest is 20 MB
find "$built/_static/mathjax" -mindepth 1 -maxdepth 1 ! -name startup.js ! -name core.js ! -name input ! -name output \
  ! -name a11y -exec rm -rf {} +
rm -rf "$html"
mkdir -p "$(dirname "$html")"
mv "$built" "$html"
