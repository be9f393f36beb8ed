"""Filesets: the places that files lie in (uploads, the Hugging Face hub, URLs), behind one interface."""
