"""NeMo Platform's import name for its services; what scripts import lies in `nmp.evaluator.app.values`."""

from referee_nemo import refuse_beside_original

refuse_beside_original(__name__)
