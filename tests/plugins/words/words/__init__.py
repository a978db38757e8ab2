"""A second kind of work, as another distribution brings it: the words of a text are counted and drawn.

The product does not know it; the tests find it by their PYTHONPATH. Needs Python alone.
"""
