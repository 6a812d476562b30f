"""Writing of self-contained HTML pages from the package's templates."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from segmentare.interfaces import formatting


def render(template: str, values: Mapping[str, Any]) -> str:
    """Fill a template of `interfaces/templates`; every value is escaped unless marked safe."""
    environment = Environment(
        loader=PackageLoader("segmentare.interfaces"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = formatting.number
    environment.filters["anything"] = formatting.anything
    environment.filters["share"] = formatting.share
    return environment.get_template(template).render(**values)


def picture(jpeg: bytes) -> str:
    """Return the bytes of a JPEG file as the address of an image that lies in the page itself."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
