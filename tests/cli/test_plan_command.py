"""`referee plan` on its screen."""

from __future__ import annotations

import json

from referee.testing import ScriptedEndpoint


def test_what_a_run_with_a_price_would_cost(place, flat, tmp_path):
    place.rows([{"prompt": f"What is {n} + 1?", "response": str(n), "quality": n % 5} for n in range(20)])
    with ScriptedEndpoint([json.dumps({"quality": min(4, n % 5 + n % 3)}) for n in range(20)]) as endpoint:
        model = {"url": endpoint.url, "name": "m", "price": {"input": 5.0, "output": 15.0}}
        place.judge(endpoint.url, model=model)
        assert place.evaluate("-c", "1").exit_code == 0
    command = ("plan", str(place.out), "--human", "quality", "-w", "0.05", "--minutes-per-label", "3")
    result = place.run(*command)
    assert result.exit_code == 0
    said = flat(result.stdout)
    assert "Pearson r known to ±0.05" in said
    assert "the judge's own mean known to ±0.05" in said
    assert "$" in said
    assert max(map(len, result.stdout.splitlines()[1:])) <= 80
    found = json.loads(place.run(*command, "--json", "--report", str(tmp_path / "page.html")).stdout)
    assert found["needs"][0]["dollars"] > 0
    assert found["needs"][0]["minutes"] > 0
    assert (tmp_path / "page.html").exists()


def test_a_width_of_nothing(place, flat, tmp_path):
    file = tmp_path / "x.jsonl"
    file.write_text('{"j": 1}\n{"j": 2}\n')
    result = place.run("plan", str(file), "--judge", "j", "-w", "0")
    assert result.exit_code == 1
    assert "half_width is 0.0; it must be above 0" in flat(result.stderr)
