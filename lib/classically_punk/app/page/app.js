// The page: takes a snippet, asks the server, shows the answer.

import { Refusal, classify, model, tell } from "./api.js";
import { drawSpectrogram, drawWaveform } from "./picture.js";
import { canRecord, record } from "./recorder.js";
import { share, showAnswer, showModel, verdictOf, visible } from "./view.js";
import { wavOfAu } from "./wav.js";

const byId = (id) => document.getElementById(id);
const player = byId("player");
const seek = byId("seek");

let uploads = null; // the server's limits
let token = null; // of the answer that is shown
let under = null; // what can abort the request under way
let address = null; // of the sound in the player

const say = (text) => { byId("status").textContent = text; };

function complain(error) {
  say("");
  if (error.name === "AbortError") return;
  const known = error instanceof Refusal || error instanceof Problem;
  const detail = known && error.detail ? ` (${error.detail})` : "";
  byId("problem").textContent = known ? `${error.message}${detail}` : "This page broke; load it again.";
  if (!known) console.error(error);
}

class Problem extends Error {}

async function take(file) {
  under?.abort();
  const own = new AbortController();
  under = own;
  byId("problem").textContent = "";
  byId("answer").hidden = true;
  try {
    if (uploads !== null && file.size > uploads.max_bytes) {
      const most = Math.floor(uploads.max_bytes / 2 ** 20);
      throw new Problem(`The file is larger than is allowed here: ${most} MiB at most.`);
    }
    say("Listening…");
    const answer = await classify(file, own.signal);
    if (under !== own) return;
    token = answer.token;
    byId("feedback").reset();
    byId("feedback-status").textContent = "";
    showAnswer(answer);
    byId("answer").hidden = false;
    drawWaveform(byId("waveform"), answer.picture);
    drawSpectrogram(byId("spectrogram"), answer.picture);
    byId("axis-end").textContent = `${answer.picture.duration_s.toFixed(1)} s`;
    const hertz = answer.picture.band_hz;
    byId("axis-hz").textContent = `${hertz[0]} to ${hertz[hertz.length - 1]} Hz`;
    seek.max = answer.picture.duration_s;
    play(file);
    say(`${verdictOf(answer)}, ${share(answer.confidence)} likely.`);
    byId("verdict").focus();
  } catch (error) {
    complain(error);
  }
}

function play(sound, converted = false) {
  if (address !== null) URL.revokeObjectURL(address);
  address = URL.createObjectURL(sound);
  const shown = (playable) => {
    player.hidden = !playable;
    seek.disabled = !playable;
    byId("no-player").hidden = playable;
  };
  shown(true);
  player.onerror = async () => {
    const wav = converted ? null : wavOfAu(await sound.arrayBuffer());
    if (wav === null) shown(false);
    else play(wav, true);
  };
  player.src = address;
  follow();
}

// The cursor, by the player's clock.
function follow() {
  const end = Number(seek.max) || 1;
  byId("cursor").style.left = `${(100 * Math.min(player.currentTime, end)) / end}%`;
  seek.value = player.currentTime;
  seek.setAttribute("aria-valuetext", `${player.currentTime.toFixed(1)} of ${end.toFixed(1)} seconds`);
  if (!player.paused) requestAnimationFrame(follow);
}

function start() {
  for (const event of ["play", "timeupdate", "seeked"]) player.addEventListener(event, follow);
  seek.addEventListener("input", () => { player.currentTime = Number(seek.value); });
  byId("picture").querySelector(".drawn").addEventListener("click", (event) => {
    const place = event.currentTarget.getBoundingClientRect();
    player.currentTime = ((event.clientX - place.left) / place.width) * Number(seek.max);
  });

  byId("file").addEventListener("change", (event) => {
    const [file] = event.target.files;
    if (file) take(file);
    event.target.value = ""; // the same file again is a new question
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    const [file] = event.dataTransfer.files;
    if (file) take(file);
    else complain(new Problem("That was no file; drop one audio file."));
  });

  const button = byId("record");
  let recording = null;
  const idle = () => {
    recording = null;
    button.textContent = "Record";
    button.removeAttribute("aria-pressed");
  };
  if (!canRecord()) {
    button.disabled = true;
    byId("record-label").textContent = "This browser cannot record here.";
  }
  button.addEventListener("click", async () => {
    if (recording !== null) {
      recording.stop();
      return;
    }
    byId("problem").textContent = "";
    let whole = -1;
    try {
      recording = await record((seconds) => {
        if (Math.floor(seconds) === whole) return;
        whole = Math.floor(seconds);
        button.textContent = `Stop (${whole} s)`;
        if (whole === 0) say("Recording.");
      });
    } catch (error) {
      complain(new Problem(error.name === "NotAllowedError" ? "The browser was not allowed to record." : "No microphone can be used."));
      idle();
      return;
    }
    button.setAttribute("aria-pressed", "true");
    const file = await recording.file;
    idle();
    take(file);
  });

  byId("feedback").addEventListener("submit", async (event) => {
    event.preventDefault();
    const status = byId("feedback-status");
    try {
      const { label } = await tell(token, byId("label").value);
      status.textContent = `Stored: this is ${visible(label)}. Thank you.`;
    } catch (error) {
      status.textContent = error instanceof Refusal ? error.message : "It could not be stored.";
    }
  });

  model()
    .then((told) => {
      uploads = told.uploads;
      showModel(told);
    })
    .catch(complain);
}

start();
