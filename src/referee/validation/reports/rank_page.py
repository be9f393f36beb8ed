"""The report of `rank`: who wins by a pairwise judge, and how much of that is place and length."""

from __future__ import annotations

from referee.pages.page import Page, table, text, tile, tiles
from referee.validation.ranking import Ranked
from referee.validation.reports.interval_charts import Line, lines
from referee.validation.reports.parts import (
    Tile,
    accounted,
    cells,
    figure_tile,
    findings,
    named,
    origin,
)

_ABOUT_PLAYERS = (
    "Strengths are log-odds against the average player. Two whose intervals overlap may still differ; what is shown is "
    "each against the average."
)
_ABOUT_HABITS = (
    "A judge without habits disagrees with itself in the other order on few pairs, lets the first place win half of "
    "them, and gives the same win rate at equal length."
)


def rank_page(found: Ranked, title: str | None = None, introduction: str = "") -> Page:
    """The page of one ranking."""
    named_players = found.ranking is not None
    heading = "Who wins" if named_players else f"{found.first} against {found.second}"
    page = Page(title or heading, f"{named(found.judge, found.score)}, {found.n:,} pairs", introduction)
    page.add(findings(found.reading, found.advice))
    boxes = [figure_tile(Tile(f"{found.first} wins", found.rate, 0, 1, "a tie is half a win"))]
    if found.length is not None:
        boxes.append(figure_tile(Tile("at equal length", found.length.rate, 0, 1)))
    if found.inconsistent is not None:
        boxes.append(figure_tile(Tile("orders disagree", found.inconsistent, 0, 1, "of pairs judged in both orders")))
    if found.first_position is not None:
        boxes.append(figure_tile(Tile("the first place wins", found.first_position, 0, 1, "½ without a habit")))
    page.add(tiles([*boxes, tile("pairs with a verdict", f"{found.n:,}", f"of {found.rows:,}")]))
    page.section("The players", _players(page, found), note=_ABOUT_PLAYERS)
    page.section("Habits of the judge", _habits(page, found), note=_ABOUT_HABITS)
    page.section("Verdicts", _verdicts(found))
    page.section("What was counted", accounted(found.rows, found.n, "with a verdict", found.left_out))
    page.add(origin(found.source, found.judge_hash, found.clusters, found.confidence))
    return page


def _players(page: Page, found: Ranked) -> str:
    if found.ranking is None:
        return ""
    ranking = found.ranking
    entries = [Line(str(player), strength) for player, strength in ranking.strengths.items()]
    drawn = ""
    if any(entry.estimate.is_defined for entry in entries):
        drawn = page.figure(lines(entries, "strength", reference=0.0), "Strength", wide=True)
    # How the intervals were made is the same for all: a column of it, or a third decimal, would not fit on a phone.
    rows = [
        [text(player), _number(chance.value), f"{_number(chance.low)} to {_number(chance.high)}"]
        for player, chance in ranking.win_probability.items()
    ]
    ways = "; ".join(dict.fromkeys(cells(chance)[2] for chance in ranking.win_probability.values()))
    how = f"<p>The chance to win against another of them; {ways}.</p>"
    return drawn + table(("player", "wins", "interval"), rows) + how


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _habits(page: Page, found: Ranked) -> str:
    entries = [Line(f"{found.first} wins", found.rate)]
    if found.length is not None:
        entries.append(Line("at equal length", found.length.rate))
    if found.first_position is not None:
        entries.append(Line("the first place wins", found.first_position, "beside"))
    if len(entries) < 2 or not all(entry.estimate.is_defined for entry in entries):
        return ""
    return page.figure(lines(entries, "share of pairs", reference=0.5), "Beside an even split", wide=True)


def _verdicts(found: Ranked) -> str:
    whole = max(1, found.n)
    shown = ((f"{found.first} wins", found.wins), ("ties", found.ties), (f"{found.second} wins", found.losses))
    return table(
        ("", "pairs", ""),
        (
            [text(name), f"{count:,}", f'<span class="share"><i style="width:{100 * count / whole:.2f}%"></i></span>']
            for name, count in shown
        ),
    )
