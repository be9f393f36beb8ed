"""The JavaScript that draws charts on a page: Vega, Vega-Lite and vega-embed as one text, from vl-convert.

Putting it together takes seconds and gives the same text each time, so it is kept in the user's cache, under the
versions it was made of. A cache that cannot be written only costs the seconds again.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from referee.cache import cache_folder
from referee.errors import MissingExtraError

_ENTRY = "window.vegaEmbed = vegaEmbed;"


def chart_script() -> str:
    """JavaScript that defines `vegaEmbed`, fit to stand inside of a `<script>` element.

    Raises:
        MissingExtraError: vl-convert is not installed.
    """
    try:
        import vl_convert
    except ImportError as error:
        raise MissingExtraError("a report", "reports") from error
    kept = cache_folder() / "charts" / f"vega-{version('vl-convert-python')}.js"
    with suppress(OSError):
        text = kept.read_text(encoding="utf-8")
        if text.endswith(_END):
            return text
    text = vl_convert.javascript_bundle(_ENTRY).replace("</script", "<\\/script") + _END
    with suppress(OSError):
        _keep(kept, text)
    return text


_END = "\n// complete\n"
"""The last line of the kept file: a file without it was cut off and is made again."""


def _keep(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, part = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(part, path)
    except OSError:
        Path(part).unlink(missing_ok=True)
        raise
