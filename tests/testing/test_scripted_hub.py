"""The stand-in for the Hugging Face hub, as `huggingface_hub` sees it."""

from __future__ import annotations

import pytest

from referee.testing import ScriptedHub

FILES = {"owner/data": {"validation.jsonl": b'{"a": 1}\n', "deep/x.csv": b"a\n1\n"}}


@pytest.fixture
def api():
    hub = pytest.importorskip("huggingface_hub")
    return hub.HfApi


def test_a_repository_is_looked_up_and_its_files_fetched(api, tmp_path):
    with ScriptedHub(FILES) as hub:
        client = api(endpoint=hub.url, token=False)
        found = client.repo_info("owner/data", repo_type="dataset", revision="main", files_metadata=True)
        assert [(file.rfilename, file.size) for file in found.siblings] == [("validation.jsonl", 9), ("deep/x.csv", 4)]
        path = client.hf_hub_download(
            "owner/data", "deep/x.csv", repo_type="dataset", revision=found.sha, cache_dir=tmp_path
        )
        with open(path, "rb") as file:
            assert file.read() == b"a\n1\n"
        assert hub.downloads == ["owner/data/deep/x.csv"]


def test_what_is_not_there_and_what_is_not_allowed(api, tmp_path):
    from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, RepositoryNotFoundError

    with ScriptedHub(FILES, token="hf-token") as hub:
        stranger, friend = api(endpoint=hub.url, token=False), api(endpoint=hub.url, token="hf-token")
        with pytest.raises(GatedRepoError):
            stranger.repo_info("owner/data", repo_type="dataset")
        with pytest.raises(RepositoryNotFoundError):
            friend.repo_info("owner/other", repo_type="dataset")
        with pytest.raises(EntryNotFoundError):
            friend.hf_hub_download("owner/data", "none", repo_type="dataset", cache_dir=tmp_path)
