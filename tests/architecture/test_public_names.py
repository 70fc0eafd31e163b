from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

import textmill


def public_names(module: ModuleType) -> set[str]:
    """What a user sees: `dir`, without submodules, private names and the annotations feature."""
    return {
        name
        for name in dir(module)
        if not (
            name.startswith("_") or name == "annotations" or isinstance(getattr(module, name), ModuleType)
        )
    }


def test_all_names_of_textmill_are_listed() -> None:
    """`textmill.__all__` is the public surface: nothing more can be seen, and each name is there."""
    listed = set(textmill.__all__) - {"__version__"}

    assert listed == public_names(textmill)
    assert all(getattr(textmill, name) is not None for name in textmill.__all__)


def test_the_list_is_sorted_and_has_no_doubles() -> None:
    """A list that people read is in order."""
    assert sorted(set(textmill.__all__)) == list(textmill.__all__)


def test_every_listed_name_of_every_package_exists() -> None:
    """No `__all__` in the package promises a name that is not there."""
    broken = [
        f"{found.name}.{name}"
        for found in pkgutil.walk_packages(textmill.__path__, "textmill.")
        if found.ispkg
        for module in [importlib.import_module(found.name)]
        for name in getattr(module, "__all__", ())
        if not hasattr(module, name)
    ]

    assert [] == broken
