// The classes that there are.

function sample(example) {
  const name = example.name ?? `example ${example.number}`;
  if (example.media === "text/plain") return element("li", { class: "line" }, example.text);
  return element("li", {}, drawn(example.media, example.href, example.text, name));
}

function classRow(one, { more, forget }) {
  const add = element("button", { type: "button", class: "quiet", aria: { label: `Add examples to ${one.name}` } }, "Add");
  const remove = element("button", { type: "button", class: "quiet bad", aria: { label: `Forget ${one.name}` } }, "Forget");
  add.addEventListener("click", () => more(one.name));
  // Asked once more in the button itself: a window of its own would stop the page.
  let sure = false;
  remove.addEventListener("click", () => {
    if (sure) return forget(one.name, remove);
    sure = true;
    remove.textContent = "Really forget?";
    remove.setAttribute("aria-label", `Really forget ${one.name}?`);
    setTimeout(() => { sure = false; remove.textContent = "Forget"; remove.setAttribute("aria-label", `Forget ${one.name}`); }, 4000);
  });
  const shown = one.examples.length ? element("ul", { class: "samples" }, ...one.examples.slice(0, 6).map(sample)) : null;
  return element("li", { class: "card" }, element("div", { class: "head" },
    element("span", {}, element("span", { class: "class" }, bdi(one.name)), element("span", { class: "tag" }, count(one.count, "example"))),
    element("span", { class: "do" }, add, remove)), shown);
}

// Examples of no class: what is called unknown is set by them.
function negativesRow(number, forget) {
  const remove = element("button", { type: "button", class: "quiet bad", aria: { label: "Forget the examples of no class" } }, "Forget");
  remove.addEventListener("click", () => forget(remove));
  return element("li", { class: "card", id: "negatives" }, element("div", { class: "head" },
    element("span", {}, element("span", { class: "class" }, "of no class"), element("span", { class: "tag" }, count(number, "example"))),
    element("span", { class: "do" }, remove)));
}
