"""Writing of self-contained HTML pages from the package's templates."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from segmentare.overwriting import generator, write_signed
from segmentare.report import formatting


def write_page(path: Path, command: str, template: str, values: Mapping[str, Any]) -> None:
    """Fill a template of `report/templates`, and write the page so that it is there whole.

    Every value is escaped unless marked safe. The page says which command made it, and only an
    earlier page of the same command is replaced.

    Args:
        path: The HTML file; its folder is made if needed.
        command: Name of the command that makes it.
        template: Name of the template.
        values: What the template shows.

    Raises:
        OutputExistsError: Something else is there.
    """
    environment = Environment(
        loader=PackageLoader("segmentare.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = formatting.number
    environment.filters["anything"] = formatting.anything
    environment.filters["share"] = formatting.share
    page = environment.get_template(template).render(**values, generator=generator(command))
    write_signed(path, page, command)


def picture(jpeg: bytes) -> str:
    """Return the bytes of a JPEG file as the address of an image that lies in the page itself."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
