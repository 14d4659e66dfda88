// Records from the microphone into a WAV file, in this browser alone.

import { wavOf } from "./wav.js";

const LONGEST_S = 30;

export const canRecord = () => Boolean(navigator.mediaDevices?.getUserMedia && window.AudioWorkletNode);

// Starts recording; `heard(seconds)` as it goes on; resolves to {stop, file}: file is a promise of the File.
export async function record(heard) {
  // as the room sounds: what makes speech clear spoils music
  const asked = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: asked });
  const context = new AudioContext();
  const pieces = [];
  let finished;
  const file = new Promise((resolve) => { finished = resolve; });
  let samples = 0;
  let running = true;

  const stop = async () => {
    if (!running) return;
    running = false;
    stream.getTracks().forEach((track) => track.stop());
    await context.close();
    finished(new File([wavOf(pieces, context.sampleRate)], "recording.wav", { type: "audio/wav" }));
  };

  try {
    await context.audioWorklet.addModule("/page/recorder-worklet.js");
    const tap = new AudioWorkletNode(context, "tap", { numberOfOutputs: 0 });
    tap.port.onmessage = ({ data }) => {
      if (!running) return;
      pieces.push(data);
      samples += data.length;
      const seconds = samples / context.sampleRate;
      heard(seconds);
      if (seconds >= LONGEST_S) stop();
    };
    context.createMediaStreamSource(stream).connect(tap);
    await context.resume();
  } catch (error) {
    stream.getTracks().forEach((track) => track.stop());
    throw error;
  }
  return { stop, file };
}
