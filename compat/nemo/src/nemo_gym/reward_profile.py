"""Figures over many rollouts."""

from __future__ import annotations

from nemo_gym._absent import INSTEAD
from referee.gym.api.aggregation import AggregateMetricsMixin, compute_aggregate_metrics
from referee.gym.api.pass_at_k import (
    add_avg_sample_std_dev,
    compute_pass_majority_metrics,
    compute_subset_metrics,
    highest_k_metrics,
)
from referee_nemo import missing

__all__ = [
    "AggregateMetricsMixin",
    "add_avg_sample_std_dev",
    "compute_aggregate_metrics",
    "compute_pass_majority_metrics",
    "compute_subset_metrics",
    "highest_k_metrics",
]


def __getattr__(name: str) -> object:
    raise missing(__name__, name, INSTEAD)
