"""The operations of OAuth2: a token for the holder of a key, and what others need to check it."""

from __future__ import annotations

from textmill.errors import RouteNotFoundError
from textmill.security.issuer import GRANT, Issuer, TokenRefusedError, client_of
from textmill.security.principals import SCOPES
from textmill.service import forms
from textmill.service.messages import Headers, Reply, Request, json_reply

UNCACHED: Headers = (("cache-control", "no-store"), ("pragma", "no-cache"))
CACHED: Headers = (("cache-control", "public, max-age=300"),)
CHALLENGE: Headers = (("www-authenticate", 'Basic realm="textmill", charset="UTF-8"'),)


class Authorization:
    """Gives tokens, and tells how they are checked."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer

    def issue_token(self, request: Request, _parameter: str) -> Reply:
        """`POST /oauth/token`."""
        try:
            form = forms.read(request)
            _check_grant(form.get("grant_type"))
            client = client_of(request.headers.get("authorization"), form)
            granted = self._issuer.grant(client, form.get("scope"))
        except forms.FormError as error:
            return _refusal(TokenRefusedError("invalid_request", str(error)))
        except TokenRefusedError as error:
            return _refusal(error)
        reply = {
            "access_token": granted.token,
            "token_type": "Bearer",
            "expires_in": granted.seconds,
            "scope": " ".join(granted.scopes),
        }
        return json_reply(reply, headers=UNCACHED)

    def token_keys(self, _request: Request, _parameter: str) -> Reply:
        """`GET /.well-known/jwks.json`."""
        return json_reply(self._issuer.public_keys(), headers=CACHED)

    def authorization_server(self, _request: Request, _parameter: str) -> Reply:
        """`GET /.well-known/oauth-authorization-server`: full addresses, so ours must be known."""
        url = self._issuer.url
        if url is None:
            raise RouteNotFoundError("Set oauth.issuer to the https URL of this API to have this document.")
        reply = {
            "issuer": self._issuer.name,
            "token_endpoint": f"{url}/oauth/token",
            "jwks_uri": f"{url}/.well-known/jwks.json",
            "scopes_supported": list(SCOPES),
            "response_types_supported": [],
            "grant_types_supported": [GRANT],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        }
        return json_reply(reply, headers=CACHED)


def _check_grant(grant: str | None) -> None:
    if grant is None:
        raise TokenRefusedError("invalid_request", f"'grant_type' is missing; send {GRANT}.")
    if grant != GRANT:
        raise TokenRefusedError("unsupported_grant_type", f"The one 'grant_type' here is {GRANT}.")


def _refusal(error: TokenRefusedError) -> Reply:
    """In the form of RFC 6749, which its clients read."""
    unknown = error.fault == "invalid_client"
    body = {"error": error.fault, "error_description": str(error)}
    return json_reply(body, 401 if unknown else 400, (*UNCACHED, *(CHALLENGE if unknown else ())))
