"""Datasets that agents declare: read from a configuration, checked row by row, described, and put together by type."""
