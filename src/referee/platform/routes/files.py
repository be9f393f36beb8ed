"""Files of filesets: listed, uploaded, downloaded (whole or a range), deleted."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Any

from fastapi import APIRouter, Header, HTTPException, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, StreamingResponse

from referee.platform.filesets.local import LocalStorage
from referee.platform.filesets.lookup import file_shape, read_fileset
from referee.platform.filesets.paths import clean_path, matching
from referee.platform.filesets.ranges import send
from referee.platform.filesets.storage import Storage, storage_of
from referee.platform.services import Services, Shared
from referee.platform.store.tables import Fileset

router = APIRouter(prefix="/apis/files/v2/workspaces/{workspace}/filesets/{name}", tags=["files"])

_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]+=*):")


@router.get("/files")
def list_files(
    workspace: str,
    name: str,
    services: Shared,
    path: Annotated[str | None, Query(description="A path, a folder or a pattern.")] = None,
) -> dict[str, Any]:
    """The files of a fileset, or those that `path` stands for."""
    fileset, storage = _open(services, workspace, name)
    files = {file.path: file for file in storage.files()}
    return {"data": [file_shape(files[found], fileset, workspace) for found in matching(path, files)]}


@router.put("/-/{path:path}")
async def upload(
    workspace: str,
    name: str,
    path: str,
    request: Request,
    services: Shared,
    repr_digest: Annotated[str | None, Header(description="sha-256=:base64:, checked.")] = None,
    x_checksum_sha256: Annotated[str | None, Header(description="In hexadecimal, checked.")] = None,
) -> Response:
    """Take in a file; one that was there under this path is replaced when the new one is whole."""
    path = clean_path(path)
    announced = _announced(repr_digest, x_checksum_sha256)
    fileset, storage = await run_in_threadpool(_open, services, workspace, name)
    if not isinstance(storage, LocalStorage):
        raise HTTPException(
            400, f"the files of {workspace}/{name} are elsewhere ({fileset.storage['type']}): read only"
        )
    file = await storage.upload(path, request.stream(), announced)
    return JSONResponse(file_shape(file, fileset, workspace), headers={"ETag": f'"{file.sha256}"'})


@router.head("/-/{path:path}")
def look(workspace: str, name: str, path: str, services: Shared) -> Response:
    """What a download would be told of the file."""
    _, storage = _open(services, workspace, name)
    file = storage.find(clean_path(path))
    headers = {"Accept-Ranges": "bytes", "Content-Length": str(file.size), "Content-Type": "application/octet-stream"}
    return Response(headers=headers | ({"ETag": f'"{file.sha256}"'} if file.sha256 else {}))


@router.get("/-/{path:path}", response_class=StreamingResponse)
def download(
    workspace: str,
    name: str,
    path: str,
    services: Shared,
    range: Annotated[str | None, Header(description="bytes=0-99, or bytes=-100.")] = None,
    if_range: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """A file's bytes."""
    _, storage = _open(services, workspace, name)
    return send(storage, storage.find(clean_path(path)), range, if_range)


@router.delete("/-/{path:path}")
def delete(workspace: str, name: str, path: str, services: Shared) -> dict[str, Any]:
    """Delete an uploaded file."""
    fileset, storage = _open(services, workspace, name)
    if not isinstance(storage, LocalStorage):
        raise HTTPException(
            400, f"the files of {workspace}/{name} are elsewhere ({fileset.storage['type']}): read only"
        )
    return file_shape(storage.delete(clean_path(path)), fileset, workspace)


def _open(services: Services, workspace: str, name: str) -> tuple[Fileset, Storage]:
    fileset = read_fileset(services, workspace, name)
    return fileset, storage_of(services, fileset, workspace)


def _announced(repr_digest: str | None, hexadecimal: str | None) -> str | None:
    if hexadecimal is not None:
        return hexadecimal.strip().lower()
    found = _DIGEST.search(repr_digest or "")
    if found is None:
        return None
    try:
        return base64.b64decode(found[1], validate=True).hex()
    except binascii.Error as error:
        raise HTTPException(400, f"Repr-Digest is {repr_digest!r}: give sha-256=:…: in base64") from error
