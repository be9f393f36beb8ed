"""What goes wrong, as the user sees it: a clear message, or a row with its kind while the run goes on."""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from referee.inference.transport import Reply
from referee.testing import Fault, ScriptedEndpoint

GOOD = '{"quality": 3}'
NOWHERE = "http://127.0.0.1:9/v1"
SCORE = {"name": "quality", "minimum": 0, "maximum": 4}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"scores": [SCORE, SCORE]}, "two scores are named 'quality'"),
        ({"scores": [{**SCORE, "minimum": 4}]}, "scores.0: minimum 4 is not below maximum 4"),
        ({"scores": [{**SCORE, "parser": {"type": "regex", "pattern": "("}}]}, "'(' is not a regular expression"),
        ({"scores": [{**SCORE, "parser": {"type": "yaml"}}]}, "'yaml', but one of json, regex, label"),
        ({"temprature": 0}, "temprature: is not known here"),
        ({"prompt_template": "{{ item.x "}, "prompt_template: the prompt template cannot be compiled"),
        ({"model": "gpt-4"}, "names the model 'gpt-4', and nothing here knows it"),
        ({"model": {"url": "ftp://x/v1", "name": "m"}}, "'ftp://x/v1' is neither http(s)://…"),
        ({"model": {"url": "https://me:pass@x/v1", "name": "m"}}, "the model url holds a password"),
    ],
)
def test_a_judge_that_cannot_be_meant(place, flat, fields, said):
    place.judge(NOWHERE, **fields)
    result = place.evaluate()
    assert result.exit_code == 1
    assert said in flat(result.stderr)
    assert "pass@" not in result.stderr


@pytest.mark.parametrize(("content", "said"), [("scores: [", "is not YAML"), ("", "is empty"), ("- 1", "is a list")])
def test_a_file_that_is_no_judge(place, flat, content, said):
    place.judge_file.write_text(content)
    result = place.evaluate()
    assert result.exit_code == 1
    assert said in flat(result.stderr)


def test_a_key_that_is_not_set_names_the_variables(place, flat):
    place.judge(NOWHERE, model={"url": NOWHERE, "name": "m", "api_key_secret": "team-key"})
    result = place.evaluate()
    assert result.exit_code == 1
    assert "looked for the environment variables team-key, TEAM-KEY, team_key, TEAM_KEY" in flat(result.stderr)


def test_rows_that_cannot_be_asked_about_fail_alone(place, flat):
    place.rows([{"answer": "x"}, {"answr": "y"}, "{broken", "[1, 2]", '{"answer": NaN}'])
    with place.rows_file.open("ab") as file:
        file.write(b'{"answer": "\xff"}\n')
    with ScriptedEndpoint(GOOD) as endpoint:
        place.judge(endpoint.url, prompt_template="Rate {{item.answer}}")
        result = place.evaluate()
        assert endpoint.served.answers == 1
    assert result.exit_code == 3
    assert "5 rows failed (5 bad_request)" in flat(result.stdout)
    errors = [line["metric_errors"] and line["metric_errors"]["demo"] for line in place.lines()]
    assert errors[0] is None
    for error, said in zip(
        errors[1:],
        ["no field 'answer', which the prompt asks for", "line 3: not JSON", "line 4: a row is", "NaN", "not UTF-8"],
        strict=True,
    ):
        assert "failed (bad_request): not sent" in error
        assert said in error


def test_a_field_that_no_row_has_ends_the_run_at_once(place, flat):
    place.rows(500)
    place.judge(NOWHERE, prompt_template="Rate {{item.answer}}")
    result = place.evaluate()
    assert result.exit_code == 3
    assert "every one of the first 32 rows failed (bad_request): not sent: there is no field 'answer'" in flat(
        result.stderr
    )


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (NOWHERE, "no connection: Connection refused"),
        ("http://no-such-host.invalid/v1", "http://no-such-host.invalid/v1/chat/completions: no connection"),
    ],
)
def test_an_endpoint_that_is_not_there(place, flat, url, said):
    place.judge(url)
    result = place.evaluate("--retries", "0")
    assert result.exit_code == 3
    assert "all 4 rows failed (unreachable)" in flat(result.stderr)
    assert said in flat(result.stderr)


def test_tls_spoken_to_a_plain_port(place, flat):
    with ScriptedEndpoint(GOOD) as endpoint:
        place.judge(endpoint.url.replace("http://", "https://"))
        result = place.evaluate("--retries", "0")
    assert "speaks no TLS: should the url begin with http://?" in flat(result.stderr)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_a_certificate_that_nobody_vouches_for(place, flat):
    key, certificate = place.folder / "key.pem", place.folder / "certificate.pem"
    subject = ["-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    made = ["openssl", "req", "-x509", *subject, "-keyout", key, "-out", certificate]
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        place.judge(f"https://127.0.0.1:{server.server_port}/v1")
        result = place.evaluate("--retries", "0")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert "its TLS certificate is not trusted (self-signed certificate)" in flat(result.stderr)
    assert "SSL_CERT_FILE" in result.stderr


FAULTS = [
    (Fault("html"), "bad_reply", "the reply is a web page: is this the url of the API?"),
    (Fault("truncated_json"), "bad_reply", "not JSON, or ends in the middle"),
    (Fault("empty_body"), "bad_reply", "the reply is empty"),
    (Fault("wrong_shape"), "bad_reply", "has not the form of its API"),
    (Reply(200, {}, b'{"choices": "\xff"}'), "bad_reply", "not UTF-8: byte 0xff at byte 13"),
    (Fault("close_mid_body"), "bad_reply", "stopped in the middle of its answer"),
    (Fault("close_before_answer"), "unreachable", "closed the connection without an answer"),
    (Fault("500"), "server_error", "answered 500"),
    (Fault("429"), "rate_limited", "answered 429"),
    (Fault("401"), "unauthorised", "answered 401"),
    (Reply(404, {}, b'{"error": {"message": "no model x"}}'), "bad_request", "answered 404: no model x"),
    (Fault("empty_answer"), None, "the answer is empty"),
    (Fault("huge_answer"), None, "the answer holds no JSON object"),
    ('{"quality": NaN}', None, "not a number"),
    ('{"quality": 9}', None, "quality is 9, outside of 0 to 4"),
    ('{"quality": "good"}', None, "quality is good, not a number"),
]


def test_every_fault_is_one_rows_own(place, flat):
    def answer(body):
        number = int(re.search(r"What is (\d+) \+", str(body)).group(1))
        return FAULTS[number][0] if number < len(FAULTS) else GOOD

    place.rows(len(FAULTS) + 2)
    with ScriptedEndpoint(answer) as endpoint:
        place.judge(endpoint.url)
        result = place.evaluate("--retries", "0")
    assert result.exit_code == 3
    lines = place.lines()
    for line, (_, kind, said) in zip(lines, FAULTS, strict=False):
        why = line["unscored"]["demo"]["quality"]
        assert why["status"] == ("unclear" if kind is None else "failed")
        assert why.get("kind") == kind
        assert said in why["reason"]
    assert [line["unscored"] for line in lines[len(FAULTS) :]] == [None, None]
    assert f"{sum(kind is not None for _, kind, _ in FAULTS)} rows failed (" in flat(result.stdout)


def test_a_row_without_an_answer_fails_by_itself(place):
    place.rows(2)
    with ScriptedEndpoint(lambda body: Fault("hang") if "What is 0 +" in str(body) else GOOD) as endpoint:
        place.judge(endpoint.url)
        assert place.evaluate("--retries", "0", "--timeout", "3").exit_code == 3
    first, second = (line["unscored"] for line in place.lines())
    assert (first["demo"]["quality"]["kind"], second) == ("timeout", None)
    assert "did not answer within 3 s" in first["demo"]["quality"]["reason"]


@pytest.mark.parametrize("fault", ["html", "401", "404"])
def test_a_first_round_that_is_refused_ends_the_run(place, flat, fault):
    place.rows(300)
    with ScriptedEndpoint(Fault(fault)) as endpoint:
        place.judge(endpoint.url, structured_output=False)
        result = place.evaluate("--retries", "0", "--concurrency", "8")
        assert sum(endpoint.served.attempts.values()) < 30
    assert result.exit_code == 3
    assert "every one of the first 8 rows failed" in flat(result.stderr)


def test_an_endpoint_that_closed_for_good_ends_a_resumed_run_too(place, flat):
    place.rows(300)
    with ScriptedEndpoint(GOOD, api_key="right-key") as endpoint:
        model = {"url": endpoint.url, "name": "m", "default_headers": {"Authorization": "Bearer right-key"}}
        place.judge(endpoint.url, model=model)
        place.evaluate("--limit", "20")
        place.judge(endpoint.url, model={**model, "default_headers": {"Authorization": "Bearer wrong-key"}})
        result = place.evaluate("--concurrency", "8")
        assert sum(endpoint.served.attempts.values()) < 20 + 30
    assert result.exit_code == 3
    finished = re.search(r"(\d+) of 300 rows", flat(result.stderr))
    assert finished, result.stderr
    assert 20 <= int(finished[1]) <= 20 + 2 * 8  # a round, and what was in flight when it was refused
    assert sum(line["unscored"] is None for line in place.lines()) == 20


def test_a_row_of_five_megabytes_and_an_answer_of_ten(place):
    place.rows([{"prompt": "p", "response": "x" * 5_000_000}])
    with ScriptedEndpoint(Fault("huge_answer")) as endpoint:
        place.judge(endpoint.url)
        result = place.evaluate()
        assert len(str(endpoint.requests[0].body)) > 5_000_000
    assert result.exit_code == 0
    assert (place.out / "journal.jsonl").stat().st_size > 10_000_000
    assert len(place.lines()[0]["unscored"]["demo"]["quality"]["text"]) == 2000
    assert len(result.stdout) < 5000


def test_no_rows_are_said_to_be_none(place, flat):
    place.rows([])
    place.judge(NOWHERE)
    result = place.evaluate()
    assert result.exit_code == 0
    assert "There are no rows: nothing was judged." in flat(result.stdout)


def test_files_and_folders_that_cannot_be_used(place, flat):
    place.judge(NOWHERE)
    below_a_file = place.evaluate(out=place.rows_file / "out")
    assert below_a_file.exit_code == 1
    assert "cannot be made: Not a directory" in flat(below_a_file.stderr)
    place.rows_file.unlink()
    no_rows = place.evaluate()
    assert no_rows.exit_code == 1
    assert "rows.jsonl: no such file" in flat(no_rows.stderr)


def test_the_folder_of_another_judge_is_refused_with_the_difference(place, flat):
    with ScriptedEndpoint(GOOD) as endpoint:
        place.judge(endpoint.url)
        place.evaluate()
        before = (place.out / "judge.yaml").read_bytes()
        place.judge(endpoint.url, model={"url": endpoint.url, "name": "another"}, inference={"temperature": 1})
        result = place.evaluate()
        assert endpoint.served.answers == 4
    assert result.exit_code == 1
    assert "holds the run of another judge" in flat(result.stderr)
    assert "scripted there, another here" in flat(result.stderr)
    assert "temperature" in flat(result.stderr)
    assert (place.out / "judge.yaml").read_bytes() == before


@pytest.mark.parametrize("budget", ["2.50", "lots"])
def test_a_budget_that_cannot_be_kept(place, flat, budget):
    place.judge(NOWHERE)
    result = place.evaluate("--budget", budget)
    assert result.exit_code == 1
    assert ("needs the price of 'scripted'" if budget == "2.50" else "'lots' is not readable") in flat(result.stderr)


@pytest.mark.parametrize("option", [("--concurrency", "0"), ("--nonsense",), ("--order", "random")])
def test_wrong_usage_is_exit_code_2(place, option):
    place.judge(NOWHERE)
    assert place.evaluate(*option).exit_code == 2
