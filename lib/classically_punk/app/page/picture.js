// Draws waveform and spectrogram from the small arrays of an answer.

const STOPS = [[13, 16, 22], [66, 27, 105], [150, 44, 109], [224, 92, 75], [251, 180, 90], [252, 253, 191]];

export function drawWaveform(canvas, { waveform_low: low, waveform_high: high }) {
  const pen = canvas.getContext("2d");
  const middle = canvas.height / 2;
  const step = canvas.width / low.length;
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = "#8ab8f5";
  low.forEach((lowest, at) => {
    const top = middle - Math.max(0, Math.min(1, high[at])) * middle;
    const bottom = middle - Math.max(-1, Math.min(0, lowest)) * middle;
    pen.fillRect(at * step, top, Math.ceil(step), Math.max(1, bottom - top));
  });
}

export function drawSpectrogram(canvas, { spectrogram, bands, columns }) {
  const levels = Uint8Array.from(atob(spectrogram), (letter) => letter.charCodeAt(0));
  const small = new OffscreenCanvas(columns, bands);
  const image = new ImageData(columns, bands);
  for (let band = 0; band < bands; band += 1) {
    for (let column = 0; column < columns; column += 1) {
      const colour = colourOf(levels[band * columns + column] / 255);
      image.data.set([...colour, 255], 4 * ((bands - 1 - band) * columns + column));
    }
  }
  small.getContext("2d").putImageData(image, 0, 0);
  canvas.getContext("2d").drawImage(small, 0, 0, canvas.width, canvas.height);
}

function colourOf(level) {
  const at = level * (STOPS.length - 1);
  const below = Math.min(Math.floor(at), STOPS.length - 2);
  return STOPS[below].map((from, index) => from + (at - below) * (STOPS[below + 1][index] - from));
}
