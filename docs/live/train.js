/* The page "Train an ALBERT in your browser, now" (docs/train_live.md). Its Python is albert_np/apps/live/train_page.py. */

import { LossChart } from "./chart.js";
import { Python, button, make } from "./status.js";

const SLICE = 0.4; // seconds of training in one call: Stop is heard between two
const TOKENS = 32; // of a row, as in training.py
const FIRST_VOCABULARY = 800; // of a text that is not the stories
const STORY_VOCABULARY = 173; // their words, their characters, and the special pieces

const SLIDERS = {
  width: { label: "width H", values: [32, 48, 64, 96, 128], start: 48 },
  layers: { label: "layers L", values: [1, 2, 3, 4, 6, 8, 12], start: 2 },
  heads: { label: "heads A", values: [1, 2, 4, 8], start: 4 },
  vocabulary: { label: "vocabulary V", values: [120, 150, 173, 200, 300, 400, 600, 800, 1000, 1500, 2000], start: 173 },
  steps: { label: "steps", values: [30, 100, 200, 300, 500, 800, 1200, 2000, 3000], start: 500 },
};

/* The number of parameters: of the tables, of one block (all layers share it), and of the heads. */
export function countParameters({ width: H, vocabulary: V }) {
  const [E, F] = [Math.min(64, H), 4 * H];
  const tables = (V + TOKENS + 2) * E + 2 * E + E * H + H;
  const block = 4 * (H * H + H) + (H * F + F) + (F * H + H) + 4 * H;
  const heads = H * H + H + (2 * H + 2) + (H * E + E) + 2 * E + V;
  return tables + block + heads;
}

class TrainPage {
  constructor(place) {
    this.place = place;
    this.python = new Python({ onGone: (message) => this.pythonGone(message) });
    this.sizes = Object.fromEntries(Object.entries(SLIDERS).map(([name, slider]) => [name, slider.start]));
    place.append(this.makeText(), this.makeSizes(), this.makeRun(), this.makeCheck(), this.makeFill(), this.makeSave(), this.makeLook());
    this.showSizes();
    this.update();
  }

  // ---- the text ----

  makeText() {
    const choose = (value, text) => {
      const input = make("input", { type: "radio", name: "door-text", value, checked: value === "stories", onchange: () => this.textChosen() });
      return make("label", {}, input, ` ${text}`);
    };
    this.own = make("textarea", { rows: 7, hidden: true, "aria-label": "Your text", placeholder: "Paste some pages of text here" });
    this.file = make("input", { type: "file", accept: ".txt,.md,text/*", onchange: () => this.openFile() });
    this.fileLine = make("p", { hidden: true }, make("label", {}, "or open a file: ", this.file));
    return section("The text",
      make("p", { className: "door-choice" },
        choose("stories", `little stories, made by a grammar, learned in a minute: “${this.place.dataset.story}”`),
        choose("genesis", "Genesis, in the King James version: takes longer"),
        choose("own", "a text of your own; it stays in your browser")),
      this.own, this.fileLine);
  }

  get source() {
    return this.place.querySelector("[name=door-text]:checked").value;
  }

  textChosen() {
    this.own.hidden = this.fileLine.hidden = this.source !== "own";
    this.setSize("vocabulary", this.source === "stories" ? STORY_VOCABULARY : FIRST_VOCABULARY);
  }

  async openFile() {
    const [file] = this.file.files;
    if (!file) return;
    const text = new TextDecoder("utf-8", { fatal: true });
    try {
      this.own.value = text.decode(await file.arrayBuffer());
    } catch {
      this.say(`${file.name} is not text in UTF-8`, true);
    }
  }

  async readText() {
    if (this.source === "own") return this.own.value;
    return (await this.python.call("train_page.get_text", [this.source])).text;
  }

  // ---- sizes ----

  makeSizes() {
    const rows = Object.entries(SLIDERS).map(([name, { label, values }]) => {
      const input = make("input", { type: "range", min: 0, max: values.length - 1, step: 1, id: `door-${name}` });
      const output = make("output", { htmlFor: `door-${name}` });
      input.oninput = () => this.setSize(name, values[input.value]);
      SLIDERS[name].input = input;
      SLIDERS[name].output = output;
      return make("div", { className: "door-slider" }, make("label", { htmlFor: `door-${name}`, textContent: label }), input, output);
    });
    this.count = make("p", { id: "door-count", role: "status" });
    return section("The model", ...rows, this.count);
  }

  range(name) {
    return SLIDERS[name].values;
  }

  setSize(name, value) {
    this.sizes[name] = value;
    while (this.sizes.width % this.sizes.heads) this.sizes.heads /= 2;
    this.showSizes();
  }

  showSizes() {
    for (const [name, { input, output, values }] of Object.entries(SLIDERS)) {
      input.value = values.indexOf(this.sizes[name]);
      output.textContent = this.sizes[name];
    }
    const { layers } = this.sizes;
    const shared = layers > 1 ? `The ${layers} layers share theirs: with one layer it would be as many.` : "More layers would share theirs, and add none.";
    this.count.textContent = `${countParameters(this.sizes).toLocaleString("en")} parameters. ${shared}`;
  }

  // ---- the run ----

  makeRun() {
    this.startButton = button("Train", () => this.start(), { id: "door-start", className: "door-main" });
    this.stopButton = button("Stop", () => this.pause(), { id: "door-stop", title: "The model stays as it is, and can be trained on" });
    this.said = make("p", { id: "door-said", role: "status" });
    this.curve = make("div", { id: "door-curve", hidden: true });
    this.chart = new LossChart(this.curve);
    this.curve.append(make("p", { className: "door-key" },
      make("span", { className: "door-key-mean", textContent: "training text" }),
      make("span", { className: "door-key-held", textContent: "held-out sentences" })));
    return section("The run", make("p", { className: "door-buttons" }, this.startButton, this.stopButton), this.said, this.curve);
  }

  say(text, isError = false) {
    this.said.textContent = text;
    this.said.classList.toggle("live-error", isError);
  }

  update() {
    const { state = "none" } = this;
    this.startButton.textContent = { none: "Train", paused: "Train on" }[state] ?? "Train anew";
    this.startButton.disabled = state === "preparing" || state === "training";
    this.stopButton.hidden = state !== "training";
    const trained = state === "paused" || state === "finished";
    for (const each of [this.checkButton, this.saveButton]) each.disabled = !trained;
    this.fillButton.disabled = this.lookButton.disabled = state === "preparing" || state === "training";
    this.place.dataset.state = state;
  }

  setState(state) {
    this.state = state;
    this.update();
  }

  async start() {
    const goesOn = this.state === "paused";
    try {
      if (!goesOn) await this.prepare();
      await this.train();
    } catch (error) {
      this.setState(this.step ? "paused" : "none");
      this.say(error.message, true);
    }
  }

  async prepare() {
    this.step = 0;
    this.setState("preparing");
    this.say("preparing the text, its vocabulary and the model …");
    this.facts = await this.python.call("train_page.start", [await this.readText(), this.sizes]);
    const { pieces, sentences, tokens, unigram_loss: unigram, held_out: heldOut, steps, notes } = this.facts;
    this.notes = notes.map((text) => `${text[0].toUpperCase()}${text.slice(1)}.`);
    this.curve.hidden = false;
    this.chart.begin(steps, { "ln V: guessing": Math.log(pieces), "word frequencies alone": unigram });
    this.chart.add([], [0, heldOut.mlm_loss]);
    this.say(`${sentences.toLocaleString("en")} sentences, ${tokens.toLocaleString("en")} tokens of ${pieces} pieces`);
  }

  async train() {
    this.setState("training");
    const began = performance.now();
    const from = this.step;
    while (this.state === "training") {
      const result = await this.python.call("train_page.advance", [SLICE]);
      this.step = result.step;
      const { held_out: heldOut } = result;
      if (heldOut) this.lastHeldOut = heldOut;
      this.chart.add(result.losses.map(([step, loss]) => [step, loss]), heldOut && [result.step, heldOut.mlm_loss]);
      this.tell(result, ((performance.now() - began) / (result.step - from)) * (this.facts.steps - result.step));
      if (result.finished) this.setState("finished");
    }
  }

  tell({ step, finished, tokens_per_second: rate }, left) {
    const held = this.lastHeldOut;
    const parts = [`step ${step} of ${this.facts.steps}`, `${Math.round(rate).toLocaleString("en")} tokens a second`];
    if (!finished && this.state === "training") parts.push(`about ${Math.ceil(left / 1000)} s to go`);
    const scores = held
      ? ` Held-out sentences: loss ${held.mlm_loss.toFixed(2)}, ${Math.round(100 * held.mlm_accuracy)} % of the masked tokens and ` +
        `${Math.round(100 * held.sop_accuracy)} % of the orders right.`
      : "";
    this.say([`${parts.join(", ")}.${scores}`, ...this.notes].join(" "));
  }

  pause() {
    this.setState("paused");
  }

  pythonGone(message) {
    if (!this.state || this.state === "none") return;
    this.step = 0;
    this.setState("none");
    this.say(message ? `${message} The model is gone as well.` : "The model is gone.", true);
  }

  // ---- what to do with the model ----

  makeCheck() {
    this.checkButton = button("Check the gradients", () => this.check(), { id: "door-check" });
    this.mistake = make("select", { "aria-label": "A mistake to plant" }, make("option", { value: "", textContent: "of the code as it is" }));
    JSON.parse(this.place.dataset.mistakes).forEach((text, i) => this.mistake.append(make("option", { value: i, textContent: `with a mistake in ${text}` })));
    this.checked = make("div", { id: "door-checked", role: "status" });
    return section("Its gradients",
      make("p", { textContent: "Each tensor's gradient, as the backward pass computes it, against the change of the loss when the numbers are moved a little: in float64, at the parameters of the model just trained. Plant a mistake to see the check fail." }),
      make("p", { className: "door-buttons" }, this.checkButton, this.mistake), this.checked);
  }

  check() {
    return this.ask(this.checked, "checking, some seconds …", async () => {
      const { passed, sentence, rows } = await this.python.call("train_page.check", this.mistake.value ? [Number(this.mistake.value)] : []);
      const head = ["tensor", "backward pass", "finite difference", ""].map((text) => make("th", { textContent: text }));
      const body = rows.map((row) =>
        make("tr", { className: row.passed ? "" : "door-wrong" },
          make("td", {}, make("code", { textContent: row.tensor.replace("groups.0.blocks.0.", "block.") })),
          number(row.analytic), number(row.numeric),
          make("td", { textContent: row.passed ? row.note || "agree" : row.note || "differ" })));
      return [
        make("p", { className: passed ? "door-good" : "door-bad", textContent: sentence }),
        make("details", { open: !passed }, make("summary", { textContent: `All ${rows.length} tensors` }),
          make("div", { className: "table-wrapper" }, make("table", { className: "docutils" }, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...body)))),
      ];
    });
  }

  makeFill() {
    this.sentence = make("input", { type: "text", value: "Clara is a baker. She [MASK] bread in the bakery.", "aria-label": "A sentence with [MASK]" });
    this.sentence.onkeydown = (event) => event.key === "Enter" && this.fill();
    this.fillButton = button("Fill the mask", () => this.fill(), { id: "door-fill" });
    this.filled = make("div", { id: "door-filled", role: "status" });
    return section("Its answers",
      make("p", { textContent: "What stands at [MASK]? Beside it answers albert-np-mini-en, the model in the package, which was trained longer and on far more text." }),
      make("p", { className: "door-buttons" }, this.sentence, this.fillButton), this.filled);
  }

  fill() {
    return this.ask(this.filled, "…", async () => {
      const answers = Object.values(await this.python.call("train_page.fill", [this.sentence.value]));
      return [make("div", { className: "door-answers" }, ...answers.map(({ model, masks, notes }) =>
        make("div", {}, make("h3", { textContent: model }), ...masks.flatMap((mask) => mask.map(bar)), ...notes.map((text) => make("p", { textContent: text })))))];
    });
  }

  makeSave() {
    this.saveButton = button("Download the model", () => this.save(), { id: "door-save" });
    this.saved = make("div", { role: "status" });
    return section("Take it with you",
      make("p", {}, "A folder that every command takes, packed as a zip file: ", make("code", { textContent: 'albert-np fill-mask --model my-albert "Clara [MASK] bread."' })),
      make("p", { className: "door-buttons" }, this.saveButton), this.saved);
  }

  save() {
    return this.ask(this.saved, "packing …", async () => {
      const { path, name } = await this.python.call("train_page.save");
      await this.python.download(path, name);
      return [make("p", { textContent: `${name} is in your downloads.` })];
    });
  }

  makeLook() {
    this.text = make("input", { type: "text", value: "The doctor told me to [MASK] more water.", "aria-label": "A text to look at" });
    this.text.onkeydown = (event) => event.key === "Enter" && this.look();
    this.which = make("select", { "aria-label": "The model to look into" },
      make("option", { value: "", textContent: "albert-np-mini-en" }), make("option", { value: "trained", textContent: "the model just trained" }));
    this.lookButton = button("Look inside", () => this.look(), { id: "door-look" });
    this.seen = make("div", { id: "door-seen" });
    return section("Attention",
      make("p", { textContent: "Whom each head looks at, and what the model would put at [MASK] after each layer." }),
      make("p", { className: "door-buttons" }, this.text, this.which, this.lookButton), this.seen);
  }

  look() {
    return this.ask(this.seen, "…", async () => {
      const { page, summary } = await this.python.call("train_page.inspect_page", [this.text.value, this.which.value === "trained"]);
      return [make("iframe", { title: summary, sandbox: "allow-scripts", srcdoc: page, className: "door-frame" })];
    });
  }

  /* Show what an action returns in its place, or its error. */
  async ask(place, waiting, action) {
    place.replaceChildren(make("p", { textContent: this.python.state.state === "ready" ? waiting : "Python is loading …" }));
    try {
      place.replaceChildren(...(await action()));
    } catch (error) {
      place.replaceChildren(make("p", { className: "live-error", textContent: error.message }));
    }
  }
}

const section = (title, ...children) => make("section", { className: "door-part" }, make("h2", { textContent: title }), ...children);
const number = (value) => make("td", { className: "text-right", textContent: value.toPrecision(6) });
const bar = ([word, share]) =>
  make("div", { className: "door-bar" }, make("span", { textContent: word }),
    make("span", { className: "door-share", style: `--share:${share}` }), make("span", { textContent: `${(100 * share).toFixed(0)} %` }));

const place = globalThis.document?.getElementById("live-train");
if (place) globalThis.trainPage = new TrainPage(place);
