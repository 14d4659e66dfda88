// Hands over what the microphone hears, the mean of its channels.

class Tap extends AudioWorkletProcessor {
  process([channels]) {
    if (channels.length > 0) {
      const mono = new Float32Array(channels[0].length);
      for (const channel of channels) {
        for (let at = 0; at < mono.length; at += 1) mono[at] += channel[at] / channels.length;
      }
      this.port.postMessage(mono, [mono.buffer]);
    }
    return true;
  }
}

registerProcessor("tap", Tap);
