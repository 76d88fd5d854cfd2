/* The live cells of a notebook's page: an editor in place of each block of code, buttons, and outputs below.

Nothing is downloaded, and the page stays as it is, until a button is clicked: then the editors come (editor.js), and Python is
started (kernel.js). What is changed is kept in the browser's storage until the cell is reset.
*/

import { startKernel } from "./kernel.js";
import { Outputs } from "./outputs.js";

const ROOT = new URL("./", import.meta.url).href;
const ABOUT = new URL("../../live.html", ROOT).href;
const PACKAGES = document.querySelector("script[data-packages]")?.dataset.packages.split(" ").filter(Boolean) ?? [];
const STORED = "albert_np live " + location.pathname;

const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};
const button = (text, label, onclick) => {
  const element = make("button", { type: "button", textContent: text, onclick });
  if (label) element.setAttribute("aria-label", label);
  return element;
};
const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

// ---- one cell ----

class Cell {
  constructor(page, element, index) {
    Object.assign(this, { page, element, index, ran: false });
    this.input = element.querySelector(".cell_input");
    this.block = this.input.querySelector("[class*=highlight-]");
    this.original = this.block.querySelector("pre").textContent.replace(/\n$/, "");
    this.stored = [...element.children].find((child) => child.classList.contains("cell_output"));
    this.said = make("span", { className: "live-said" });
    this.said.setAttribute("role", "status");
    this.resetButton = button("Reset", `Reset cell ${index + 1}`, () => this.reset());
    this.resetButton.hidden = true;
    this.bar = make(
      "div",
      { className: "live-bar" },
      button("Run", `Run cell ${index + 1}`, () => page.run([this])),
      button("Run all above", `Run all cells above cell ${index + 1}`, () => page.run(page.cells.slice(0, index))),
      this.resetButton,
      this.said,
    );
    if (!index) this.bar.children[1].hidden = true;
    this.input.append(this.bar);
  }

  get text() {
    return this.editor ? this.editor.text : this.original;
  }

  openEditor({ newEditor }, stored) {
    const place = make("div", { className: "live-editor" });
    place.addEventListener("keydown", (event) => event.stopPropagation()); // the site turns pages with the arrow keys
    this.block.hidden = true;
    this.block.after(place);
    this.editor = newEditor({
      parent: place,
      text: stored ?? this.original,
      label: `Code of cell ${this.index + 1}`,
      keys: {
        "Shift-Enter": () => (this.page.run([this]), this.page.cells[this.index + 1]?.editor.focus()),
        "Mod-Enter": () => this.page.run([this]),
      },
      onChange: () => this.changed(),
    });
    this.changed();
  }

  changed() {
    this.element.classList.toggle("live-changed", this.text !== this.original);
    this.resetButton.hidden = this.text === this.original && !this.outputs;
    this.page.store();
  }

  /* The original code, and the page's output. */
  reset() {
    if (this.editor) this.editor.text = this.original;
    this.outputs?.element.remove();
    this.outputs = undefined;
    if (this.stored) this.stored.hidden = false;
    this.say("", "");
    this.changed();
  }

  say(state, text) {
    this.element.dataset.live = state;
    this.said.textContent = text;
  }

  begin() {
    if (this.outputs) this.outputs.clear();
    else {
      this.outputs = new Outputs(this.page.helpers);
      this.element.append(this.outputs.element);
      if (this.stored) this.stored.hidden = true;
    }
    this.resetButton.hidden = false;
    const from = performance.now();
    const tell = () => this.say("running", `running${performance.now() - from > 1500 ? `, ${((performance.now() - from) / 1000).toFixed(0)} s` : ""}`);
    tell();
    this.clock = setInterval(tell, 1000);
  }

  end(result) {
    clearInterval(this.clock);
    this.ran = result.ok;
    this.element.liveSeconds = result.seconds;
    if (result.interrupted) this.say("stopped", "stopped");
    else if (result.ok) this.say("done", `ran here, ${result.seconds < 0.05 ? "under 0.1" : result.seconds.toFixed(1)} s`);
    else this.say("failed", `stopped by an error after ${result.seconds.toFixed(1)} s`);
  }
}

// ---- the page ----

class Page {
  constructor(elements) {
    this.queue = [];
    this.cells = elements.map((element, index) => new Cell(this, element, index));
    this.panel = new Panel(this);
    this.kernel = startKernel({ root: ROOT, packages: PACKAGES, onState: (state) => this.showState(state) });
    const intro = make(
      "p",
      { className: "live-intro" },
      button("Run all", "Run all cells of this page", () => this.run(this.cells)),
      " in your browser, or click into a cell, change it and run it: nothing to install. The first run downloads about " + (PACKAGES.includes("scipy") ? "31" : "12") + " MB. ",
      make("a", { href: ABOUT, textContent: "How it works" }),
    );
    document.querySelector("article h1, h1").after(intro);
    for (const cell of this.cells) {
      cell.block.addEventListener("click", (event) => {
        const copies = event.target.closest("button") || !getSelection().isCollapsed; // the text is selected, to be copied
        if (!copies) this.open().then(() => cell.editor.focus());
      });
    }
  }

  /* Put the editors in place of the code; once. */
  open() {
    this.opened ??= import("./editor.js").then((helpers) => {
      this.helpers = helpers;
      const stored = this.readStored();
      for (const cell of this.cells) cell.openEditor(helpers, stored[cell.original]);
      this.editorsOpen = true;
      document.body.classList.add("live-open");
    });
    return this.opened;
  }

  readStored() {
    try {
      return JSON.parse(localStorage.getItem(STORED)) ?? {};
    } catch {
      return {};
    }
  }

  store() {
    if (!this.editorsOpen) return;
    const changed = this.cells.filter((cell) => cell.text !== cell.original).map((cell) => [cell.original, cell.text]);
    try {
      if (changed.length) localStorage.setItem(STORED, JSON.stringify(Object.fromEntries(changed)));
      else localStorage.removeItem(STORED);
    } catch {
      // a browser may refuse to store anything
    }
  }

  async run(cells) {
    await this.open();
    for (const cell of cells) {
      if (!this.queue.includes(cell)) this.queue.push(cell);
      if (cell !== this.running) cell.say("waiting", "waiting");
    }
    if (!this.running) await this.runQueue();
  }

  async runQueue() {
    while (this.queue.length) {
      const cell = (this.running = this.queue.shift());
      cell.begin();
      const show = (output) => {
        cell.outputs.add(output);
        if (output.output_type === "error" && output.ename === "NameError") this.hint(cell);
      };
      let result;
      try {
        result = await this.kernel.run(cell.text, { onOutput: show, title: `cell ${cell.index + 1}` });
      } catch (error) {
        result = { ok: false, seconds: 0 };
        cell.outputs.add({ output_type: "error", ename: "", evalue: "", traceback: [`Python does not run: ${error.message}`] });
      }
      cell.end(result);
      this.running = undefined;
      if (!result.ok) this.forget();
      this.panel.update();
    }
  }

  /* A name is unknown where the cell that defines it has not been run. */
  hint(cell) {
    const above = this.cells.slice(0, cell.index).filter((each) => !each.ran);
    if (!above.length) return;
    const rerun = button("Run all above, and this", "", () => this.run(this.cells.slice(0, cell.index + 1)));
    cell.outputs.append(make("p", { className: "live-hint" }, `${above.length} of the cells above have not been run. `, rerun));
  }

  forget() {
    for (const cell of this.queue.splice(0)) cell.say(cell.ran ? "done" : "", "");
  }

  stop() {
    this.forget();
    this.kernel.interrupt();
  }

  restart() {
    this.forget();
    this.kernel.reset();
    this.kernel.start().catch(() => {});
  }

  showState(state) {
    if (state.state === "stopped" || state.state === "failed") for (const cell of this.cells) cell.ran = false;
    this.state = state;
    this.panel?.update();
  }
}

// ---- the state of Python, in a corner of the window ----

class Panel {
  constructor(page) {
    this.page = page;
    this.text = make("span");
    this.text.setAttribute("role", "status");
    this.progress = make("progress");
    this.stop = button("Stop", "", () => page.stop());
    this.restart = button("Restart", "", () => page.restart());
    this.restart.title = "Start a new Python: its variables are lost";
    this.element = make("div", { id: "live-panel", hidden: true }, this.text, this.progress, this.stop, this.restart);
    document.body.append(this.element);
  }

  update() {
    const { state, message, loaded, total, interruptible } = this.page.state ?? { state: "stopped" };
    if (state !== "stopped") this.element.hidden = false;
    this.element.dataset.state = state;
    this.element.title = message;
    this.text.textContent = this.describe(state, message, loaded, total);
    this.progress.hidden = state !== "loading";
    if (total) Object.assign(this.progress, { max: total, value: loaded });
    else this.progress.removeAttribute("value");
    const active = state === "busy" || state === "loading" || state === "interrupted";
    this.stop.hidden = !active;
    this.stop.title = interruptible ? "Stop the code; its variables are kept" : "Stop the code, and Python with it: its variables are lost";
    this.restart.hidden = active || state === "stopped";
  }

  describe(state, message, loaded, total) {
    const { running, cells } = this.page;
    switch (state) {
      case "loading":
        return total ? `${message}: ${megabytes(loaded)} of ${megabytes(total)} MB` : message;
      case "busy":
        return running ? `running cell ${running.index + 1} of ${cells.length}` : "running";
      case "interrupted":
        return "stopping …";
      case "failed":
        return `Python does not run: ${message}`;
      case "stopped":
        return message || "Python is stopped";
      default:
        return "Python is ready";
    }
  }
}

const cells = [...document.querySelectorAll(".cell")].filter((cell) => cell.querySelector(".cell_input pre"));
if (cells.length) new Page(cells);
