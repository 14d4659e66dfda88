"""What every reason code means, in a sentence for whoever sent the file or the request."""

from __future__ import annotations

from typing import Final

OF_CLIPS: Final[dict[str, str]] = {
    "EMPTY_FILE": "The file is empty.",
    "TOO_SMALL": "The file is too small to hold any sound.",
    "NOT_AUDIO": "This is not an audio file.",
    "ARCHIVE": "This is an archive; unpack it and send the audio file inside.",
    "FORMAT_NOT_ALLOWED": "This audio format is not read here; send WAV, FLAC, MP3, Ogg, AIFF, AU or CAF.",
    "HEADER_CORRUPT": "The beginning of the file is damaged: it does not say how to read the rest.",
    "NO_SAMPLES": "The file has a header and no sound behind it.",
    "TOO_SHORT": "The clip is too short: half a second of sound is the least that can be judged.",
    "TRUNCATED": "Part of the file is missing: it holds less sound than it promises.",
    "DECODE_ERROR": "The file is damaged: its sound cannot be decoded.",
    "DECODE_BUDGET": "The file claims to hold more sound than can be decoded here.",
    "TOO_LONG": "The clip is longer than is allowed here.",
    "TOO_LARGE": "The file is larger than is allowed here.",
    "BAD_SAMPLE_RATE": "The file's sample rate is not one of music.",
    "TOO_MANY_CHANNELS": "The file has more channels than are allowed here.",
    "UNSUPPORTED_CODEC": "The file is of a known kind, but its sound is packed in a way that cannot be decoded here.",
    "NON_FINITE": "The file holds values that are no numbers.",
    "OUT_OF_RANGE": "The file holds values far outside of what sound can be.",
    "SILENT": "The clip is silent: there is nothing to judge.",
    "PHASE_CANCEL": "The channels cancel each other: mixed together nothing is left to judge.",
    "DC_OFFSET": "The signal never moves: there is nothing to judge.",
    "NOT_REGULAR": "This is not a file but a pipe, a device or a link that leads astray.",
    "WITHDRAWN": "This recording was withdrawn and is not taken in again.",
    "UNREADABLE": "The file cannot be read.",
    "CHANGED_DURING_READ": "The file changed while it was read; try again.",
    "DECODER_CRASH": "The decoder broke on this file: it is damaged, or made to do harm.",
    "DECODE_TIMEOUT": "Decoding this file took too long.",
    "INTERNAL_ERROR": "Something went wrong here that nobody foresaw; it is not your fault.",
}
"""Codes of `errors.ClipError`."""

OF_WARNINGS: Final[dict[str, str]] = {
    "TRUNCATED": "A little of the file is missing at its end.",
    "TOO_SHORT": "The clip is very short; its tempo is a guess.",
    "LENGTH_UNKNOWN": "The file does not say truly how long it is.",
    "CHAINED_STREAM": "The file holds more than one stream; the first was judged.",
    "DC_OFFSET": "The signal does not swing around zero.",
    "OUT_OF_RANGE": "Some values lie outside of what sound can be.",
    "CLIPPED": "The recording is overdriven.",
    "PARTLY_SILENT": "Much of the clip is silent.",
    "DEAD_CHANNEL": "One of the channels is silent.",
    "LABEL_CONFLICT": "The same sound is known under two genres.",
    "STREAMED": "The clip is long and was described piece by piece.",
    "SYNTHETIC": "This sound is synthetic: no music, so its genre means nothing.",
}
"""Codes of `errors.WARNINGS`."""

OF_REQUESTS: Final[dict[str, str]] = {
    "BAD_REQUEST": "The request cannot be understood.",
    "NO_FILE": "The request holds no file; send one as the field `file` of a multipart form.",
    "TOO_MANY_PARTS": "Send one file at a time, as the field `file` and nothing else.",
    "NOT_MULTIPART": "Send the file as a multipart form (multipart/form-data) with the field `file`.",
    "NOT_JSON": "Send a JSON object (application/json).",
    "UPLOAD_TIMEOUT": "The upload took too long to arrive.",
    "BUSY": "Too many requests at once; try again in a moment.",
    "FOREIGN_HOST": "This server is not asked under that name.",
    "FOREIGN_ORIGIN": "Only the server's own page may ask it from a browser.",
    "NOT_FOUND": "There is nothing at this address.",
    "METHOD_NOT_ALLOWED": "This address is not asked in this way.",
    "UNKNOWN_ANSWER": "That answer is no longer remembered here; send the clip again.",
    "BAD_LABEL": "A label is a genre of the model, or a short name of at most 40 printable characters.",
    "ENOUGH": "This answer has been corrected often enough.",
    "NOT_KEPT": "The label could not be stored.",
}
"""Codes of the server's own."""


def sentence(code: str) -> str:
    """The sentence of a code; of an unknown one that of INTERNAL_ERROR."""
    return OF_CLIPS.get(code) or OF_REQUESTS.get(code) or OF_CLIPS["INTERNAL_ERROR"]
