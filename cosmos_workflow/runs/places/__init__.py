"""Where a run goes: this machine, a host reached by SSH, or a Ray cluster."""

__all__: list[str] = []
