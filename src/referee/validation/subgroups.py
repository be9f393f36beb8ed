"""Agreement by subgroup, corrected for looking at several: one group in twenty looks different by chance."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr

from referee.statistics import Agreement, Estimate, agreement
from referee.statistics.columns import Floats, Ints
from referee.statistics.raters import without_order
from referee.validation.agreement import Subgroup
from referee.validation.joined import Joined

LEAST_ROWS = 10
"""Groups (and their rest) with fewer rows are not tested for a difference."""
ALPHA = 0.05


def subgroups(
    joined: Joined,
    both: NDArray[np.bool_],
    x: Floats,
    y: Floats,
    keys: Ints | None,
    kind: Literal["scores", "verdicts", "labels"],
    *,
    confidence: float,
    draws: int,
    seed: int,
) -> tuple[Subgroup, ...]:
    """The figures of each subgroup, the largest first; verdicts are 0 or 1, labels are numbered.

    Intervals are at 1 − (1 − confidence)/groups. That a group differs from all other rows is tested on its correlation
    (on Fisher's scale) and its bias, of verdicts and labels on exact agreement, with errors read off the intervals,
    Student's t on the smaller side's clusters, and Holm's correction over all tests.
    """
    assert joined.by is not None
    names = np.array([joined.by[at] or "(none)" for at in np.flatnonzero(both)], dtype=object)
    groups = sorted(set(names.tolist()), key=lambda name: -int((names == name).sum()))
    widened = 1 - (1 - confidence) / max(1, len(groups))

    def figures(where: NDArray[np.bool_]) -> Agreement:
        inside = None if keys is None else keys[where]
        found = agreement(x[where], y[where], clusters=inside, confidence=widened, draws=draws, seed=seed)
        return without_order(found, widened) if kind == "labels" else found

    found = {name: figures(names == name) for name in groups}
    tests: list[tuple[float, str, str]] = []
    for name in groups:
        if len(groups) < 2 or min(found[name].n, len(x) - found[name].n) < LEAST_ROWS:
            continue
        tests += _tests(name, found[name], figures(names != name), verdicts=kind != "scores")
    differs = _holm(tests)
    return tuple(
        Subgroup(
            name=name,
            n=mine.n,
            pearson=mine.pearson,
            spearman=mine.spearman,
            mae=mine.mae,
            bias=mine.bias,
            exact=mine.exact,
            kappa=mine.kappa,
            differs=differs.get(name),
        )
        for name, mine in found.items()
    )


def _tests(name: str, mine: Agreement, rest: Agreement, *, verdicts: bool) -> list[tuple[float, str, str]]:
    freedom = max(1, min(mine.clusters, rest.clusters) - 2)
    out: list[tuple[float, str, str]] = []
    of_scores = (("pearson", True, "agrees {} with people (r {} against {})"), ("bias", False, ""))
    of_verdicts = (("exact", False, "agrees {} with people (on {} of rows against {})"),)
    for figure, fisher, words in of_verdicts if verdicts else of_scores:
        one, two = getattr(mine, figure), getattr(rest, figure)
        p = _p_value(one, two, fisher, freedom)
        if p is None:
            continue
        assert one.value is not None
        assert two.value is not None
        more = one.value > two.value
        if words:
            spec = ".0%" if verdicts else ".2f"
            said = words.format("better" if more else "worse", format(one.value, spec), format(two.value, spec))
        else:
            said = f"is rated {abs(one.value - two.value):.1f} points {'higher' if more else 'lower'} beside people"
        out.append((p, name, f"{said} than the other rows"))
    return out


def _p_value(one: Estimate, two: Estimate, fisher: bool, freedom: int) -> float | None:
    sides: list[tuple[float, float]] = []
    for estimate in (one, two):
        if estimate.value is None or estimate.low is None or estimate.high is None:
            return None
        ends = [estimate.value, estimate.low, estimate.high]
        if fisher:
            ends = [math.atanh(min(0.999999, max(-0.999999, end))) for end in ends]
        reach = float(ndtri((1 + estimate.confidence) / 2))
        sides.append((ends[0], (ends[2] - ends[1]) / (2 * reach)))
    error = math.hypot(sides[0][1], sides[1][1])
    if not error > 0:
        return None
    return 2 * float(stdtr(freedom, -abs(sides[0][0] - sides[1][0]) / error))


def _holm(tests: list[tuple[float, str, str]]) -> dict[str, str]:
    """What is shown, by group; the smallest p-value is held against α/k, the next against α/(k−1), until one fails."""
    shown: dict[str, str] = {}
    for done, (p, name, said) in enumerate(sorted(tests)):
        if p > ALPHA / (len(tests) - done):
            break
        shown[name] = f"{shown[name]}; {said}" if name in shown else said
    return shown
