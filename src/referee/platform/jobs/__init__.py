"""Jobs: what was submitted, its rows cut into shards, the workers that judge them, and the results as files."""
