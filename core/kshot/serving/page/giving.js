// Where things are given: typed, dropped, pasted, chosen or recorded.

const WORDS = {
  image: { one: "picture", drop: "Drop pictures here, paste one, or", choose: "choose files", any: "image/*" },
  audio: { one: "recording", drop: "Drop recordings here, or", choose: "choose files", any: "audio/*" },
  text: { one: "text" },
};
const wordsOf = (model) => WORDS[model.modality] ?? { one: "example", drop: "Drop files here, or", choose: "choose files", any: "" };

// One thing as people see it; `url` of a file here or of the server's picture of it.
function drawn(media, url, text, label) {
  if (media.startsWith("image/")) return element("img", { src: url, alt: label, loading: "lazy" });
  if (media.startsWith("audio/")) return element("audio", { src: url, controls: true, preload: "metadata", aria: { label } });
  return element("blockquote", {}, text);
}

class Giver {
  // `given` is called with the things whenever they are complete without a word more: files, not lines.
  constructor(place, model, hint, given = () => {}) {
    Object.assign(this, { place, model, given, things: [] });
    if (this.files) this.dropping(hint);
    else this.typing(hint);
  }

  get files() { return this.model.modality !== "text"; }

  typing(hint) {
    this.lines = element("textarea", { rows: 3, placeholder: "one per line" });
    this.place.append(element("label", { class: "field" }, hint, this.lines));
    this.lines.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.lines.form.requestSubmit();
    });
  }

  dropping(hint) {
    const words = wordsOf(this.model);
    const accept = [...this.model.suffixes, words.any].filter(Boolean).join(",");
    const input = element("input", { type: "file", multiple: true, accept, class: "unseen", aria: { label: hint } });
    const zone = element("label", { class: "zone" }, input, element("span", {}, words.drop, " ", element("u", {}, words.choose)));
    this.row = element("div", { class: "given", aria: { label: "given" } });
    this.place.append(zone);
    if (this.model.modality === "audio") this.place.append(this.recording());
    this.place.append(this.row);
    input.addEventListener("change", () => { this.take([...input.files]); input.value = ""; });
    zone.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("over"); });
    zone.addEventListener("dragleave", () => zone.classList.remove("over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      this.take([...event.dataTransfer.files]);
    });
    zone.addEventListener("paste", (event) => this.take([...event.clipboardData.files]));
  }

  recording() {
    const label = element("span", {}, "Record");
    const button = element("button", { type: "button", class: "record", aria: { pressed: "false" } }, element("i", { aria: { hidden: "true" } }), label);
    let running = null, clock = 0, number = 0;
    const end = async () => {
      clearInterval(clock);
      const ended = running;
      running = null;
      button.setAttribute("aria-pressed", "false");
      label.textContent = "Record";
      await this.take([await ended.stop()]);
    };
    button.addEventListener("click", () => working(button, this.place.closest("form"), async () => {
      if (running) return end();
      running = await record(`recording ${++number}.wav`);
      const since = Date.now(), most = this.model.limits.extent;
      button.setAttribute("aria-pressed", "true");
      const tick = () => {
        const seconds = (Date.now() - since) / 1000;
        label.textContent = `Stop · ${seconds.toFixed(0)} s`;
        if (seconds > most - 1) working(button, this.place.closest("form"), end);
      };
      tick();
      clock = setInterval(tick, 250);
    }));
    return button;
  }

  async take(files) {
    if (!files.length) return;
    const form = this.place.closest("form");
    alarm(form, null);
    try {
      for (const file of files) this.add(await readable(file, this.model));
    } catch (error) {
      return alarm(form, error);
    }
    this.given();
  }

  add(file) {
    if (file.size > this.model.limits.file_bytes)
      throw new Error(`${file.name} is larger than ${this.model.limits.file_bytes / 2 ** 20} MiB`);
    const thing = { file, url: URL.createObjectURL(file) };
    const media = this.model.modality === "image" ? "image/" : this.model.modality === "audio" ? "audio/" : "";
    const away = element("button", { type: "button", class: "away", title: "Take away", aria: { label: `Take away ${file.name}` } }, "×");
    thing.tile = element("figure", {}, drawn(media, thing.url, file.name, file.name), away);
    away.addEventListener("click", () => { this.things = this.things.filter((one) => one !== thing); thing.tile.remove(); });
    this.things.push(thing);
    this.row.append(thing.tile);
  }

  // What was given: texts, or files with where they are to be seen.
  all() {
    if (this.files) return this.things;
    return this.lines.value.split("\n").map((line) => line.trim()).filter(Boolean).map((text) => ({ text }));
  }

  receive(thing) {
    if (this.files) this.add(thing.file);
    else this.lines.value = [this.lines.value.trimEnd(), thing.text].filter(Boolean).join("\n");
  }

  empty() {
    if (this.files) this.row.replaceChildren();
    else this.lines.value = "";
    this.things = [];
  }
}

// Things as the body of a request.
function body(things) {
  if (things.every((one) => one.text !== undefined))
    return { headers: { "content-type": "application/json" }, body: JSON.stringify({ texts: things.map((one) => one.text) }) };
  const form = new FormData();
  for (const one of things) form.append("files", one.file, one.file.name);
  return { body: form };
}
