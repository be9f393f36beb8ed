"""Filesets, their files, and where they may lie."""

from __future__ import annotations

from referee.client.types import (
    FileList,
    Fileset,
    FilesetFile,
    HuggingfaceStorageConfigParam,
    LocalStorageConfigParam,
    S3StorageConfigParam,
)
from referee.client.types import FileList as ListFilesetFilesResponse
from referee.client.types import Storage as HuggingfaceStorageConfig
from referee.client.types import Storage as LocalStorageConfig
from referee.client.types import Storage as S3StorageConfig

__all__ = [
    "FileList",
    "Fileset",
    "FilesetFile",
    "HuggingfaceStorageConfig",
    "HuggingfaceStorageConfigParam",
    "ListFilesetFilesResponse",
    "LocalStorageConfig",
    "LocalStorageConfigParam",
    "S3StorageConfig",
    "S3StorageConfigParam",
]
