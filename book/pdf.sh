#!/usr/bin/env bash
# Print the book: pdf.sh SOURCE PDF. SOURCE is what build.sh gathered; all its pages become one, which Chromium prints.
set -euo pipefail
source=$1 pdf=$2

jupyter-book build "$source" --path-output "$source" --builder singlehtml --warningiserror --nitpick --keep-going
python "$(dirname "$0")/print_pdf.py" "$source/_build/singlehtml/index.html" "$source/book.pdf"
mv "$source/book.pdf" "$pdf"
