"""Transfer: a clip, its controls and a prompt become a photoreal video."""
