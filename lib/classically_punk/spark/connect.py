"""The tables for programs elsewhere: a Spark Connect server inside a session that has schema `punk` in place.

Whoever knows the token is trusted: Connect runs what its clients send as the server's own user. So there is no server
without a token, and it listens on loopback unless the configuration says otherwise.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit, urlunsplit

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from classically_punk.errors import ConfigError, PunkError
from classically_punk.settings import Settings
from classically_punk.spark import watch
from classically_punk.spark.jobs import DONE, UNEXPECTED, USAGE
from classically_punk.spark.progress import say
from classically_punk.spark.remedies import remedy
from classically_punk.spark.tables import SCHEMA, Warehouse

TOKEN = "SPARK_CONNECT_AUTHENTICATE_TOKEN"
"""The environment variable that Spark's servers and clients read the token from: it stands on no command line."""
PLUGIN = "org.apache.spark.sql.connect.SparkConnectPlugin"
SHORTEST_TOKEN = 16
DEFAULT_PORT = 15_002
LOCAL, LOOPBACK = "localhost", ("127.0.0.1", "::1")
"""Spark's client knows this machine by its name only."""
POLL_S, ANSWER_S = 0.5, 10.0


def serve_tables(argv: Sequence[str] | None = None) -> int:
    """`--config FILE [--section.key=value …]` -> exit status, once SIGTERM or SIGINT has ended it."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        settings = Settings.from_command_line(words)
        root = settings.present_warehouse()
        if len(os.environ.get(TOKEN, "")) < SHORTEST_TOKEN:
            how = f"export {TOKEN}=$(openssl rand -hex 24)"
            raise ConfigError(TOKEN, f"set it to a secret of {SHORTEST_TOKEN} signs or more, for example: {how}")
        spark = _session(settings)
    except PunkError as error:
        say(f"error: {error}")
        return USAGE
    except Exception as error:
        if (line := remedy(error)) is None:
            raise
        say(f"error: {line}")
        return UNEXPECTED
    try:
        with watch.told_to_stop() as stop:
            Warehouse(spark, root).open()
            address = settings.connect.address
            where = f"sc://{LOCAL if address in LOOPBACK else address}:{settings.connect.port}"
            say(f"schema punk at {where} for clients with the token; SIGTERM to process {os.getpid()} ends it")
            _stay(spark, stop)
    except ConfigError as error:
        say(f"error: {error}")
        return USAGE
    finally:
        if watch.is_alive(spark):
            spark.stop()
    return DONE


def _session(settings: Settings) -> SparkSession:
    how = settings.connect
    builder = SparkSession.builder.appName("classically-punk serve_tables").config("spark.plugins", PLUGIN)
    builder = builder.config("spark.connect.grpc.binding.address", how.address)
    return builder.config("spark.connect.grpc.binding.port", how.port).getOrCreate()


def _stay(spark: SparkSession, stop: threading.Event) -> None:
    while watch.is_alive(spark) and not stop.wait(POLL_S):
        pass


def remote_session(url: str) -> SparkSession:
    """A session of the server at `sc://HOST:PORT`, with schema `punk` in place; the token comes from `TOKEN`.

    On this machine Spark's client sends the token as it is; to any other host it insists on TLS.
    Raises ConfigError for what is no such address, where the packages of Connect are missing, and where nobody answers.
    """
    told = urlsplit(url)
    host, port = told.hostname, _port(told) or DEFAULT_PORT
    if told.scheme != "sc" or not host:
        raise ConfigError("--remote", f"{url!r} is not sc://HOST:PORT")
    try:
        socket.create_connection((host, port), ANSWER_S).close()  # the client itself would try for ten minutes
        place = LOCAL if host in LOOPBACK else f"[{host}]" if ":" in host else host
        spark = SparkSession.builder.remote(urlunsplit(told._replace(netloc=f"{place}:{port}"))).getOrCreate()
        spark.catalog.setCurrentDatabase(SCHEMA)
    except OSError as error:
        raise ConfigError("--remote", f"nobody answers at {url}: {error.strerror or error}") from None
    except (PySparkException, ImportError) as error:
        said = str(error).strip()
        if "UNAUTHENTICATED" in said:
            raise ConfigError("--remote", f"the server at {url} does not accept the token in {TOKEN}") from None
        raise ConfigError("--remote", f"no session at {url}: {said.splitlines()[0]}") from None
    return spark


def _port(told: SplitResult) -> int | None:
    try:
        return told.port
    except ValueError as error:
        raise ConfigError("--remote", f"{told.geturl()!r}: {error}") from None
