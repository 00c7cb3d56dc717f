"""Registries: what installed packages add to them through entry points, and modules that are imported when they are asked for."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, TypeVar

from bench.errors import SettingsError, unknown_name

BUILT_IN = "built in"


@dataclass(frozen=True)
class Plugin:
    """Something that a package offers under a name."""

    package: str
    """Name and version of the distribution."""
    value: Any


T = TypeVar("T")


def with_plugins(built_in: Mapping[str, T], group: str, kind: type[T]) -> dict[str, T]:
    """Return a registry with what installed packages add to it.

    Raises
    ------
    SettingsError
        If an entry point cannot be loaded, is of another type, or takes a name that is taken; it says whose it is.
    """
    registry = dict(built_in)
    for name, plugin in plugins(group).items():
        if name in built_in:
            raise SettingsError(f"{plugin.package} offers {name!r} under {group}, which is built in; it needs another name")
        if not isinstance(plugin.value, kind):
            raise SettingsError(
                f"{plugin.package} offers {name!r} under {group} as {type(plugin.value).__name__}; expected {kind.__name__}"
            )
        registry[name] = plugin.value
    return registry


def available(every: Callable[[], dict[str, T]], built_in: Mapping[str, T]) -> Mapping[str, T]:
    """Return all of a registry, or what is built in if a plug-in is broken: those who only read a run need no plug-in."""
    try:
        return every()
    except SettingsError:
        return built_in


def origin_of(name: str, group: str) -> str:
    """Return the package that a name comes from."""
    plugin = plugins(group).get(name)
    return BUILT_IN if plugin is None else plugin.package


@cache
def plugins(group: str) -> dict[str, Plugin]:
    """Return what packages offer in a group, by name.

    Raises
    ------
    SettingsError
        If one cannot be loaded, or two have the same name.
    """
    by_name: dict[str, Plugin] = {}
    for point in entry_points(group=group):
        package = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
        if point.name in by_name:
            raise SettingsError(
                f"{by_name[point.name].package} and {package} both offer {point.name!r} under {group}; uninstall one"
            )
        by_name[point.name] = Plugin(package, _load(point, package))
    return by_name


def _load(point: EntryPoint, package: str) -> Any:
    try:
        return point.load()
    except Exception as error:
        raise SettingsError(
            f"the plug-in {point.name!r} of {package} cannot be loaded ({type(error).__name__}: {error}); update or uninstall it"
        ) from error


def module_of(package: str, kind: str, name: str, known: Collection[str]) -> ModuleType:
    """Return the module of a package that has a name in its registry (`-` read as `_`), imported when it is asked for.

    Raises
    ------
    SettingsError
        If the registry `known` has no such name.
    """
    if name not in known:
        raise unknown_name(kind, name, known)
    return import_module(f"{package}.{name.replace('-', '_')}")
