// An answer and the model in force, as elements. Text from outside is only ever text.

const byId = (id) => document.getElementById(id);
const MINUS = "\u2212";

// Standard deviations within which two clips are one recording: numbers that differ by rounding alone.
const SAME = 0.005;

const HIDDEN = /[\p{Cc}\p{Cs}\p{Co}\p{Zl}\p{Zp}]|(?![\u200c\u200d])\p{Cf}/gu;

// Names without what could hide or turn the text around them.
export const visible = (text) => text.replace(HIDDEN, (hidden) => `\\u${hidden.codePointAt(0).toString(16).padStart(4, "0")}`);

export function element(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  made.textContent = visible(text);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

export const share = (value) => value < 0.0005 ? "< 0.1 %" : value > 0.995 && value < 1 ? "> 99 %" : `${(100 * value).toFixed(value < 0.0995 ? 1 : 0)} %`;
const signed = (value, digits) => `${value < 0 ? MINUS : "+"}${Math.abs(value).toFixed(digits)}`;
const plain = (value, digits) => signed(value, digits).replace("+", "");

export function verdictOf(answer) {
  return answer.predicted === null ? "Not sure" : visible(answer.predicted);
}

export function showAnswer(answer) {
  const unsure = answer.predicted === null;
  byId("verdict").textContent = verdictOf(answer);
  byId("verdict-more").textContent = unsure
    ? `The best guess is ${visible(answer.best)}, ${share(answer.confidence)} likely, which is not enough for this model.`
    : `${share(answer.confidence)} likely.`;
  byId("heard").textContent = `Heard: ${[`${answer.clip.duration_s.toFixed(1)} s`, ...answer.heard].join(", ")}.`;
  byId("notes").replaceChildren(...answer.notes.map((note) => element("li", note)));
  showGenres(answer);
  showWhy(answer.explanation);
  showNearest(answer);
}

function showGenres(answer) {
  const ordered = Object.entries(answer.probabilities).sort(([, one], [, other]) => other - one);
  const rows = ordered.map(([genre, probability]) => {
    const row = element("tr", "", genre === answer.best ? { class: "best" } : {});
    const bar = element("span", "", { class: "bar", "aria-hidden": "true" });
    bar.style.width = `${100 * probability}%`;
    const likely = element("td", "", { class: "likely" });
    likely.append(bar);
    const score = plain(answer.scores[genre], 3);
    row.append(element("th", genre, { scope: "row" }), likely, element("td", share(probability), { class: "n" }), element("td", score, { class: "n" }));
    return row;
  });
  byId("genres").tBodies[0].replaceChildren(...rows);
}

function showWhy(explanation) {
  byId("why-intro").textContent =
    `The raw score of ${visible(explanation.genre)} is ${plain(explanation.score, 3)}; the mean training clip has ` +
    `${plain(explanation.mean_clip_score, 3)}. What made the difference:`;
  const families = explanation.families.map(({ family, push, features }) => {
    const item = element("li");
    item.append(
      element("strong", family[0].toUpperCase() + family.slice(1)),
      element("span", ` speaks ${push > 0 ? "for" : "against"} ${explanation.genre}: `),
      element("span", signed(push, 3), { class: "push" }),
    );
    const list = element("ul");
    list.append(...features.slice(0, 3).map(({ words }) => element("li", words)));
    if (features.length > 0) item.append(list);
    return item;
  });
  byId("why").replaceChildren(...families);
}

function showNearest({ nearest, no_nearest: missing }) {
  byId("no-nearest").hidden = nearest !== null;
  byId("no-nearest").textContent = missing ?? "";
  const items = (nearest ?? []).map(({ name, genre, distance }) => element("li",
    `${name} (${genre}), ${distance.toFixed(2)} standard deviations away` +
    (distance < SAME ? "; most likely this very recording, which the model was trained on" : "")));
  byId("nearest").hidden = items.length === 0;
  byId("nearest").replaceChildren(...items);
}

export function showModel(model) {
  byId("limits").replaceChildren(...model.limits.map((limit) => element("li", limit)));
  const published = model.published_at.slice(0, 10);
  byId("model-facts").textContent = `Model ${model.model_id} of ${published}, ${model.features} features.`;
  byId("known").replaceChildren(...model.genres.map((genre) => element("option", "", { value: genre })));
}
