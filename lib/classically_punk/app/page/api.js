// The server's addresses. What is refused becomes a Refusal with the server's own sentence.

const TRIES = 4;

export class Refusal extends Error {
  constructor(told) {
    super(told.message);
    this.reason = told.reason;
    this.detail = told.detail;
  }
}

const LOST = { reason: "NO_ANSWER", message: "The server does not answer. Is it still running?", detail: null };

export const model = () => ask("/api/model");

export function classify(file, signal) {
  const form = new FormData();
  form.append("file", file, "snippet"); // its own name is nobody's business
  return ask("/api/classify?picture=true", { method: "POST", body: form, signal });
}

export function tell(token, label) {
  const body = JSON.stringify({ token, label, source: "page" });
  return ask("/api/feedback", { method: "POST", body, headers: { "Content-Type": "application/json" } });
}

async function ask(path, options = {}) {
  for (let attempt = 1; ; attempt += 1) {
    let answer;
    let told;
    try {
      answer = await fetch(path, options);
      told = await answer.json();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refusal(LOST);
    }
    if (answer.ok) return told;
    const pause = Number(answer.headers.get("Retry-After"));
    if (told.reason !== "BUSY" || attempt === TRIES) throw new Refusal(told);
    await new Promise((resolve) => setTimeout(resolve, 1000 * (pause || 1)));
  }
}
