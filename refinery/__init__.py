"""Web archives into text for pretraining: the public names, which ``__init__.pyi`` lists.

They are imported when they are first used, so that ``import refinery`` and the command line's help stay quick.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
