"""The OpenAPI document of the server: what is asked and answered, and every way of being refused."""

from __future__ import annotations

from typing import Any, Final

from classically_punk import __version__
from classically_punk.app.feedback import LONGEST_LABEL
from classically_punk.app.reasons import OF_CLIPS, OF_REQUESTS
from classically_punk.features.catalogue import CATALOGUE

Schema = dict[str, Any]

REFUSALS: Final = {
    "400": "the request cannot be understood: BAD_REQUEST, NO_FILE, TOO_MANY_PARTS, NOT_JSON",
    "403": "asked by a page of somebody else: FOREIGN_ORIGIN",
    "404": "NOT_FOUND, UNKNOWN_ANSWER",
    "405": "METHOD_NOT_ALLOWED",
    "408": "UPLOAD_TIMEOUT",
    "413": "TOO_LARGE",
    "415": "NOT_MULTIPART, NOT_JSON",
    "421": "asked under a foreign name: FOREIGN_HOST",
    "422": "the file cannot be used, with its reason code; BAD_LABEL",
    "429": "ENOUGH",
    "503": "BUSY, NOT_KEPT; try again after Retry-After seconds",
}


def document(max_bytes: int) -> Schema:
    """The document, for uploads of at most so many bytes."""
    families = sorted({feature.family for feature in CATALOGUE})
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Classically Punk",
            "version": __version__,
            "description": "Music genres from a snippet, by the published model. No file is kept.",
        },
        "paths": {
            "/api/classify": {
                "post": {
                    "operationId": "classify",
                    "summary": "The genre of one audio file",
                    "parameters": [
                        {
                            "name": "picture",
                            "in": "query",
                            "required": False,
                            "description": "also waveform and spectrogram, for drawing",
                            "schema": {"type": "boolean"},
                        }
                    ],
                    "requestBody": {
                        "required": True,
                        "content": {
                            "multipart/form-data": {
                                "schema": {
                                    "type": "object",
                                    "properties": {
                                        "file": {
                                            "type": "string",
                                            "format": "binary",
                                            "description": f"audio, at most {max_bytes} bytes",
                                        }
                                    },
                                    "required": ["file"],
                                    "additionalProperties": False,
                                }
                            }
                        },
                    },
                    "responses": {
                        "200": _json("the answer", _ref("Answer")),
                        **_refused("400", "403", "408", "413", "415", "421", "422", "503"),
                    },
                }
            },
            "/api/feedback": {
                "post": {
                    "operationId": "feedback",
                    "summary": "What a person says that a clip is",
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": _ref("Feedback")}},
                    },
                    "responses": {
                        "201": _json("stored", _object({"clip_id": _text(), "label": _text()})),
                        **_refused("400", "403", "404", "408", "413", "415", "421", "422", "429", "503"),
                    },
                }
            },
            "/api/model": {
                "get": {
                    "operationId": "model",
                    "summary": "The model in force, its figures and its limits",
                    "responses": {"200": _json("the model", _ref("Model")), **_refused("403", "421")},
                }
            },
            "/healthz": {
                "get": {
                    "operationId": "health",
                    "summary": "That the server is up",
                    "responses": {
                        "200": _json(
                            "up",
                            _object({"status": {"const": "ok"}, "model_id": _text(), "workers": {"type": "integer"}}),
                        ),
                        **_refused("403", "421"),
                    },
                }
            },
        },
        "components": {
            "schemas": {
                "Problem": _object(
                    {
                        "reason": {"type": "string", "enum": [*OF_CLIPS, *OF_REQUESTS]},
                        "message": {"type": "string", "description": "a sentence for a person"},
                        "detail": {"type": ["string", "null"]},
                    }
                ),
                "Answer": _object(
                    {
                        "clip_id": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                        "token": {"type": "string", "description": "for /api/feedback"},
                        "model_id": _text(),
                        "best": _text(),
                        "predicted": {"type": ["string", "null"], "description": "null: not sure"},
                        "confidence": _share(),
                        "probabilities": {"type": "object", "additionalProperties": _share()},
                        "scores": {"type": "object", "additionalProperties": {"type": "number"}},
                        "warnings": {"type": "array", "items": _text()},
                        "notes": {"type": "array", "items": _text(), "description": "the warnings in sentences"},
                        "clip": {"type": "object"},
                        "why": {"type": "array", "items": _text()},
                        "explanation": _explanation(families),
                        "nearest": {
                            "type": ["array", "null"],
                            "items": _object({"name": _text(), "genre": _text(), "distance": {"type": "number"}}),
                        },
                        "no_nearest": {"type": ["string", "null"]},
                        "picture": {"type": ["object", "null"]},
                    }
                ),
                "Feedback": {
                    **_object(
                        {
                            "token": {"type": "string"},
                            "label": {"type": "string", "minLength": 1, "maxLength": LONGEST_LABEL},
                            "source": {"type": "string", "enum": ["api", "page"]},
                        }
                    ),
                    "required": ["token", "label"],
                    "additionalProperties": False,
                },
                "Model": _object(
                    {
                        "model_id": _text(),
                        "genres": {"type": "array", "items": _text()},
                        "feature_set": _text(),
                        "features": {"type": "integer"},
                        "published_at": _text(),
                        "training": {"type": "object"},
                        "decision": {"type": "object"},
                        "figures": {"type": "object"},
                        "limits": {"type": "array", "items": _text()},
                        "nearest": {"type": "boolean"},
                        "uploads": {"type": "object"},
                        "stale": {"type": ["string", "null"]},
                    }
                ),
            }
        },
    }


def _explanation(families: list[str]) -> Schema:
    pushing = {"push": {"type": "number", "description": "in units of score"}}
    return _object(
        {
            "genre": _text(),
            "score": {"type": "number"},
            "mean_clip_score": {"type": "number"},
            "families": {
                "type": "array",
                "items": _object(
                    {
                        "family": {"type": "string", "enum": families},
                        **pushing,
                        "groups": {"type": "array", "items": _object({"group": _text(), **pushing})},
                        "features": {"type": "array", "items": {"type": "object"}},
                    }
                ),
            },
        }
    )


def _text() -> Schema:
    return {"type": "string"}


def _share() -> Schema:
    return {"type": "number", "minimum": 0, "maximum": 1}


def _object(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": [*properties]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(description: str, schema: Schema) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _refused(*statuses: str) -> Schema:
    told = {status: _json(REFUSALS[status], _ref("Problem")) for status in statuses}
    return {**told, "500": _json("INTERNAL_ERROR", _ref("Problem"))}
