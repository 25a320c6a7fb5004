// The page's state is the server's: every change answers with the model as it then stands.

const TITLES = { image: "Classifies pictures", audio: "Classifies recordings", text: "Classifies texts" };
const SHOWN = 30; // answers that stay on the page
let model, asking, teaching;

function show(now) {
  model = now;
  document.title = `${now.name} · kshot`;
  $("#name").textContent = now.name;
  const total = now.classes.reduce((sum, one) => sum + one.count, 0);
  $("#summary").replaceChildren(
    `${TITLES[now.modality] ?? `Classifies ${now.modality}`} · ${now.learner} on ${now.encoder} · ${count(now.classes.length, "class", "classes")}, ${count(total, "example")}`,
    now.threshold === null ? " · nothing is called unknown" : ` · unknown below ${now.threshold.toFixed(2)}`,
  );
  $("#save").hidden = !now.writable;
  $("#save").disabled = now.saved;
  $("#download").textContent = now.saved ? "Download model" : "Download changed model";
  $("#known-classes").replaceChildren(...now.classes.map((one) => element("option", { value: one.name })));
  $("#classes ul").replaceChildren(...now.classes.map((one) => classRow(one, { more, forget })),
    ...(now.negatives ? [negativesRow(now.negatives, forgetNegatives)] : []));
}

function more(name) {
  $("#class-name").value = name;
  $("#teach").scrollIntoView({ block: "nearest" });
  $("#teach textarea, #teach .zone input").focus();
}

function forget(name, button) {
  return working(button, $("#classes"), async () => {
    show(await ask(`/classes/${encodeURIComponent(name)}`, { method: "DELETE" }));
    tell(`${name} is forgotten.`);
  });
}

function forgetNegatives(button) {
  return working(button, $("#classes"), async () => {
    show(await ask("/negatives", { method: "DELETE" }));
    tell("The examples of no class are forgotten.");
  });
}

function teachNothing() {
  const form = $("#teach form");
  return working($("#none"), form, async () => {
    const things = teaching.all();
    if (!things.length) throw new Error(`Give a ${wordsOf(model).one} first.`);
    show(await ask("/negatives", { method: "POST", ...body(things) }));
    tell(`${count(things.length, "more example")} of no class.`);
    teaching.empty();
  });
}

function correct(thing) {
  teaching.receive(thing);
  $("#teach").scrollIntoView({ block: "nearest" });
  $("#class-name").focus();
}

async function classify(event) {
  event?.preventDefault();
  const form = $("#ask form");
  const ended = await working($("button[type=submit]", form), form, async () => {
    const things = asking.all();
    if (!things.length) throw new Error(`Give a ${wordsOf(model).one} first.`);
    if (asking.files) asking.empty(); // more may come while these are looked at
    const said = await ask("/predict", { method: "POST", ...body(things) });
    const made = said.predictions.map((one, i) => answer(things[i], one, said.threshold, correct));
    $("#answers").prepend(...made);
    while ($("#answers").children.length > SHOWN) $("#answers").lastChild.remove();
    tell(said.predictions.length === 1 ? `It is ${said.predictions[0].label}.` : `${said.predictions.length} answers.`);
    if (!asking.files) asking.empty();
  });
  if (ended && asking.files && asking.things.length) classify();
}

function teach(event) {
  event.preventDefault();
  const form = $("#teach form");
  return working($("button[type=submit]", form), form, async () => {
    const name = $("#class-name").value.trim();
    if (!name) { $("#class-name").focus(); throw new Error("Say which class it is."); }
    const things = teaching.all();
    if (!things.length) throw new Error(`Give a ${wordsOf(model).one} first.`);
    show(await ask(`/classes/${encodeURIComponent(name)}/examples`, { method: "POST", ...body(things) }));
    tell(`${name} has ${count(things.length, "more example", "more examples")}.`);
    teaching.empty();
    $("#class-name").value = "";
  });
}

function curl() {
  const at = location.origin;
  const [asked, given] = model.modality === "text"
    ? [`--json '{"texts": ["…"]}'`, `--json '{"texts": ["…", "…"]}'`]
    : [`-F files=@one${model.suffixes[0]}`, `-F files=@one${model.suffixes[0]} -F files=@two${model.suffixes[0]}`];
  $("#curl").textContent = [
    `curl ${at}/predict ${asked}`,
    `curl ${at}/classes/NAME/examples ${given}`,
    `curl -X DELETE ${at}/classes/NAME`,
    `curl ${at}/negatives ${given}`,
    `curl ${at}/model`,
    `curl -o model.kshot ${at}/model/bundle`,
  ].join("\n");
}

async function start() {
  try {
    show(await ask("/model"));
  } catch (error) {
    $("#lost").textContent = error.message;
    $("#lost").hidden = false;
    return;
  }
  const one = wordsOf(model).one;
  document.body.dataset.modality = model.modality;
  $("main").hidden = false;
  asking = new Giver($("#ask .giver"), model, `A ${one} to classify`, () => classify());
  teaching = new Giver($("#teach .giver"), model, `Its ${one}s`);
  // Files are classified as they come; only what is typed needs to be sent.
  $("#ask button[type=submit]").hidden = asking.files;
  $("#ask form").addEventListener("submit", classify);
  $("#teach form").addEventListener("submit", teach);
  $("#none").addEventListener("click", teachNothing);
  $("#save").addEventListener("click", () => working($("#save"), $("#classes"), async () => {
    show(await ask("/model/save", { method: "POST" }));
    tell("Saved.");
  }));
  curl();
}

// A file dropped beside its place must not replace the page.
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());
start();
