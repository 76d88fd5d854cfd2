/* Parts that the pages of the training run and of the exercises share: elements, the state of Python in a corner, files. */

import { startKernel } from "./kernel.js";

export const ROOT = new URL("./", import.meta.url).href;
const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element && name !== "list") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export const button = (text, onclick, properties = {}) => make("button", { type: "button", textContent: text, onclick, ...properties });

/* Python for a page: `call` rejects with a message that can be shown. onGone is called when Python was ended, with its variables. */
export class Python {
  constructor({ onGone = () => {} } = {}) {
    this.onGone = onGone;
    this.panel = new Panel(this);
    this.kernel = startKernel({ root: ROOT, onState: (state) => this.show(state) });
  }

  show(state) {
    this.state = state;
    this.panel.show(state);
    if (state.state === "stopped" || state.state === "failed") this.onGone(state.message);
  }

  async call(name, args = []) {
    const result = await this.kernel.call(`albert_np.apps.live.${name}`, args).catch((error) => {
      throw new Error(lastLine(error.message));
    });
    if (result?.error) throw new Error(result.error);
    return result;
  }

  /* Save a file of Python's as a download. */
  async download(path, name) {
    const data = await this.kernel.readFile(path);
    save(new Blob([data]), name);
  }

  stop() {
    this.kernel.interrupt();
  }
}

/* Python's tracebacks end with the message. */
const lastLine = (text) => text.trim().split("\n").at(-1);

export function save(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

class Panel {
  constructor(python) {
    this.text = make("span", { role: "status" });
    this.progress = make("progress");
    this.stop = button("Stop Python", () => python.stop(), { title: "End what runs; what Python has computed is lost" });
    this.element = make("div", { id: "live-panel", hidden: true }, this.text, this.progress, this.stop);
    document.body.append(this.element);
  }

  show({ state, message, loaded, total }) {
    if (state !== "stopped") this.element.hidden = false;
    this.element.dataset.state = state;
    this.progress.hidden = state !== "loading";
    if (total) Object.assign(this.progress, { max: total, value: loaded });
    this.stop.hidden = state !== "busy" && state !== "loading";
    this.text.textContent = {
      loading: total ? `${message}: ${megabytes(loaded)} of ${megabytes(total)} MB` : message,
      busy: "Python is computing",
      interrupted: "stopping …",
      failed: `Python could not be started: ${message}`,
      stopped: message || "Python is stopped",
      ready: "Python is ready",
    }[state];
  }
}
