"""Draws the broadcast of the demo: a short clip that repeats, from one SVG scene that moves."""

from __future__ import annotations

import array
import math
import os
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from fractions import Fraction
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from string import Template

import av
import resvg_py
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from server.child import end_with_parent

SECONDS = 8
FRAMES_PER_SECOND = 12
WIDTH, HEIGHT = 432, 768
SAMPLE_RATE = 22_050
SCENE = Path(__file__).with_name("scene.svg")

# A slow pentatonic line, one note every half second; nothing jumps where the clip repeats.
MELODY = (392.0, 440.0, 523.25, 587.33, 659.25, 587.33, 523.25, 440.0) * 2


def wave(second: float, period: float, low: float, high: float, shift: float = 0.0) -> float:
    """Swing between low and high; `period` (seconds) has to divide SECONDS, or the loop jumps."""
    swing = math.sin(2 * math.pi * (second + shift) / period)
    return low + (high - low) * (swing + 1) / 2


def pose(second: float) -> dict[str, float]:
    """Give the moving numbers of the scene at a second of the clip."""
    since_blink = (second + 0.4) % 4
    talking = 0.5 + 0.5 * math.sin(2 * math.pi * second / SECONDS)
    lifted = max(0.0, math.sin(2 * math.pi * (second - 1) / SECONDS))
    return {
        "sun": wave(second, 8, 0.5, 0.72),
        "leaf": wave(second, 4, -6, 8),
        "plant": wave(second, 4, -2, 2.5),
        "breath": wave(second, 4, 0, 4),
        "head": wave(second, 8, -2.6, 2.2, shift=0.7),
        "brow": wave(second, 4, 459, 464),
        "eye": 0.12 if since_blink < 0.16 else 1.0,
        "smile": 20 + 4 * talking,
        "mouth": 30 + 26 * talking * abs(math.sin(2 * math.pi * second * 2)),
        "hand_x": 8 - 18 * lifted,
        "hand_y": 40 - 70 * lifted,
        "hand_r": wave(second, 4, -6, 3),
        "steam": wave(second, 2, 0.25, 0.6),
        "steam_y": wave(second, 4, 842, 848),
    }


def picture(second: float = 0.0) -> bytes:
    """Draw the scene at a second of the clip as PNG."""
    numbers = {name: f"{value:.2f}" for name, value in pose(second).items()}
    svg = Template(SCENE.read_text()).substitute(numbers)
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, width=WIDTH, skip_system_fonts=True))


def sound() -> array.array[int]:
    """Make the clip's music: SECONDS of 16-bit mono samples that end as quietly as they begin."""
    samples = array.array("h", bytes(2 * SECONDS * SAMPLE_RATE))
    step = len(samples) // len(MELODY)
    for number, pitch in enumerate(MELODY):
        for i in range(step * 2):
            t = i / SAMPLE_RATE
            tone = math.sin(2 * math.pi * pitch * t) + 0.3 * math.sin(4 * math.pi * pitch * t)
            at = (number * step + i) % len(samples)
            loudness = 2200 * min(1.0, t * 40) * math.exp(-3.2 * t)
            samples[at] = max(-32768, min(32767, samples[at] + int(loudness * tone)))
    return samples


def _video_frames(draw: Executor) -> Iterator[av.VideoFrame]:
    seconds = [number / FRAMES_PER_SECOND for number in range(SECONDS * FRAMES_PER_SECOND)]
    for number, png in enumerate(draw.map(picture, seconds)):
        with av.open(BytesIO(png), "r", format="png_pipe") as image:
            frame = next(image.decode(video=0))
        frame = frame.reformat(WIDTH, HEIGHT, "yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, FRAMES_PER_SECOND)
        yield frame


def _audio_frames() -> Iterator[AudioFrame]:
    samples = sound()
    for start in range(0, len(samples), 1024):
        part = samples[start : start + 1024]
        frame = AudioFrame(format="s16", layout="mono", samples=len(part))
        frame.planes[0].update(part.tobytes().ljust(frame.planes[0].buffer_size, b"\0"))
        frame.sample_rate, frame.pts = SAMPLE_RATE, start
        yield frame


def write_clip(path: Path) -> None:
    """Write the clip as MP4 (H.264 and AAC, playable while it loads), whole or not at all."""
    unfinished = path.with_suffix(".part")
    with av.open(str(unfinished), "w", format="mp4", options={"movflags": "+faststart"}) as out:
        video = out.add_stream("libx264", rate=FRAMES_PER_SECOND)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.options = {"preset": "veryfast", "crf": "23", "profile": "main", "tune": "animation"}
        audio = out.add_stream("aac", rate=SAMPLE_RATE)
        assert isinstance(audio, AudioStream)
        audio.layout = "mono"
        with ProcessPoolExecutor(
            mp_context=get_context("spawn"), initializer=end_with_parent, initargs=(os.getpid(),)
        ) as draw:
            for frame in _video_frames(draw):
                out.mux(video.encode(frame))
        out.mux(video.encode(None))
        for part in _audio_frames():
            out.mux(audio.encode(part))
        out.mux(audio.encode(None))
    unfinished.replace(path)


if __name__ == "__main__":
    write_clip(Path(sys.argv[1]))
