"""NeMo Platform's import name for its evaluator service; values are in `values`."""
