"""What a judge's numbers are worth: arrays in, results out.

Knows no judge, file or socket. numpy and scipy are loaded when the first figure that needs them is asked for; without
them a `MissingExtraError` names the extra.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from referee.on_use import import_on_use
from referee.statistics.estimate import Estimate

if TYPE_CHECKING:
    from referee.statistics.advantages import group_advantages
    from referee.statistics.against_people import Agreement, Baseline, agreement
    from referee.statistics.alignment import Alignment, alignment_test
    from referee.statistics.corrected import Corrected, corrected_mean, ppi, rogan_gladen
    from referee.statistics.grouping import WithinGroups, between_groups, within_groups
    from referee.statistics.labels import LabelAgreement, OneLabel, label_agreement
    from referee.statistics.length_control import LengthControlled, length_controlled_win_rate
    from referee.statistics.means import RepeatSplit, mean_score, repeat_split
    from referee.statistics.paired import (
        AgreementComparison,
        Comparison,
        McNemar,
        compare_agreement,
        compare_means,
        compare_rates,
        mcnemar,
    )
    from referee.statistics.pairwise import WinRate, win_rate
    from referee.statistics.planning import held_out, labels_for_width, rows_for_width, rows_to_show
    from referee.statistics.ranking import Ranking, bradley_terry
    from referee.statistics.raters import human_ceiling, krippendorff_alpha, label_ceiling
    from referee.statistics.rates import clopper_pearson, rate, wilson
    from referee.statistics.shift import Shift, shift_test
    from referee.statistics.token_scores import ExpectedScore, expected_score

_HOMES = {
    "group_advantages": ".advantages",
    "Agreement": ".against_people",
    "Baseline": ".against_people",
    "agreement": ".against_people",
    "Alignment": ".alignment",
    "alignment_test": ".alignment",
    "Corrected": ".corrected",
    "corrected_mean": ".corrected",
    "ppi": ".corrected",
    "rogan_gladen": ".corrected",
    "WithinGroups": ".grouping",
    "between_groups": ".grouping",
    "within_groups": ".grouping",
    "LabelAgreement": ".labels",
    "OneLabel": ".labels",
    "label_agreement": ".labels",
    "LengthControlled": ".length_control",
    "length_controlled_win_rate": ".length_control",
    "RepeatSplit": ".means",
    "mean_score": ".means",
    "repeat_split": ".means",
    "AgreementComparison": ".paired",
    "Comparison": ".paired",
    "McNemar": ".paired",
    "compare_agreement": ".paired",
    "compare_means": ".paired",
    "compare_rates": ".paired",
    "mcnemar": ".paired",
    "WinRate": ".pairwise",
    "win_rate": ".pairwise",
    "held_out": ".planning",
    "labels_for_width": ".planning",
    "rows_for_width": ".planning",
    "rows_to_show": ".planning",
    "Ranking": ".ranking",
    "bradley_terry": ".ranking",
    "human_ceiling": ".raters",
    "krippendorff_alpha": ".raters",
    "label_ceiling": ".raters",
    "clopper_pearson": ".rates",
    "rate": ".rates",
    "wilson": ".rates",
    "Shift": ".shift",
    "shift_test": ".shift",
    "ExpectedScore": ".token_scores",
    "expected_score": ".token_scores",
}

__all__ = [
    "Agreement",
    "AgreementComparison",
    "Alignment",
    "Baseline",
    "Comparison",
    "Corrected",
    "Estimate",
    "ExpectedScore",
    "LabelAgreement",
    "LengthControlled",
    "McNemar",
    "OneLabel",
    "Ranking",
    "RepeatSplit",
    "Shift",
    "WinRate",
    "WithinGroups",
    "agreement",
    "alignment_test",
    "between_groups",
    "bradley_terry",
    "clopper_pearson",
    "compare_agreement",
    "compare_means",
    "compare_rates",
    "corrected_mean",
    "expected_score",
    "group_advantages",
    "held_out",
    "human_ceiling",
    "krippendorff_alpha",
    "label_agreement",
    "label_ceiling",
    "labels_for_width",
    "length_controlled_win_rate",
    "mcnemar",
    "mean_score",
    "ppi",
    "rate",
    "repeat_split",
    "rogan_gladen",
    "rows_for_width",
    "rows_to_show",
    "shift_test",
    "wilson",
    "win_rate",
    "within_groups",
]

__getattr__ = import_on_use(__name__, _HOMES, extra="statistics", brings=("numpy", "scipy"))
