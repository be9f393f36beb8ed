"""The names of the original that referee has no counterpart of, and what serves instead."""

from __future__ import annotations

_HTTP = "the client takes base_url, timeout, max_retries, default_headers and, as http_client, an httpx2.Client"
_UNSET = "leave an argument out, or give None"

INSTEAD: dict[str, str] = {
    **dict.fromkeys(
        (
            "DefaultAioHttpClient",
            "DefaultAsyncHttpxClient",
            "DefaultHttpxClient",
            "DEFAULT_CONNECTION_LIMITS",
            "ProxiesTypes",
            "RequestOptions",
            "Timeout",
            "Transport",
        ),
        _HTTP,
    ),
    **dict.fromkeys(("NOT_GIVEN", "NoneType", "NotGiven", "Omit", "not_given", "omit"), _UNSET),
    **dict.fromkeys(("AsyncStream", "Stream"), "job.iter_row_scores() and client.jobs.get_logs(…) stream"),
    "APIResponse": "an error's `response` is the reply as httpx2 has it",
    "AsyncAPIResponse": "an error's `response` is the reply as httpx2 has it",
    "BaseModel": "the values are pydantic models: see nemo_platform.types",
    "file_from_path": "client.files.upload(local_path=…) takes a path",
}
