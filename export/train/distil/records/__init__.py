"""Students of what recordings are: listeners that name genres and tags, and what gains could make of a recording."""
