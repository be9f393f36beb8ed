"""A self-contained HTML page: text, tables and charts in one file that loads nothing from anywhere.

Everything that comes from data goes through `text` on its way into HTML and through `_inline` on its way into a script,
and the page forbids itself any connection: what an answer or a judge wrote can only ever be read.
"""

from __future__ import annotations

import html
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import orjson

from referee.errors import OutputError
from referee.pages.script import chart_script

if TYPE_CHECKING:
    import altair as alt

Shape = Literal["plain", "words", "numbers"]
_STYLE = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""What a page may do: nothing, and nothing from elsewhere."""
_POLICY_OF_CHARTS = _POLICY + "; script-src 'unsafe-inline' 'unsafe-eval'"
"""One with charts may run its own script, too (Vega compiles its expressions, hence eval)."""
_DRAW = """
const soft = "rgba(128,136,150,.28)";
const config = {background: null, view: {stroke: soft}, font: getComputedStyle(document.body).fontFamily,
  axis: {labelColor: "currentColor", titleColor: "currentColor", domainColor: soft, tickColor: soft, gridColor: soft},
  legend: {labelColor: "currentColor", titleColor: "currentColor"}, title: {color: "currentColor"}};
Promise.all(Object.entries(charts).map(([id, spec]) =>
  vegaEmbed("#" + id, spec, {actions: false, renderer: "svg", config,
    tooltip: {theme: matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"}})
  .catch(error => {
    document.getElementById(id).textContent = "This chart could not be drawn: " + error.message;
    console.error(id, error);
  }))).then(() => { document.documentElement.dataset.charts = document.querySelectorAll("figure svg").length; });
"""


def text(value: object) -> str:
    """Any value as HTML text."""
    return html.escape(str(value))


def capital(value: object) -> str:
    """A text that begins a line."""
    said = str(value)
    return said[:1].upper() + said[1:]


class Page:
    """Collects what stands on a page, top-down.

    Args:
        title: the first heading.
        kicker: a few words above it.
        introduction: a paragraph under it.
    """

    def __init__(self, title: str, kicker: str, introduction: str = "") -> None:
        self.title = title
        self._parts = [
            f'<header><p class="kicker">{text(kicker)}</p><h1>{text(title)}</h1>'
            + (f'<p class="intro">{text(introduction)}</p>' if introduction else "")
            + "</header>"
        ]
        self._charts: dict[str, Any] = {}

    def add(self, *parts: str) -> None:
        """Put ready HTML on the page."""
        self._parts.extend(part for part in parts if part)

    def section(self, title: str, *parts: str, note: str = "") -> None:
        """A heading with what belongs under it; nothing where there is nothing to show."""
        inside = "".join(parts)
        if inside:
            explained = f'<p class="note">{text(note)}</p>' if note else ""
            self.add(f"<section><h2>{text(title)}</h2>{explained}{inside}</section>")

    def figure(self, chart: alt.TopLevelMixin, title: str, note: str = "", *, wide: bool = False) -> str:
        """A place for a chart; the chart is drawn there when the page is opened, as wide as the place is."""
        name = f"chart{len(self._charts)}"
        spec = chart.to_dict(validate=False)
        self._charts[name] = spec | {"width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}
        caption = f"<strong>{text(title)}</strong>" + (f" {text(note)}" if note else "")
        shape = ' class="wide"' if wide else ""
        return (
            f'<figure{shape}><figcaption>{caption}</figcaption><div id="{name}" class="chart" role="img" '
            f'aria-label="{text(title)}"></div></figure>'
        )

    def html(self) -> str:
        """The whole page; only one with charts has scripts.

        Raises:
            MissingExtraError: there are charts, and the extra `reports` is not installed.
        """
        policy = _POLICY_OF_CHARTS if self._charts else _POLICY
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<title>{text(self.title)}</title><link rel="icon" href="data:,"><style>{_STYLE}</style></head>\n'
            f"<body><main>{''.join(self._parts)}</main>\n{self._scripts()}</body></html>\n"
        )

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the page to a file; one that is there is replaced.

        Raises:
            MissingExtraError: as for `html`.
            OutputError: the file cannot be written.
        """
        content = self.html()
        try:
            Path(path).write_text(content, encoding="utf-8")
        except OSError as error:
            raise OutputError(f"the report {os.fspath(path)} cannot be written: {error.strerror}") from error

    def _scripts(self) -> str:
        if not self._charts:
            return ""
        return (
            "<noscript><p>The charts on this page are drawn by a script inside of it, and scripts are off.</p>"
            f"</noscript>\n<script>{chart_script()}</script>\n"
            f"<script>const charts = {_inline(self._charts)};{_DRAW}</script>"
        )


def _inline(value: object) -> str:
    # Without `<` no text can end the script or open a comment in it; JSON reads the escape as the same letter.
    found = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS).decode()
    return found.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], shape: Shape | None = None) -> str:
    """A table of ready HTML cells, the first of each row its heading; wide ones scroll by themselves.

    Args:
        head: the columns' titles, as text.
        rows: their cells, as HTML.
        shape: `plain` has no lines, for small ones; `words` breaks its lines; `numbers` is right-aligned but for the
            first column.
    """
    titles = "".join(f"<th>{text(title)}</th>" for title in head)
    top = f"<thead><tr>{titles}</tr></thead>" if any(head) else ""
    lines = "".join(
        f'<tr><th scope="row">{cells[0]}</th>' + "".join(f"<td>{cell}</td>" for cell in cells[1:]) + "</tr>"
        for cells in rows
    )
    if not lines:
        return ""
    named = f' class="{shape}"' if shape else ""
    return f'<div class="scroll"><table{named}>{top}<tbody>{lines}</tbody></table></div>'


def tiles(boxes: Iterable[str]) -> str:
    """Figures shown large, in a row where there is room; `tile` makes them."""
    inside = "".join(boxes)
    return f'<div class="tiles">{inside}</div>' if inside else ""


def tile(label: str, value: str, note: str = "") -> str:
    """A figure shown large, with a few words under it."""
    large = f'<span class="label">{text(label)}</span><span class="value">{text(value)}</span>'
    small = f'<span class="within">{text(note)}</span>' if note else ""
    return f'<div class="tile">{large}{small}</div>'


def share(part: float) -> str:
    """A bar as long as a share from 0 to 1 is large."""
    return f'<span class="share"><i style="width:{100 * min(1.0, max(0.0, part)):.2f}%"></i></span>'


def fold(summary: str, inside: str) -> str:
    """What only some want to read; open on paper."""
    return f"<details><summary>{text(summary)}</summary>{inside}</details>" if inside else ""


def columns(*parts: str) -> str:
    """Parts beside one another where there is room."""
    inside = "".join(parts)
    return f'<div class="columns">{inside}</div>' if inside else ""
