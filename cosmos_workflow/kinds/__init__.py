"""What can be asked of Cosmos, one folder a kind of work; knows no machine, no database and no screen."""

__all__: list[str] = []
