"""`estimate`: the corrected figure near the truth where the judge's own is not, and the wrong estimator refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from referee.errors import DataError, EstimatorError
from referee.validation import estimate

PASS_RATE, SENSITIVITY, SPECIFICITY = 0.3, 0.9, 0.8


def verdicts(n: int, seed: int, rate: float = PASS_RATE) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    truth = (rng.random(n) < rate).astype(float)
    judge = np.where(truth == 1, rng.random(n) < SENSITIVITY, rng.random(n) > SPECIFICITY).astype(float)
    return truth, judge


def rows_of(truth: Any, judge: Any) -> list[dict[str, Any]]:
    return [{"id": at, "j": float(j), "truth": float(t)} for at, (t, j) in enumerate(zip(truth, judge, strict=True))]


def labels_of(rows: list[dict[str, Any]], every: int) -> list[dict[str, Any]]:
    return [{"id": row["id"], "ok": row["truth"]} for row in rows[::every]]


def test_a_random_sample_of_labels_corrects_the_judge() -> None:
    covered = alone = 0
    for seed in range(40):
        rows = rows_of(*verdicts(1000, seed))
        found = estimate(rows, human="ok", labels=labels_of(rows, 10), key="id", judge="j", sampled="random")
        assert found.method == "PPI++"
        assert (found.labelled, found.unlabelled, found.quantity) == (100, 900, "pass rate")
        covered += not found.estimate.excludes(PASS_RATE)
        alone += not found.uncorrected.excludes(PASS_RATE)
    assert covered >= 34  # 95 % of 40 are 38; fewer than 34 has a chance of 0.3 %
    assert alone == 0


def test_labels_of_another_base_rate_take_the_other_estimator() -> None:
    rows = rows_of(*verdicts(1500, 1))
    truth, judge = verdicts(200, 2, rate=0.6)
    rows += [{**row, "id": 9000 + row["id"]} for row in rows_of(truth, judge)]
    labels = [{"id": row["id"], "ok": row["truth"]} for row in rows[1500:]]
    found = estimate(rows, human="ok", labels=labels, key="id", judge="j")
    assert found.method == "Rogan–Gladen"
    assert not found.estimate.excludes(PASS_RATE)
    assert found.refused is not None
    assert found.refused.startswith("PPI++ is for labelled rows that are a random sample")
    with pytest.raises(EstimatorError, match="Use Rogan–Gladen"):
        estimate(rows, human="ok", labels=labels, key="id", judge="j", method="ppi")
    with pytest.raises(EstimatorError, match="said to be none"):
        estimate(rows, human="ok", labels=labels, key="id", judge="j", method="ppi", sampled="shifted")


def test_scores_take_ppi_and_refuse_rogan_gladen() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 5, 600).astype(float)
    rows = rows_of(truth, np.clip(truth + rng.integers(0, 3, 600), 0, 4))
    found = estimate(rows, human="ok", labels=labels_of(rows, 6), key="id", judge="j")
    assert (found.quantity, found.method) == ("mean", "PPI++")
    assert not found.estimate.excludes(float(truth.mean()))
    assert found.uncorrected.excludes(float(truth.mean()))
    assert "too high" in found.reading[1]
    with pytest.raises(EstimatorError, match="Rogan–Gladen is for verdicts 0 or 1"):
        estimate(rows, human="ok", labels=labels_of(rows, 6), key="id", judge="j", method="rogan-gladen")
    passing = estimate(rows, human="ok", labels=labels_of(rows, 6), key="id", judge="j", passes="3")
    assert passing.quantity == "pass rate"
    assert not passing.estimate.excludes(float((truth >= 3).mean()))


def test_the_labels_that_halve_the_interval_do() -> None:
    rows = rows_of(*verdicts(20_000, 4))
    few = estimate(rows, human="ok", labels=labels_of(rows, 200), key="id", judge="j", sampled="random")
    assert few.labels_to_halve is not None
    many = estimate(
        rows, human="ok", labels=labels_of(rows, 20_000 // few.labels_to_halve), key="id", judge="j", sampled="random"
    )
    widths = [one.estimate.high - one.estimate.low for one in (few, many)]  # type: ignore[operator]
    assert widths[1] / widths[0] == pytest.approx(0.5, abs=0.1)


def test_labels_in_the_rows_themselves_and_labels_without_values() -> None:
    truth, judge = verdicts(400, 5)
    names = {1.0: "good", 0.0: "bad"}
    rows = [
        {"j": names[j], "h": names[t] if at % 4 == 0 else None}
        for at, (t, j) in enumerate(zip(truth, judge, strict=True))
    ]
    found = estimate(rows, human="h", judge="j", passes="good")
    assert (found.labelled, found.unlabelled) == (100, 300)
    with pytest.raises(DataError, match="say which label passes"):
        estimate(rows, human="h", judge="j")
    with pytest.raises(DataError, match="'great' is none of the labels"):
        estimate(rows, human="h", judge="j", passes="great")
    columns = estimate(judge, human=[t if at % 4 == 0 else None for at, t in enumerate(truth)])
    assert columns.estimate == found.estimate


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([{"id": at, "ok": 1.0} for at in range(50)], "labelled all 50 rows"),
        ([{"id": 0, "ok": 1.0}], "1 of 50 rows have both"),
    ],
)
def test_rows_that_cannot_be_corrected(labels: list[dict[str, Any]], said: str) -> None:
    rows = rows_of(*verdicts(50, 6))
    with pytest.raises(DataError, match=said):
        estimate(rows, human="ok", labels=labels, key="id", judge="j")


def test_everything_can_be_written_as_json() -> None:
    rows = rows_of(*verdicts(300, 7))
    found = estimate(rows, human="ok", labels=labels_of(rows, 5), key="id", judge="j")
    said = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert said["estimate"]["value"] == pytest.approx(found.estimate.value)
