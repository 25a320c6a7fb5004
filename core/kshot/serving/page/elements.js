// Elements. Whatever people named is set as text, never as HTML.

const $ = (selector, within = document) => within.querySelector(selector);

function element(tag, properties = {}, ...children) {
  const { class: kind, aria = {}, ...rest } = properties;
  const made = Object.assign(document.createElement(tag), rest);
  if (kind) made.className = kind;
  for (const [key, value] of Object.entries(aria)) made.setAttribute(`aria-${key}`, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

// A name that people gave has a direction of its own.
const bdi = (text) => element("bdi", {}, text);

const count = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;
const percent = (share) => `${(100 * share).toFixed(share > 0.9995 || share < 0.0005 ? 0 : 1)} %`;

function tell(text) {
  $("#status").textContent = text;
}

function alarm(where, error) {
  const place = $(".alarm", where);
  place.textContent = error ? error.message : "";
  place.hidden = !error;
}

// One request; an answer that is none becomes an error with the server's own words.
async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer. Is it still running? Or was the upload larger than it takes?");
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.detail ?? `The server answered ${answer.status}.`);
  return body;
}

// A button that computes something: not twice at a time (then false), what goes wrong beside it.
async function working(button, where, work) {
  if (button.getAttribute("aria-busy") === "true") return false;
  alarm(where, null);
  button.setAttribute("aria-busy", "true");
  try {
    await work();
  } catch (error) {
    alarm(where, error);
  } finally {
    button.removeAttribute("aria-busy");
  }
  return true;
}
