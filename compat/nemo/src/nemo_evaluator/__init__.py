"""NeMo Evaluator's import name on a platform; what scripts import lies in `nemo_evaluator.sdk`."""

from referee_nemo import refuse_beside_original

refuse_beside_original(__name__)
