"""textmill serves NLP models as a production REST API, on FastAPI or Flask."""

__version__ = "0.1.0"
