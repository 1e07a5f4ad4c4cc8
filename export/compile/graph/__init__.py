"""The graph of a model under construction, and what an operator in it is."""
