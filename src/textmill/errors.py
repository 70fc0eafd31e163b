"""One tree of exceptions; it knows no HTTP.

TextmillError
├── ConfigurationError          the settings cannot work as they are
│   └── MissingExtraError       an optional dependency is not installed
├── ModelError                  a stored model cannot be used
│   ├── ModelNotFoundError      there is nothing at the path, or no such package
│   ├── ModelUntrustedError     loading would execute code and nobody allowed it
│   ├── ModelDigestError        not the files that the operator has pinned
│   ├── ModelVersionError       written by another version of its library
│   └── ModelInvalidError       loads, but is no model that textmill can serve
├── RequestError                the caller's fault
│   ├── RouteNotFoundError
│   ├── MethodNotAllowedError
│   ├── CredentialsMissingError the operation is not open to everybody
│   │   └── CredentialsInvalidError  unknown, expired, revoked, malformed
│   ├── CredentialsAmbiguousError    several credentials at once
│   ├── ScopeMissingError       known, but not allowed to do this
│   ├── RateLimitedError        too much in too short a time, or too much at once
│   ├── UnknownModelError
│   ├── UnsupportedMediaTypeError
│   ├── InvalidHeaderError      a header has a value that cannot be used
│   ├── MalformedJsonError      the body cannot be read as JSON
│   ├── InvalidBodyError        JSON, but not what the contract asks for
│   ├── BodyTooLargeError
│   ├── BodyTimeoutError        the body did not arrive in time
│   ├── TooManyTextsError       one call brings more texts than the limit
│   ├── TextEmptyError          one text is empty
│   └── TextTooLongError        one text has too many characters
├── AuthUnavailableError        nobody can tell now who is asking
├── KeyStoreError               the store of API keys cannot be used
└── EngineError                 the work could not be done
    ├── OverloadedError         shed before it was accepted; retry later
    ├── DeadlineExceededError   accepted, but not computed in time
    ├── ModelNotReadyError      still loading, or recovering
    ├── ShuttingDownError       the process is draining
    └── PredictionError         the model failed on this very text

Every class has a stable `code`, which callers may rely on. A message says what happened, to which
value, and what to do next; it never holds a caller's text or a secret.
"""

from __future__ import annotations

from dataclasses import dataclass


class TextmillError(Exception):
    """The root of all errors that textmill raises on purpose.

    Attributes:
        retry_after: seconds after which a retry makes sense, or None where it makes none.
    """

    code = "internal-error"
    retry_after: int | None = None


class ConfigurationError(TextmillError):
    """The settings cannot work as they are."""

    code = "configuration-invalid"


class MissingExtraError(ConfigurationError):
    """An optional dependency is not installed.

    Args:
        needed_for: what the user wanted, such as `serving with Flask`.
        extra: the name of the extra that brings it.
    """

    code = "extra-missing"

    def __init__(self, needed_for: str, extra: str) -> None:
        super().__init__(
            f"{needed_for} needs an optional dependency that is not installed. "
            f"Install it with: pip install 'textmill[{extra}]'"
        )


class ModelError(TextmillError):
    """A stored model cannot be used."""

    code = "model-invalid"


class ModelNotFoundError(ModelError):
    """There is nothing at the path, and no installed package has the name."""

    code = "model-not-found"


class ModelUntrustedError(ModelError):
    """Loading the model would execute code from the file, and nobody allowed that."""

    code = "model-untrusted"


class ModelDigestError(ModelError):
    """The model is not the one whose digest the operator has pinned."""

    code = "model-digest-mismatch"


class ModelVersionError(ModelError):
    """The model was written by another version of its library."""

    code = "model-version-mismatch"


class ModelInvalidError(ModelError):
    """The file loads, but it is no model that textmill can serve."""

    code = "model-invalid"


class RequestError(TextmillError):
    """The caller's fault; the same request will fail again."""

    code = "request-invalid"


class RouteNotFoundError(RequestError):
    """No operation has this path."""

    code = "route-not-found"


class MethodNotAllowedError(RequestError):
    """The path exists, but not with this method.

    Args:
        allowed: the methods that the path takes.
    """

    code = "method-not-allowed"

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self.allowed = allowed
        super().__init__(f"This path takes {', '.join(allowed)}.")


class CredentialsMissingError(RequestError):
    """The operation is not open to everybody, and the request has no credentials."""

    code = "credentials-missing"


class CredentialsInvalidError(CredentialsMissingError):
    """The credentials are malformed, unknown, expired or revoked; which one, only the server's log tells."""

    code = "credentials-invalid"


class CredentialsAmbiguousError(RequestError):
    """The request has several credentials, so that it is not clear who is asking."""

    code = "credentials-ambiguous"


class ScopeMissingError(RequestError):
    """The caller is known, but not allowed to do this.

    Args:
        scope: what it would take.
    """

    code = "scope-missing"

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__(f"This takes the scope {scope!r}. Ask the operator for credentials that have it.")


class RateLimitedError(RequestError):
    """Too much in too short a time, or too much at once; the same request may succeed later."""

    code = "rate-limited"

    def __init__(self, message: str, *, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class UnknownModelError(RequestError):
    """No served model has this name."""

    code = "model-unknown"


class UnsupportedMediaTypeError(RequestError):
    """The body is not declared as JSON."""

    code = "media-type-unsupported"


class InvalidHeaderError(RequestError):
    """A header has a value that cannot be used."""

    code = "header-invalid"


class MalformedJsonError(RequestError):
    """The body cannot be read as JSON."""

    code = "json-malformed"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with a body: where (a JSON Pointer) and what, never the value."""

    pointer: str
    code: str
    message: str


class InvalidBodyError(RequestError):
    """The body is JSON, but not what the contract asks for.

    Args:
        fields: every problem found, in the order of the body.
    """

    code = "body-invalid"

    def __init__(self, message: str, fields: tuple[FieldError, ...] = ()) -> None:
        self.fields = fields
        super().__init__(message)


class BodyTooLargeError(RequestError):
    """The body has more bytes than the limit."""

    code = "body-too-large"


class BodyTimeoutError(RequestError):
    """The body did not arrive in time."""

    code = "body-timeout"


class TooManyTextsError(RequestError):
    """One call brings more texts than the limit."""

    code = "texts-too-many"


class TextEmptyError(RequestError):
    """One text is empty."""

    code = "text-empty"


class TextTooLongError(RequestError):
    """One text has more characters than the limit."""

    code = "text-too-long"


class AuthUnavailableError(TextmillError):
    """Nobody can tell now who is asking: the key store or the issuer's keys cannot be read."""

    code = "auth-unavailable"

    def __init__(self, message: str, *, retry_after: int = 1) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class KeyStoreError(TextmillError):
    """The store of API keys cannot be used.

    Args:
        reason: the same without where the store is, for those who need not know; by default the message.
    """

    code = "key-store-failed"

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        self.reason = reason or message
        super().__init__(message)


class EngineError(TextmillError):
    """The work could not be done."""

    code = "engine-failed"

    def __init__(self, message: str, *, retry_after: int | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class OverloadedError(EngineError):
    """Shed before it was accepted: the queue is full, or too slow for the deadline."""

    code = "overloaded"


class DeadlineExceededError(EngineError):
    """The work was accepted, but not computed before its deadline."""

    code = "deadline-exceeded"


class ModelNotReadyError(EngineError):
    """The model is still loading, or recovering from a fault."""

    code = "model-not-ready"


class ShuttingDownError(EngineError):
    """The process is draining; another instance should take the request."""

    code = "shutting-down"


class PredictionError(EngineError):
    """The model failed on this very text; other texts are not affected."""

    code = "prediction-failed"
