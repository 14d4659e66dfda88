# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 1 · What an audio file is
#
# Bytes with a header, samples behind it, and nothing else. Every sound here is synthesised on the spot; no recording is
# needed. Run from top to bottom; the cells with a player can be listened to.

# %%
import io
import struct
import time
import wave

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import soundfile
from IPython.display import Audio
from scipy.io import wavfile

from classically_punk.audio.decode import decode_content, resample
from classically_punk.audio.probes import LADDERS, MIDDLE, RATE_HZ, sound
from classically_punk.errors import ClipError
from classically_punk.features import describe_clip
from classically_punk.features.exhibit import exhibit_of
from classically_punk.reporting import plots
from classically_punk.settings import Limits

# %% [markdown]
# ## Samples
#
# A microphone measures the pressure of the air many times a second. Each measurement is a *sample*: here a number from
# -1 to 1, and 1 is called *full scale*. At 22 050 Hz there are 22 050 of them a second.

# %%
samples = sound(MIDDLE)
print(
    f"{samples.size} samples at {RATE_HZ} Hz = {samples.size / RATE_HZ:g} s, from {samples.min():.3f} to {samples.max():.3f}"
)
Audio(samples, rate=RATE_HZ)

# %%
figure, (whole, near) = plt.subplots(2, 1, figsize=(9, 4), layout="constrained")
whole.plot(np.arange(samples.size) / RATE_HZ, samples, linewidth=0.5)
whole.set(xlabel="time (s)", ylabel="amplitude\n(full scale 1)", title="eight notes")
near.plot(np.arange(400) / RATE_HZ * 1000, samples[2000:2400], ".-", linewidth=0.7)
near.set(xlabel="time (ms)", ylabel="amplitude\n(full scale 1)", title="400 samples: four periods of 220 Hz")
plt.show()
# %% [markdown]
# ## The header
#
# A WAV file of 16 bits: 44 bytes that tell how to read the rest, then two bytes a sample, the lower one first.

# %%
file = io.BytesIO()
soundfile.write(file, samples, RATE_HZ, "PCM_16", format="WAV")
content = file.getvalue()
print(content[:44].hex(" ", 4))
fields = struct.unpack("<4sI4s4sIHHIIHH4sI", content[:44])
names = ("RIFF", "bytes that follow", "WAVE", "fmt", "its length", "codec (1 = PCM)", "channels", "sample rate (Hz)")
names += ("bytes a second", "bytes a frame", "bits a sample", "data", "bytes of samples")
pd.Series(dict(zip(names, fields, strict=True)), name="value").to_frame()

# %%
first = np.frombuffer(content, "<i2", count=5, offset=44 + 2 * 2000)
print("read by hand:", first / 32_768)
print("as written:  ", samples[2000:2005])

# %% [markdown]
# ## Bits: how fine a sample is
#
# Every bit halves the step between two values, and so lowers the noise of rounding by 6 dB. For a sine at full scale the
# distance between sound and noise is 6.02 · bits + 1.76 dB. Measured on a sine of an odd frequency:

# %%
sine = 0.999 * np.sin(2 * np.pi * 997 * np.arange(10 * RATE_HZ) / RATE_HZ)
bits = np.array([4, 8, 12, 16])
noise = [sine - np.round(sine * 2 ** (b - 1)) / 2 ** (b - 1) for b in bits]
measured = [10 * np.log10(np.mean(sine**2) / np.mean(error**2)) for error in noise]
pd.DataFrame({"bits": bits, "measured dB": np.round(measured, 1), "6.02 · bits + 1.76": 6.02 * bits + 1.76})

# %% [markdown]
# Four bits can be heard:

# %%
Audio(np.round(samples * 4 * 8) / 8, rate=RATE_HZ)

# %% [markdown]
# ## Rate: how high a sound may be
#
# Half the sample rate is the highest frequency that fits. What lies above has to be filtered out before samples are left
# out; else it comes back as another, lower tone. At a rate of 11 025 Hz nothing above 5512 Hz fits: a tone of 7000 Hz would
# come back at 11 025 - 7000 = 4025 Hz.

# %%
tone = np.sin(2 * np.pi * 7000 * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)
every_second, filtered = tone[::2], resample(tone, RATE_HZ, RATE_HZ // 2)
strongest = np.argmax(np.abs(np.fft.rfft(every_second))) * (RATE_HZ / 2) / every_second.size
levels = [20 * np.log10(np.sqrt(2 * np.mean(short[500:-500] ** 2))) for short in (every_second, filtered)]
print(f"every second sample: a tone of {strongest:.0f} Hz, at {levels[0]:.1f} dB of the first one")
print(f"filtered before: {levels[1]:.0f} dB are left")

# %% [markdown]
# ## Decibels: how loud
#
# A level in dB is 20 · log10 of a ratio of amplitudes. Half the amplitude is 6 dB less; full scale is 0 dBFS. What people
# hear as loud depends on frequency and time as well: LUFS weigh both (ITU-R BS.1770), and a step of 6 dB is one of 6 LU.

# %%
steps = [sound(probe) for probe in LADDERS["louder"]]
pd.DataFrame(
    {
        "RMS level (dBFS)": [probe.level_dbfs for probe in LADDERS["louder"]],
        "largest sample": [np.abs(step).max() for step in steps],
        "loudness (LUFS)": [describe_clip(step, RATE_HZ, "punk")["loudness_integrated_lufs"] for step in steps],
    }
).round(3)

# %% [markdown]
# ## Spectrum: what a sound is made of
#
# A note is many tones at once: here multiples of 220 Hz, the *partials*. The spectrum shows each as a line; the
# spectrogram shows spectra side by side as time goes on.

# %%
window = samples[2000 : 2000 + 4096] * np.hanning(4096)
power = 20 * np.log10(np.abs(np.fft.rfft(window)) + 1e-6)
figure, axes = plt.subplots(figsize=(9, 3), layout="constrained")
axes.plot(np.fft.rfftfreq(4096, 1 / RATE_HZ), power - power.max(), linewidth=0.8)
axes.set(xlabel="frequency (Hz)", ylabel="dB to the strongest", xlim=(0, 4000), ylim=(-80, 3))
plt.show()
# %%
arrays = exhibit_of(samples)
figure = plt.figure(figsize=(9, 5), layout="constrained")
grid = figure.add_gridspec(2, 2, width_ratios=[60, 1], height_ratios=[1, 2])
plots.draw_waveform(figure.add_subplot(grid[0, 0]), arrays, "#332288")
plots.draw_matrix(figure.add_subplot(grid[1, 0]), figure.add_subplot(grid[1, 1]), "spectrogram_db", arrays)

# %% [markdown]
# ## Containers and codecs: the same sound in many files
#
# FLAC packs without a loss; Vorbis and MP3 leave out what is hardly heard. The largest difference is told in steps of
# 16 bits.

# %%
forms = {"WAV": "PCM_16", "AIFF": "PCM_16", "FLAC": "PCM_16", "OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}
files = {}
for container, codec in forms.items():
    held = io.BytesIO()
    soundfile.write(held, samples, RATE_HZ, codec, format=container)
    files[container] = held.getvalue()
read = {container: decode_content(content, Limits()) for container, content in files.items()}
pd.DataFrame(
    {
        "bytes": {name: len(content) for name, content in files.items()},
        "share of WAV": {name: round(len(content) / len(files["WAV"]), 2) for name, content in files.items()},
        "largest difference (steps of 16 bits)": {
            name: round(float(np.abs(clip.samples[: samples.size] - samples[: clip.samples.size]).max() * 32_768), 1)
            for name, clip in read.items()
        },
    }
)

# %% [markdown]
# ## Which libraries read it
#
# The standard library and SciPy read WAV alone. soundfile (libsndfile) reads all of these, which is why this project
# decodes with it.

# %%
readers = {
    "wave (standard library)": lambda content: wave.open(io.BytesIO(content)).getnframes(),
    "scipy.io.wavfile": lambda content: wavfile.read(io.BytesIO(content))[1].size,
    "soundfile": lambda content: soundfile.read(io.BytesIO(content))[0].size,
}
outcome = {}
for reader, count in readers.items():
    for container, content in files.items():
        try:
            outcome[reader, container] = "reads it" if count(content) else "nothing in it"
        except Exception as refused:  # noqa: BLE001  what each raises is what the table shows
            outcome[reader, container] = type(refused).__name__
pd.Series(outcome).unstack()[list(files)]

# %% [markdown]
# ## What is not audio
#
# A name proves nothing: the first bytes are looked at before any decoder sees a file. What cannot be used gets a reason
# code and costs nothing else ([all of them](../docs/audio-input.md)).

# %%
broken = {
    "text": b"These are the liner notes of the record.\n" * 9,
    "half a WAV": files["WAV"][: len(files["WAV"]) // 2],
    "nothing": b"",
    "a second of silence": struct.pack("<4sI4s4sIHHIIHH4sI", *fields[:-1], 44_100) + bytes(44_100),
}
for name, content in broken.items():
    started = time.perf_counter()
    try:
        decode_content(content, Limits())
    except ClipError as error:
        print(f"{name:>20}: {error.code}: {error} ({(time.perf_counter() - started) * 1000:.1f} ms)")
