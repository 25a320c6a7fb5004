// What the classifier says of things.

const FIRST = 5;

function bars(prediction) {
  const rows = prediction.probabilities.map(({ label, probability }) => {
    const bar = element("i", { aria: { hidden: "true" } });
    bar.style.width = `${Math.max(100 * probability, 0.5)}%`;
    return element("li", {}, element("span", { class: "what" }, bdi(label)), element("span", { class: "bar" }, bar), element("span", { class: "share" }, percent(probability)));
  });
  const few = rows.length <= FIRST + 1; // a button takes the room of a row
  const list = element("ol", { class: "bars", aria: { label: "Probabilities" } }, ...rows.slice(0, few ? FIRST + 1 : FIRST));
  if (few) return list;
  const more = element("button", { type: "button", class: "quiet" }, `all ${rows.length} classes`);
  more.addEventListener("click", () => { list.append(...rows.slice(FIRST)); more.remove(); });
  return element("div", {}, list, more);
}

// How familiar the thing is, held against the threshold; both are cosines.
function meter(prediction, threshold) {
  if (threshold === null) return null;
  const share = (value) => `${100 * Math.min(Math.max(value, 0), 1)}%`;
  const fill = element("i"), mark = element("b");
  fill.style.width = share(prediction.familiarity);
  mark.style.left = share(threshold);
  const said = `${prediction.familiarity.toFixed(2)}, ${prediction.known ? "above" : "below"} the threshold ${threshold.toFixed(2)}`;
  return element("div", { class: prediction.known ? "meter" : "meter low" }, element("span", {}, "familiarity "), element("span", { class: "track", aria: { hidden: "true" } }, fill, mark), element("span", { class: "said" }, said));
}

const UNKEPT = "It came with the model, which holds what the encoder made of it, not the thing itself.";

function neighbour(near) {
  const name = near.name ?? `example ${near.number}`;
  const what = near.media
    ? drawn(near.media, near.href, near.text, `${name}, ${near.label}`)
    : element("span", { class: "unkept", title: UNKEPT }, bdi(name));
  return element("li", {}, what, element("span", { class: "whose" }, bdi(near.label), element("span", { class: "share" }, near.similarity.toFixed(2))));
}

function answer(thing, prediction, threshold, correct) {
  const asked = thing.text !== undefined ? element("blockquote", {}, thing.text) : thing.tile.firstChild.cloneNode(true);
  const likeliest = prediction.probabilities[0];
  const verdict = prediction.known
    ? element("p", { class: "verdict" }, bdi(prediction.label), " ", element("span", { class: "share" }, percent(likeliest.probability)))
    : element("p", { class: "verdict unknown" }, "unknown ", element("span", { class: "share" }, "like none of the classes; nearest: ", bdi(likeliest.label)));
  const teach = element("button", { type: "button", class: "quiet" }, "Teach it");
  teach.addEventListener("click", () => correct(thing));
  return element("article", { class: "card answer" },
    element("div", { class: "asked" }, asked, teach),
    element("div", { class: "told" }, verdict, bars(prediction), meter(prediction, threshold)),
    element("div", { class: "near" }, element("h3", {}, "Nearest examples"), element("ul", {}, ...prediction.nearest.map(neighbour))));
}
