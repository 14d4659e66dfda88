"""Spark SQL with schema `punk` in place: statements from `-e`, from a pipe or typed at a prompt."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from classically_punk.errors import PunkError
from classically_punk.reporting.text import visible
from classically_punk.settings import Settings
from classically_punk.spark import functions
from classically_punk.spark.connect import remote_session
from classically_punk.spark.jobs import DONE, UNEXPECTED, USAGE, session
from classically_punk.spark.progress import say
from classically_punk.spark.tables import SCHEMA, Warehouse

ROWS = 1000
"""Rows that are printed of a result; more are announced."""


def query(argv: Sequence[str] | None = None) -> int:
    """`[-e STATEMENT]… --config FILE [--section.key=value …]` -> exit status; without `-e`, reads standard input.

    With `--remote sc://HOST:PORT` the statements are answered by a server (`jobs/serve_tables.py`), which has the
    tables and not the functions over audio; no configuration is read.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        statements, rest = _statements(words)
        remote, rest = _remote(rest)
        spark = _here(rest) if remote is None else remote_session(remote)
    except PunkError as error:
        say(f"error: {error}")
        return USAGE
    try:
        failed = [not _answer(spark, text) for text in statements or _typed()]
        return UNEXPECTED if any(failed) and statements else DONE
    finally:
        spark.stop()


def _here(words: Sequence[str]) -> SparkSession:
    """A session of this machine with tables and functions in place. Raises ConfigError."""
    settings = Settings.from_command_line(words)
    root = settings.present_warehouse()
    spark = session("sql")
    try:
        Warehouse(spark, root).open()
        functions.register(spark, settings)
        spark.catalog.setCurrentDatabase(SCHEMA)
    except PunkError:
        spark.stop()
        raise
    return spark


def _remote(words: list[str]) -> tuple[str | None, list[str]]:
    """Words -> the address after `--remote`, None if it is not there, and the other words."""
    for at, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name == "--remote":
            end = at + (1 if equals else 2)
            return value if equals else "".join(words[at + 1 : end]), [*words[:at], *words[end:]]
    return None, words


def _statements(words: list[str]) -> tuple[list[str], list[str]]:
    statements, rest = [], []
    left = iter(words)
    for word in left:
        if word == "-e":
            statements.append(next(left, ""))
        else:
            rest.append(word)
    return [s for text in statements for s in _split(text)], rest


def _split(text: str) -> list[str]:
    """Statements of a text: cut at semicolons outside quotes."""
    parts, quote, start = [], "", 0
    for at, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"`":
            quote = sign
        elif sign == ";":
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


def _typed() -> Iterator[str]:
    """Statements from standard input, each ended by a semicolon (or the end of the input)."""
    terminal = sys.stdin.isatty()
    if terminal:
        print("Spark SQL, schema punk. End a statement with ;  leave with exit; or Ctrl-D.")
    text = ""
    while True:
        try:
            line = input(("punk-sql> " if not text else "       -> ") if terminal else "")
        except EOFError:
            yield from _split(text)
            return
        except KeyboardInterrupt:
            print()
            text = ""
            continue
        text = f"{text}\n{line}" if text else line
        if text.strip().rstrip(";").strip().lower() in ("exit", "quit"):
            return
        if text.rstrip().endswith(";"):
            yield from _split(text)
            text = ""


def _answer(spark: SparkSession, statement: str) -> bool:
    """Prints a statement's result, or its error in a line; says whether it went well."""
    try:
        result = spark.sql(statement)
        if result.columns:
            _show(result)
    except PySparkException as error:
        first = str(error).strip().split("\n")[0]
        say(f"error: {first}")
        return False
    return True


def _show(result: DataFrame) -> None:
    """Prints rows as a table; what a name holds beside text is escaped, and what the terminal lacks as well."""
    table = io.StringIO()
    with redirect_stdout(table):
        result.show(ROWS, truncate=False)
    text = "\n".join(visible(line) for line in table.getvalue().split("\n"))
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), end="", flush=True)
