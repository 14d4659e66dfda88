"""`punk`: the command line. Whatever is heavy is imported by the command that needs it, so that help is instant."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator, Sequence

from classically_punk import __version__
from classically_punk.app.terminal import lenient, shown
from classically_punk.errors import ConfigError

DONE, USAGE = 0, 2
CLOSED_PIPE = 141  # what a shell reports of a program whose reader went away

SETTING = re.compile(r"--[a-z_0-9]+\.[a-z_0-9]+(=|$)", re.ASCII)


def main(argv: Sequence[str] | None = None) -> int:
    """Arguments -> exit status: 0 done (rejected files included), 2 usage or configuration."""
    words = list(sys.argv[1:] if argv is None else argv)
    lenient(sys.stdout)
    lenient(sys.stderr)
    try:
        rest, overrides = _settings_apart(words)
        arguments = _parser().parse_args(rest)
        if arguments.config is not None:
            overrides = ["--config", arguments.config, *overrides]
        return _classify(arguments, overrides)
    except ConfigError as error:
        print(f"punk: {shown(str(error))}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        # `punk classify … | head` is no error; stdout must not be flushed into the closed pipe at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="punk", description="Music genres by the published model.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"punk {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    classify = commands.add_parser(
        "classify",
        help="name the genre of audio files",
        description="One answer per file, in order; of a folder all files, however deep. No Spark, no JVM.",
        epilog="Any key of the configuration can be given as --section.key=value. The model is found from "
        "--warehouse.root, else the configuration, else conf/local.toml. "
        "Exit status: 0 done, even if some files are rejected; 2 usage.",
        usage="punk classify [--json] [--config FILE] [--warehouse.root=FOLDER] PATH…",
        allow_abbrev=False,
    )
    classify.add_argument("paths", nargs="+", metavar="PATH", help="an audio file or a folder of them")
    classify.add_argument("--json", action="store_true", help="one JSON object a line")
    classify.add_argument("--config", metavar="FILE", help="a configuration in TOML")
    return parser


def _settings_apart(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """All words -> (what argparse reads, `--section.key=value` for the settings); what follows `--` is never a key."""
    rest: list[str] = []
    overrides: list[str] = []
    left: Iterator[str] = iter(words)
    for word in left:
        if word == "--":
            rest += [word, *left]
        elif SETTING.match(word) is None:
            rest.append(word)
        elif "=" in word:
            overrides.append(word)
        else:
            overrides += [word, *([value] if (value := next(left, None)) is not None else [])]
    return rest, overrides


def _classify(arguments: argparse.Namespace, overrides: Sequence[str]) -> int:
    from classically_punk.app import classify
    from classically_punk.audio.isolation import IsolatedDecoder

    model, settings = classify.load(overrides)
    files = classify.listed([os.fsencode(path) for path in arguments.paths])
    with IsolatedDecoder(settings.limits, settings.features.whole_clip_s) as decoder:
        classify.tell(files, model, decoder, as_json=arguments.json)
    return DONE


if __name__ == "__main__":
    sys.exit(main())
