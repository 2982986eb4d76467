#!/usr/bin/env bash
# Render the book: build.sh RUNS SOURCE HTML. Gathers written pages and executed notebooks in SOURCE, builds strictly, and
# puts the finished book at HTML only when it is whole.
set -euo pipefail
runs=$1 source=$2 html=$3

rm -rf "$source"
mkdir -p "$source"
cp -R _config.yml _toc.yml index.md book "$source"
cp -R "$runs/pages/." "$source"
mkdir -p "$source/book/tables"
cp "$runs"/*.csv "$runs"/*.provenance.json "$source/book/tables"
cp -R "$runs/figures" "$source/book/figures"

jupyter-book build "$source" --path-output "$source" --warningiserror --nitpick --keep-going --all

built=$source/_build/html
# of MathJax, the book needs its TeX input and CommonHTML output; the rest is 20 MB
find "$built/_static/mathjax" -mindepth 1 -maxdepth 1 ! -name tex-chtml.js ! -name output ! -name input -exec rm -rf {} +
rm -rf "$html"
mkdir -p "$(dirname "$html")"
mv "$built" "$html"
