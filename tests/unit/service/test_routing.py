"""Routes by method and path."""

from __future__ import annotations

import pytest

from textmill.contracts.routes import ROUTES, Route
from textmill.errors import MethodNotAllowedError, RouteNotFoundError
from textmill.service.routing import Router

ROUTER = Router(ROUTES)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_every_route_is_found_with_its_parameter(route: Route) -> None:
    """By its own method and path."""
    path = route.path.format(model="my-model.v2", code="overloaded", asset="a.css")
    match = ROUTER.find(route.method, path)
    assert match.route == route
    assert match.parameter in path
    assert bool(match.parameter) == ("{" in route.path)


@pytest.mark.parametrize(
    "path",
    ["", "/", "//predict", "/predict/", "/v1/models/", "/v1/models//predict", "/v1/models/a/b", "/docs/a/b"],
)
def test_what_is_no_path_of_the_contract_is_not_found(path: str) -> None:
    """No slash is added, taken away or merged."""
    with pytest.raises(RouteNotFoundError):
        ROUTER.find("GET", path)


def test_a_wrong_method_names_the_right_ones() -> None:
    """HEAD is allowed where GET is."""
    with pytest.raises(MethodNotAllowedError) as refused:
        ROUTER.find("PUT", "/v1/models")
    assert refused.value.allowed == ("GET", "HEAD")
