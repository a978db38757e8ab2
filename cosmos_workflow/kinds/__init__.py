"""The kinds of work that Cosmos can be asked for, one folder for each; knows no machine, database or screen."""

__all__: list[str] = []
