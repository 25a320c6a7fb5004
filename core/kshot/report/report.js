"use strict";
// Rows of a table sorted by the clicked column; fields without a value stay at the end.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
  headings.forEach((heading, column) => {
    heading.addEventListener("click", () => {
      const key = (row) => row.cells[column].dataset.sort ?? "";
      const rows = [...body.rows];
      const numeric = rows.every((row) => key(row) === "" || !Number.isNaN(Number(key(row))));
      const before = heading.getAttribute("aria-sort");
      const descending = before ? before === "ascending" : numeric;
      const compare = numeric
        ? (a, b) => Number(key(a)) - Number(key(b))
        : (a, b) => key(a).localeCompare(key(b), undefined, { numeric: true });
      rows.sort((a, b) => {
        if ((key(a) === "") !== (key(b) === "")) return key(a) === "" ? 1 : -1;
        return descending ? compare(b, a) : compare(a, b);
      });
      for (const other of headings) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
      body.append(...rows);
    });
  });
}
// Rows that say which modality, learner and encoder they are of, shown where all filters agree.
for (const bar of document.querySelectorAll(".filter")) {
  const rows = [...document.querySelectorAll("tr[data-learner]")];
  const fields = [...bar.querySelectorAll("[data-filter]")];
  const shown = bar.querySelector("output");
  const told = (row) => `${row.dataset.modality} ${row.dataset.learner} ${row.dataset.encoder} ${row.cells[0].textContent}`;
  const agrees = (row, field) => {
    if (field.dataset.filter !== "text") return field.value === "" || row.dataset[field.dataset.filter] === field.value;
    const text = told(row).toLowerCase();
    return field.value.toLowerCase().split(/\s+/).every((word) => text.includes(word));
  };
  const apply = () => {
    for (const row of rows) row.hidden = !fields.every((field) => agrees(row, field));
    for (const table of new Set(rows.map((row) => row.closest("table")))) {
      const own = [...table.tBodies[0].rows];
      table.parentElement.hidden = own.every((row) => row.hidden);
    }
    const own = rows.filter((row) => row.closest("table.scores"));
    const left = own.filter((row) => !row.hidden).length;
    shown.textContent = left < own.length ? `${left} of ${own.length} rows` : "";
  };
  bar.addEventListener("input", apply);
  bar.hidden = false;
  apply(); // a browser may keep what was entered over a reload
}
const ICON =
  '<svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="12"/>' +
  '<path class="start" d="M9 6v12l10-6z"/><path class="stop" d="M7.5 7.5h9v9h-9z"/></svg>';
// A sound plays by a touch of its picture; without this script its own controls show.
for (const sound of document.querySelectorAll(".sound")) {
  const picture = sound.querySelector("img");
  const audio = sound.querySelector("audio");
  if (!picture) continue;
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-label", `Play: ${audio.getAttribute("aria-label")}`);
  button.title = picture.title;
  button.innerHTML = ICON;
  audio.controls = false;
  sound.append(button);
  button.addEventListener("click", () => {
    const playing = !audio.paused;
    for (const other of document.querySelectorAll("audio")) other.pause();
    if (playing) return;
    audio.currentTime = 0;
    audio.play();
  });
  const follow = () => {
    sound.style.setProperty("--at", audio.currentTime / (audio.duration || 1));
    if (!audio.paused) requestAnimationFrame(follow);
  };
  audio.addEventListener("play", () => { sound.classList.add("playing"); follow(); });
  for (const event of ["pause", "ended"]) audio.addEventListener(event, () => sound.classList.remove("playing"));
}
