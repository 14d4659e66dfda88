// Samples to a WAV file, and AU (the format of GTZAN, which browsers do not play) to one.

const HEADER_BYTES = 44;

// Float32Array[] of mono samples in ±1, rate in Hz -> Blob, 16 bits.
export function wavOf(pieces, rate) {
  const count = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const view = wavHeader(count, rate, 1);
  let at = HEADER_BYTES;
  for (const piece of pieces) {
    for (const value of piece) {
      view.setInt16(at, Math.round(Math.max(-1, Math.min(1, value)) * 32767), true);
      at += 2;
    }
  }
  return new Blob([view.buffer], { type: "audio/wav" });
}

// ArrayBuffer of an AU file of 8, 16, 24 or 32 bits or floats -> Blob, or null for anything else.
export function wavOfAu(buffer) {
  const source = new DataView(buffer);
  if (source.byteLength < 24 || source.getUint32(0) !== 0x2e736e64) return null;
  const [start, , encoding, rate, channels] = [4, 8, 12, 16, 20].map((at) => source.getUint32(at));
  const readers = {
    2: [1, (at) => source.getInt8(at) / 128],
    3: [2, (at) => source.getInt16(at) / 32768],
    4: [3, (at) => (source.getInt16(at) * 256 + source.getUint8(at + 2)) / 8388608],
    5: [4, (at) => source.getInt32(at) / 2147483648],
    6: [4, (at) => source.getFloat32(at)],
    7: [8, (at) => source.getFloat64(at)],
  };
  if (!(encoding in readers) || start > source.byteLength || channels < 1 || channels > 8) return null;
  const [width, read] = readers[encoding];
  const count = Math.floor((source.byteLength - start) / width);
  const view = wavHeader(count, rate, channels);
  for (let index = 0; index < count; index += 1) {
    const value = Math.max(-1, Math.min(1, read(start + index * width)));
    view.setInt16(HEADER_BYTES + 2 * index, Math.round(value * 32767), true);
  }
  return new Blob([view.buffer], { type: "audio/wav" });
}

function wavHeader(count, rate, channels) {
  const view = new DataView(new ArrayBuffer(HEADER_BYTES + 2 * count));
  const text = (at, letters) => [...letters].forEach((letter, index) => view.setUint8(at + index, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * count, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * channels * rate, true);
  view.setUint16(32, 2 * channels, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * count, true);
  return view;
}
