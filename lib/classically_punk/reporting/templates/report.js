"use strict";
// Search in long tables: rows that lack the words are hidden. Without this script all rows simply stand there.
for (const table of document.querySelectorAll("table.searchable")) {
  const rows = [...table.tBodies[0].rows];
  if (rows.length < 8) continue; // is seen at a glance
  const place = document.createElement("p");
  const label = document.createElement("label");
  const input = document.createElement("input");
  const found = document.createElement("span");
  place.className = "search";
  label.textContent = "Search this table: ";
  input.type = "search";
  found.className = "source";
  found.setAttribute("role", "status");
  label.append(input);
  place.append(label, found);
  table.parentElement.before(place);
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    found.textContent = words.length ? `${shown} of ${rows.length} rows` : "";
  });
}
// On paper nothing can be opened.
const closed = new Set();
addEventListener("beforeprint", () => {
  for (const one of document.querySelectorAll("details:not([open])")) {
    closed.add(one);
    one.open = true;
  }
});
addEventListener("afterprint", () => {
  for (const one of closed) one.open = false;
  closed.clear();
});
