"""The import names of NeMo Platform and its evaluator plugin: what scripts import is there and is referee's."""

from __future__ import annotations

import importlib

import pytest

PACKAGES = [
    "nemo_platform",
    "nemo_platform.types.files",
    "nemo_platform.types.jobs",
    "nemo_platform.types.secrets",
    "nemo_platform.types.shared",
    "nemo_platform.types.workspaces",
    "nemo_evaluator.sdk",
    "nmp.evaluator.app.values",
]


@pytest.mark.parametrize("package", PACKAGES)
def test_names_are_there_and_sorted(package):
    module = importlib.import_module(package)
    assert [getattr(module, name) for name in module.__all__]
    assert module.__all__ == sorted(module.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name))


def test_the_exceptions_are_one_family():
    from nemo_platform import APIConnectionError, APIStatusError, ConflictError, NeMoPlatformError, NotFoundError

    assert issubclass(ConflictError, APIStatusError)
    assert not issubclass(NotFoundError, ConflictError)
    assert issubclass(APIStatusError, NeMoPlatformError)
    assert issubclass(APIConnectionError, NeMoPlatformError)


def test_the_evaluator_is_the_clients():
    from nemo_evaluator.sdk import Evaluator, FilesetRef
    from nemo_platform import NeMoPlatform
    from nmp.evaluator.app.values import FilesetRef as SameFilesetRef

    with NeMoPlatform(base_url="http://127.0.0.1:1", workspace="w") as client:
        assert isinstance(client.evaluator, Evaluator)
    assert FilesetRef is SameFilesetRef


def test_a_storage_is_a_mapping():
    from nemo_platform.types.files import HuggingfaceStorageConfigParam

    made = HuggingfaceStorageConfigParam(type="huggingface", repo_id="a/b", repo_type="dataset")
    assert made == {"type": "huggingface", "repo_id": "a/b", "repo_type": "dataset"}


def test_a_name_without_a_counterpart_says_what_to_use():
    import nemo_platform

    with pytest.raises(ImportError, match=r"nemo_platform\.Timeout is not part of referee: the client takes"):
        from nemo_platform import Timeout  # noqa: F401  # pyright: ignore
    with pytest.raises(AttributeError):
        nemo_platform.nothing  # noqa: B018  # pyright: ignore
