"""A scripted model endpoint, for tests of whatever calls a model: answers and faults as you write them down.

`ScriptedEndpoint` is a real HTTP server on loopback, `ScriptedTransport` the same script without a socket; both speak
chat completions and Responses. `python -m referee.testing.instant` is an endpoint for benchmarks. `ScriptedHub` stands
in for the Hugging Face hub.

    with ScriptedEndpoint(['{"score": 4}', Fault("429", retry_after=1), "no idea"]) as endpoint:
        evaluate(endpoint.url)
        assert endpoint.served.attempts == {"200": 2, "429": 1}
"""

from referee.testing.endpoint import ScriptedEndpoint
from referee.testing.faults import FAULT_NAMES, Fault, FaultName, FaultPlan
from referee.testing.hub import ScriptedHub
from referee.testing.replies import Answer
from referee.testing.script import Script, ScriptedAnswer, ScriptOptions
from referee.testing.served import RecordedRequest, Served
from referee.testing.transport import ScriptedTransport

__all__ = [
    "FAULT_NAMES",
    "Answer",
    "Fault",
    "FaultName",
    "FaultPlan",
    "RecordedRequest",
    "Script",
    "ScriptOptions",
    "ScriptedAnswer",
    "ScriptedEndpoint",
    "ScriptedHub",
    "ScriptedTransport",
    "Served",
]
