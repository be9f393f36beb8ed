"""Reports: one page that loads nothing, says what the answer holds, and runs nothing that data brought along."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from sample_answers import a_comparison, a_correction, a_label_validation, a_plan, a_ranking, a_validation

from referee.errors import OutputError
from referee.validation.agreement import Disagreement, Level
from referee.validation.reports import report, write_report
from referee.validation.reports.charts import MOST_POINTS, confusion_counts, distributions, png, scatter, svg, thinned
from referee.validation.reports.notebook import cell

HOSTILE = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>&\"`${window.hacked = 1}"
ANSWERS: dict[str, Callable[[], Any]] = {
    "validate": a_validation,
    "validate labels": a_label_validation,
    "validate five rows": lambda: a_validation(5),
    "compare two": lambda: a_comparison(40, (1.0, 1.1)),
    "compare three": a_comparison,
    "estimate": a_correction,
    "plan": a_plan,
    "rank": a_ranking,
}


class Outline(HTMLParser):
    """The elements of a page, what they refer to, and the text outside of scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        if self.elements[-1:] not in (["script"], ["style"]):
            self.texts.append(data)


@pytest.fixture(params=list(ANSWERS), scope="module")
def answer(request: pytest.FixtureRequest) -> Any:
    return ANSWERS[request.param]()


@pytest.fixture(scope="module")
def page(answer: Any) -> str:
    """Its report."""
    return report(answer).html()


def test_a_page_loads_nothing(page: str) -> None:
    outline = Outline(page)
    assert set(outline.links) == {"data:,"}
    assert outline.handlers == []
    assert outline.elements.count("script") == (2 if 'class="chart"' in page else 0)
    assert "default-src 'none'" in page
    assert not re.search(r"@import|url\(", page.split("</style>")[0])


def test_every_sentence_of_the_reading_stands_on_the_page(answer: Any, page: str) -> None:
    said = " ".join(Outline(page).texts)
    for sentence in answer.reading:
        assert sentence in said


def test_what_a_validation_holds_stands_on_its_page() -> None:
    said = " ".join(Outline(report(a_validation()).html()).texts)
    for part in ("unclear", "failed (timeout)", "18,000", "$0.0123", "Careful with that.", "words of the judge on",
                 "0123456789abcdef", "Kendall tau-b", "part 0", "constant answers would reach", "97%"):  # fmt: skip
        assert part in said


def hostile(text: str) -> Any:
    found = a_validation(name=text)
    return replace(
        found,
        disagreements=(Disagreement(0, 4.0, 0.0, text, text, text),),
        levels=(Level(0.0, text, 1, 2), *found.levels[1:]),
        reading=(text,),
        left_out={text: 3},
        source=text,
        by=text,
        subgroups=tuple(replace(group, name=text) for group in found.subgroups),
        trivial=tuple(replace(other, name=text) for other in found.trivial),
        human=(text,),
    )


def test_what_answers_and_judges_wrote_is_only_ever_text() -> None:
    page = report(hostile(HOSTILE), title=HOSTILE, introduction=HOSTILE).html()
    outline = Outline(page)
    assert outline.elements.count("script") == (2 if 'class="chart"' in page else 0)
    assert "img" not in outline.elements
    assert outline.handlers == []
    assert HOSTILE in outline.texts  # shown letter by letter
    assert "<script>window.hacked" not in page
    assert "<img" not in (cell(hostile(HOSTILE)) or "")


def test_the_report_is_written_and_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", a_plan(), title="What it takes")
    assert "<h1>What it takes</h1>" in (tmp_path / "report.html").read_text(encoding="utf-8")
    with pytest.raises(OutputError, match=r"none/report\.html cannot be written"):
        write_report(tmp_path / "none" / "report.html", a_plan())


def test_the_table_of_scores_counts_every_row_at_its_nearest_level() -> None:
    found = a_validation(200)
    names, counts = confusion_counts(found)
    assert names == ["0", "1", "2", "3", "4"]
    assert sum(map(sum, counts)) == 200
    assert [sum(line) for line in counts] == [level.human for level in found.levels]
    between = replace(found.columns, judge=[3.4] * 200)
    assert [line[3] for line in confusion_counts(replace(found, columns=between))[1]] == [sum(line) for line in counts]


def test_many_rows_are_thinned_out_evenly() -> None:
    assert thinned(10).tolist() == list(range(10))
    kept = thinned(100_000)
    assert (len(kept), kept[0], kept[-1]) == (MOST_POINTS, 0, 99_999)
    assert thinned(0).size == 0


def test_one_definition_is_picture_page_and_notebook() -> None:
    found = a_validation(30)
    assert png(scatter(found), scale=1).startswith(b"\x89PNG")
    assert svg(distributions(found)).startswith("<svg")
    shown = cell(found) or ""
    assert shown.count("<svg") == 2
    assert "It orders answers better than chance." in shown
    assert all(cell(other) for other in (a_comparison(40, (1.0, 1.1)), a_correction(), a_plan()))


def test_a_script_in_the_cache_that_was_cut_off_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from referee.pages.script import chart_script

    whole = chart_script()
    monkeypatch.setenv("REFEREE_CACHE", str(tmp_path))
    kept = tmp_path / "charts" / f"vega-{version('vl-convert-python')}.js"
    kept.parent.mkdir()
    kept.write_text(whole[:1000], encoding="utf-8")
    assert chart_script() == whole == kept.read_text(encoding="utf-8")
