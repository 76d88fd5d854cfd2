/* The page of the exercises (docs/learn_live.md): `albert-np learn` with an editor. Its Python is albert_np/apps/live/exercises.py.

Kept in the browser's storage: the progress, as `albert-np learn` keeps it in .albert-np-learn.json, and the files that were started.
*/

import { newEditor } from "./editor.js";
import { Python, button, make, save } from "./status.js";

const PROGRESS = "albert_np learn progress";
const FILES = "albert_np learn files";
const SLOW = 15000; // milliseconds after which a check may be an endless loop
const ARCHIVE = "my-exercises.zip";

class Stored {
  /* A JSON object in the browser's storage; in memory where that is refused. */
  constructor(key) {
    this.key = key;
    try {
      this.values = JSON.parse(localStorage.getItem(key)) ?? {};
    } catch {
      this.values = {};
    }
  }

  put(values) {
    this.values = values;
    try {
      localStorage.setItem(this.key, JSON.stringify(values));
    } catch {
      // private windows may refuse
    }
  }

  set(name, value) {
    this.put({ ...this.values, [name]: value });
  }
}

class ExercisesPage {
  constructor(place, exercises) {
    this.exercises = exercises;
    this.byName = Object.fromEntries(exercises.map((each) => [each.name, each]));
    this.progress = new Stored(PROGRESS);
    this.files = new Stored(FILES);
    this.python = new Python();
    this.list = make("ol", { className: "learn-list" });
    this.work = make("section", { className: "learn-work", hidden: true });
    place.replaceChildren(this.list, this.makeBugs(), this.work, this.makeFiles());
    this.showList();
    const named = decodeURIComponent(location.hash.slice(1));
    if (this.byName[named]) this.open(named);
  }

  // ---- the list ----

  showList() {
    this.list.replaceChildren(...this.exercises.map((each) => {
      const { passed, tries } = this.progress.values[each.name] ?? {};
      const state = passed ? "solved" : tries ? `${tries} ${tries === 1 ? "try" : "tries"}` : this.files.values[`${each.name}.py`] ? "started" : "";
      const open = button(each.name, () => this.open(each.name), { title: each.title });
      const item = make("li", { className: passed ? "learn-solved" : "" }, open,
        make("span", { className: "learn-state", textContent: state || `${each.minutes} min` }),
        make("span", { className: "learn-title", textContent: each.title }));
      if (this.current?.exercise === each.name) open.setAttribute("aria-current", "true");
      return item;
    }));
  }

  makeBugs() {
    const seed = make("input", { type: "number", min: 0, value: 3, "aria-label": "Number of the bug" });
    return make("p", { className: "door-buttons" }, "Or find the bug: a layer with one mistake in it, number", seed,
      button("Begin", () => this.openBug(Number(seed.value)), { id: "learn-bug" }));
  }

  // ---- one exercise ----

  open(name) {
    this.show({ name: `${name}.py`, exercise: name, stub: this.byName[name].stub });
    this.progress.set("current", { exercise: name, file: `${name}.py` });
    this.python.kernel.start().catch(() => {});
  }

  async openBug(seed) {
    try {
      const { text, exercise } = await this.python.call("exercises.bug", [seed]);
      this.show({ name: `bug_${seed}.py`, exercise, stub: text });
    } catch (error) {
      this.work.hidden = false;
      this.work.replaceChildren(make("p", { className: "live-error", textContent: error.message }));
    }
  }

  /* file: { name, exercise, stub }, where stub is the text to begin with. */
  show(file) {
    this.current = file;
    const exercise = this.byName[file.exercise];
    const isBug = file.name.startsWith("bug_");
    this.editor?.remove();
    const editor = make("div", { className: "live-editor" });
    editor.addEventListener("keydown", (event) => event.stopPropagation()); // the site turns pages with the arrow keys
    this.result = make("div", { className: "learn-result", role: "status" });
    this.texts = make("div", { className: "learn-result", role: "status" }); // hints stand below the report
    this.checkButton = button("Check", () => this.check(), { id: "learn-check", className: "door-main", title: "Ctrl-Enter" });
    this.stopButton = button("Stop", () => this.python.stop(), { id: "learn-stop", hidden: true, title: "End Python; your text stays" });
    const texts = isBug ? [] : [
      button("Hint", () => this.hint(), { id: "learn-hint" }),
      button("Derivation", () => this.read("derivation"), { id: "learn-derivation" }),
      button("Solution", () => this.read("solution"), { id: "learn-solution" }),
    ];
    this.work.hidden = false;
    this.work.replaceChildren(
      make("h2", { textContent: isBug ? `${file.name.slice(0, -3).replace("_", " ")}: find the mistake` : exercise.title }), editor,
      make("p", { className: "door-buttons" }, this.checkButton, this.stopButton, ...texts,
        button("Begin anew", () => (this.editor.text = file.stub), { title: "The file as it was; Ctrl-Z brings yours back" }),
        button("Save the file", () => this.saveFile(), { title: `albert-np learn check ${file.name}` })),
      this.result, this.texts);
    this.editor = newEditor({
      parent: editor,
      text: this.files.values[file.name] ?? file.stub,
      label: file.name,
      keys: { "Mod-Enter": () => this.check() },
      onChange: (text) => this.keep(text),
    });
    this.showList();
    this.work.scrollIntoView({ block: "start" });
  }

  keep(text) {
    const { [this.current.name]: before, ...others } = this.files.values;
    this.files.put(text === this.current.stub ? others : { ...others, [this.current.name]: text });
    if ((before === undefined) !== (text === this.current.stub)) this.showList();
  }

  /* What Python answers is shown below the editor, unless another exercise was opened meanwhile. */
  async ask(waiting, action, result = this.result) {
    result.replaceChildren(make("p", { textContent: this.python.state.state === "ready" ? waiting : "Python is loading; the first time it downloads about 12 MB …" }));
    this.busy(true);
    const slow = setTimeout(() => result.append(make("p", { textContent: "It takes long. If your code has a loop that does not end, stop it: your text stays." })), SLOW);
    try {
      result.replaceChildren(...(await action()));
    } catch (error) {
      const text = error.message === "stopped" ? "Stopped. Your text is still there; is there a loop in it that does not end?" : error.message;
      result.replaceChildren(make("p", { className: "live-error", textContent: text }));
    } finally {
      clearTimeout(slow);
      this.busy(false);
      result.scrollIntoView({ block: "nearest" }); // the editor may fill the window
    }
  }

  busy(isBusy) {
    this.stopButton.hidden = !isBusy;
    this.checkButton.disabled = isBusy;
  }

  check() {
    const { name, exercise } = this.current;
    return this.ask("checking …", async () => {
      await this.python.kernel.start(); // its download does not count as slow code
      const answer = await this.python.call("exercises.check", [this.editor.text, exercise, this.progress.values]);
      this.progress.put(answer.progress);
      this.showList();
      const report = make("div", { className: "learn-report", innerHTML: answer.html });
      return [report, ...this.nextStep(answer.passed, name, exercise)];
    });
  }

  nextStep(passed, name, exercise) {
    if (!passed || name.startsWith("bug_")) return [];
    const next = this.exercises[this.exercises.findIndex((each) => each.name === exercise) + 1];
    if (!next) return [make("p", { textContent: "That was the last exercise. Well done." })];
    return [make("p", {}, "Next: ", button(next.name, () => this.open(next.name)), ` ${next.title}`)];
  }

  hint() {
    const given = [...this.texts.querySelectorAll(".learn-hinted")];
    return this.ask("…", async () => {
      const { number, of, text, progress } = await this.python.call("exercises.hint", [this.current.exercise, this.progress.values]);
      this.progress.put(progress);
      const title = `Hint ${number} of ${of}: `;
      const others = given.filter((each) => !each.textContent.startsWith(title)); // the last one is given again
      return [...others, make("p", { className: "learn-hinted" }, make("b", { textContent: title }), text)];
    }, this.texts);
  }

  read(kind) {
    return this.ask("…", async () => {
      const { text } = await this.python.call(`exercises.${kind}`, [this.current.exercise]);
      return [make("pre", { className: "live-code", textContent: text })];
    }, this.texts);
  }

  // ---- files ----

  makeFiles() {
    this.opened = make("input", { type: "file", accept: ".py,.ipynb,.json", "aria-label": "Open a file", onchange: () => this.openFile() });
    this.filed = make("p", { role: "status" });
    return make("section", {},
      make("h2", { textContent: "Your files" }),
      make("p", {}, "What you write and what is solved is kept in this browser. ", make("b", { textContent: "Download all" }),
        " gives a zip file with your files and ", make("code", { textContent: ".albert-np-learn.json" }), ": unpacked into a folder, ",
        make("code", { textContent: "albert-np learn list" }), " and ", make("code", { textContent: "albert-np learn check" }), " go on from there. ",
        make("b", { textContent: "Open" }), " takes such files, and notebooks of the exercises."),
      make("p", { className: "door-buttons" }, button("Download all", () => this.downloadAll(), { id: "learn-all" }),
        make("label", {}, "Open: ", this.opened)),
      this.filed);
  }

  saveFile() {
    save(new Blob([this.editor.text], { type: "text/x-python" }), this.current.name);
  }

  async downloadAll() {
    await this.inFiles(async () => {
      const { path } = await this.python.call("exercises.pack", [this.files.values, this.progress.values]);
      await this.python.download(path, ARCHIVE);
      return `${ARCHIVE} is in your downloads.`;
    });
  }

  async openFile() {
    const [file] = this.opened.files;
    if (!file) return;
    await this.inFiles(async () => {
      const text = await file.text();
      if (file.name.endsWith(".json")) {
        this.progress.put((await this.python.call("exercises.read_progress", [text])).progress);
        this.showList();
        return `The progress in ${file.name} is now that of this page.`;
      }
      const { text: code, exercise, bug } = await this.python.call("exercises.read_file", [file.name, text]);
      const name = bug === null ? `${exercise}.py` : `bug_${bug}.py`;
      const stub = bug === null ? this.byName[exercise].stub : (await this.python.call("exercises.bug", [bug])).text;
      this.files.set(name, code);
      this.show({ name, exercise, stub });
      return `${file.name} is open.`;
    });
    this.opened.value = "";
  }

  async inFiles(action) {
    this.filed.classList.remove("live-error");
    this.filed.textContent = "…";
    try {
      this.filed.textContent = await action();
    } catch (error) {
      this.filed.classList.add("live-error");
      this.filed.textContent = error.message;
    }
  }
}

const place = document.getElementById("live-learn");
if (place) globalThis.learnPage = new ExercisesPage(place, JSON.parse(document.getElementById("live-exercises").textContent));
