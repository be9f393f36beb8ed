"""NeMo Platform's import name for its evaluator service; values are in `app.values`."""
