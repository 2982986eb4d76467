"""A Sphinx extension: the library's reference lists a cell's parameters with the descriptions of their
fields.
"""

import inspect

from pydantic import BaseModel
from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", describe_fields)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def describe_fields(
    app: Sphinx, what: str, name: str, documented: object, options: object, lines: list[str]
) -> None:
    """Add to a class of parameters' docstring one line for each field that its parent lacks."""
    if inspect.isclass(documented) and issubclass(documented, BaseModel):
        fields = documented.model_fields
        described = [field for field in inspect.get_annotations(documented) if field in fields]
        lines += [
            f"- **{field}**: {fields[field].description}"
            for field in described
            if fields[field].description
        ]
        lines.append("")
