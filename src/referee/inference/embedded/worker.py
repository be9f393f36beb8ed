"""One slot of the embedded model: a process that answers chat completions, one a line, until its input ends.

A process of its own because llama.cpp, as a library, takes over the signals, listens on a port, prints to the
terminal, cannot be interrupted and ends the process when it meets its own limits. Here all that harms nobody, and to
cancel a call is to end this process. It is started as a file, so that it imports nothing of referee.

Protocol: the only argument is a JSON object of settings; the first line out is `{"ready": true}` or
`{"failed": message}`; then every line in is the body of a chat completion and every line out its answer,
`{"reply": …}` or `{"error": {"status": …, "message": …}}`. stderr is a file, where llama.cpp prints; it is read and
emptied after every call, so that what is left in it at the end is why the process ended.
"""

from __future__ import annotations

import importlib
import json
import os
import secrets
import sys
from typing import Any

_SOCKET_PATH_LIMIT = 100  # bytes; systems allow 104 to 108
_SMALL_MODEL = 1 << 30  # bytes of weights
_UNENFORCED = "JSON schema conversion was incomplete: "


def main() -> None:
    settings = json.loads(sys.argv[1])
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    try:
        server = _load(settings)
    except (RuntimeError, ValueError, ImportError) as error:
        print(json.dumps({"failed": str(error)}), file=out)
        return
    _take_printed()
    print(json.dumps({"ready": True}), file=out)
    for line in sys.stdin:
        print(json.dumps(_answer(server, json.loads(line))), file=out)
    os._exit(0)  # the library's own clean-up can wait for ever, and there is nothing here to save


def _load(settings: dict[str, Any]) -> Any:
    xllamacpp: Any = importlib.import_module("xllamacpp")  # compiled, without types
    params = xllamacpp.CommonParams()
    params.model.path = settings["path"]
    params.n_ctx = settings["context"]
    params.n_parallel = 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings["threads"]
    params.verbosity = 1
    # To look how much of it the device holds, the library would load it twice: no matter where it is small.
    params.fit_params = os.path.getsize(settings["path"]) >= _SMALL_MODEL
    # With flash attention or a half-precision cache, what an earlier prompt left in the cache changes the last digits
    # of an answer (by up to 0.4 in a log-probability). So, the same request gives the same bits whatever came before,
    # and the common beginning of prompts still has to be read only once.
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    params.cache_ram_mib = 0
    # The library insists on listening: let it be on a socket file that is gone as soon as the model is loaded.
    params.api_keys = [secrets.token_hex(32)]
    params.endpoint_slots = False
    params.ui = False
    socket = os.path.join(settings["folder"], "model.sock")
    usable = os.name == "posix" and len(socket.encode()) < _SOCKET_PATH_LIMIT
    params.hostnames = [socket if usable else "127.0.0.1"]
    return xllamacpp.Server(params)


def _answer(server: Any, body: dict[str, Any]) -> dict[str, Any]:
    try:
        reply = server.handle_chat_completions(body)
    except ValueError as error:
        return {"error": {"status": 400, "message": str(error)}}
    except RuntimeError as error:
        return {"error": {"status": 500, "message": str(error)}}
    finally:
        printed = _take_printed()
    if _UNENFORCED in printed:
        left_out = printed.partition(_UNENFORCED)[2].partition("\n")[0]
        return {"error": {"status": 400, "message": f"the JSON schema cannot be enforced: {left_out}"}}
    if "choices" in reply:
        return {"reply": reply}
    error = reply.get("error", reply)
    return {"error": {"status": int(error.get("code", 500)), **error}}


def _take_printed() -> str:
    size = os.fstat(2).st_size
    if not size:
        return ""
    os.lseek(2, 0, os.SEEK_SET)
    printed = os.read(2, size).decode(errors="replace")
    os.lseek(2, 0, os.SEEK_SET)
    os.ftruncate(2, 0)
    return printed


if __name__ == "__main__":
    main()
