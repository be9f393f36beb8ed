"""NeMo Platform's import name for what a platform's replies say, by the resource they belong to."""
