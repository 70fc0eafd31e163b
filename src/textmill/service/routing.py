"""Find the route of a method and a path in the contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textmill.contracts.routes import Route
from textmill.errors import MethodNotAllowedError, RouteNotFoundError


@dataclass(frozen=True, slots=True)
class Match:
    """A route and the value of its path's parameter, where it has one."""

    route: Route
    parameter: str


class Router:
    """Looks paths up: one dict for plain paths, one for those with a parameter in the middle.

    Every path of the contract has at most one parameter, and it fills a whole segment.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        self._exact = {(each.method, each.path): Match(each, "") for each in routes if "{" not in each.path}
        self._plain: dict[str, dict[str, Route]] = {}
        self._open: dict[tuple[str, str], dict[str, Route]] = {}
        for route in routes:
            head, brace, tail = route.path.partition("{")
            table = self._open.setdefault((head, tail.partition("}")[2]), {}) if brace else None
            methods = self._plain.setdefault(route.path, {}) if table is None else table
            methods[route.method] = route

    def find(self, method: str, path: str) -> Match:
        """The route; HEAD is answered by GET's.

        Raises:
            RouteNotFoundError, MethodNotAllowedError: it has none.
        """
        exact = self._exact.get((method, path))
        if exact is not None:
            return exact
        methods, parameter = self._methods(path)
        route = methods.get("GET" if method == "HEAD" else method)
        if route is None:
            allowed = {*methods, *(["HEAD"] if "GET" in methods else [])}
            raise MethodNotAllowedError(tuple(sorted(allowed)))
        return Match(route, parameter)

    def _methods(self, path: str) -> tuple[dict[str, Route], str]:
        plain = self._plain.get(path)
        if plain is not None:
            return plain, ""
        for (head, tail), methods in self._open.items():
            if path.startswith(head) and path.endswith(tail):
                parameter = path[len(head) : len(path) - len(tail)]
                if parameter and "/" not in parameter:
                    return methods, parameter
        raise RouteNotFoundError("Nothing is here. The paths of this API are listed in /openapi.json.")
