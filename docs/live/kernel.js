/* A Python of its own for one page: Pyodide in a web worker, which this module starts and talks to.

    const kernel = startKernel({ root: "../_static/live/", onState: (state) => ... });
    await kernel.run("1 + 1", { onOutput: (output) => ... });          // { ok: true, seconds: 0.1 }
    await kernel.call("package.module.function", [1, { "a": 2 }]);     // what it returns, through JSON
    kernel.interrupt();    kernel.reset();
    await kernel.writeFile("/home/pyodide/notebooks/x.txt", "text or bytes");    await kernel.readFile(path);    // Uint8Array

Nothing is downloaded before the first run, call, file or `start()`. What is asked for is done in that order, one after another.
Kernels share nothing; a page can have several.

onState receives { state, message, loaded, total, interruptible }:
    stopped       no Python runs; message says why where it was stopped
    loading       message says what; loaded and total are bytes (0 where they are unknown)
    ready, busy
    interrupted   interrupt() was called, and the code has not stopped yet
    failed        Python could not be started, or broke down; message says why. The next run starts a new one

Outputs are those of a notebook (nbformat): { output_type: "stream", name, text }, { output_type: "display_data" or
"execute_result", data: { mime type: text }, metadata }, { output_type: "error", ename, evalue, traceback: [text] }, and from the
protocol of its kernels { output_type: "update_display_data", display_id, data } and { output_type: "clear_output", wait }.

Interruption. A worker that computes receives no messages. Where the page is cross-origin isolated (the server sends the headers
Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp), both share a byte, and interrupt() raises
KeyboardInterrupt in the code: variables are kept. A plain static server sends no such headers; then interrupt() ends the worker,
the variables are lost, and the next run starts a new one. state.interruptible says which it is.
*/

export function startKernel(options) {
  return new Kernel(options);
}

export class Interrupted extends Error {}

class Kernel {
  /* root: the folder of this file. packages: of the runtime, loaded at the start and not when they are imported first; with
  "scipy" among them, its BLAS computes the matrix products of the package, several times faster. */
  constructor({ root, onState = () => {}, packages = [] }) {
    this.root = new URL(root, document.baseURI).href;
    this.packages = packages;
    this.onState = onState;
    this.waiting = new Map(); // number of a request -> { resolve, reject, onOutput }
    this.count = 0;
    this.setState("stopped");
  }

  get interruptible() {
    return globalThis.crossOriginIsolated === true && typeof SharedArrayBuffer === "function";
  }

  setState(state, more = {}) {
    this.state = { state, message: "", loaded: 0, total: 0, interruptible: this.interruptible, ...more };
    this.onState(this.state);
  }

  /* Load Python; resolves when it is ready. */
  start() {
    return this.request("ping", {});
  }

  /* Run the code of a cell -> { ok, seconds, interrupted }; what it prints and shows is given to onOutput as it comes.
  title: of the cell, in tracebacks. */
  run(code, { onOutput = () => {}, title = "" } = {}) {
    return this.request("run", { code, title }, onOutput);
  }

  /* Call a function by its full name, with a list of positional or an object of keyword arguments. Rejects with its error. */
  call(name, args = [], { onOutput = () => {} } = {}) {
    return this.request("call", { name, args: JSON.stringify(args) }, onOutput).then((text) => JSON.parse(text));
  }

  writeFile(path, content) {
    return this.request("writeFile", { path, content });
  }

  readFile(path) {
    return this.request("readFile", { path });
  }

  removeFile(path) {
    return this.request("removeFile", { path });
  }

  /* The names in a folder. */
  listFiles(path) {
    return this.request("listFiles", { path });
  }

  /* Stop what runs, and forget what waits. What stops without an answer resolves to { ok: false, interrupted: true }. */
  interrupt() {
    if (!this.worker) return;
    if (!this.interruptible || !this.started) {
      this.end("The code was stopped, and Python with it: its variables are gone.");
      return;
    }
    const [first, ...others] = this.waiting.keys();
    others.forEach((number) => this.answer(number, { ok: false, seconds: 0, interrupted: true }));
    this.worker.postMessage({ kind: "forget", after: first, upTo: this.count });
    if (first !== undefined) {
      this.signal[0] = 2; // SIGINT
      this.setState("interrupted", { message: "stopping" });
    }
  }

  /* End this Python; the next run starts a new one. */
  reset() {
    this.end("");
  }

  end(message) {
    this.worker?.terminate();
    this.worker = undefined;
    [...this.waiting.keys()].forEach((number) => this.answer(number, { ok: false, seconds: 0, interrupted: true }));
    this.setState("stopped", { message });
  }

  request(kind, content, onOutput) {
    this.worker ??= this.newWorker();
    const number = ++this.count;
    this.worker.postMessage({ kind, number, ...content });
    if (this.started && this.state.state === "ready") this.setState("busy");
    return new Promise((resolve, reject) => this.waiting.set(number, { kind, resolve, reject, onOutput }));
  }

  answer(number, value, error) {
    const request = this.waiting.get(number);
    this.waiting.delete(number);
    if (!request) return;
    if (error) request.reject(error);
    else if (value?.interrupted && request.kind !== "run") request.reject(new Interrupted("stopped"));
    else request.resolve(value);
  }

  newWorker() {
    this.started = false;
    this.setState("loading", { message: "starting" });
    const worker = new Worker(new URL("worker.js", this.root), { type: "module" });
    this.signal = this.interruptible ? new Uint8Array(new SharedArrayBuffer(1)) : undefined;
    worker.onmessage = ({ data }) => worker === this.worker && this.receive(data);
    worker.onerror = (event) => {
      event.preventDefault?.();
      if (worker === this.worker) this.fail(event.message || `${this.root}worker.js could not be loaded`);
    };
    worker.postMessage({ kind: "start", packages: this.packages, signal: this.signal });
    return worker;
  }

  receive(data) {
    if (data.kind === "output") this.waiting.get(data.number)?.onOutput?.(data.output);
    else if (data.kind === "loading") this.setState("loading", data);
    else if (data.kind === "started") this.started = true;
    else if (data.kind === "busy") this.setState("busy");
    else if (data.kind === "failed") this.fail(data.message);
    else if (data.kind === "done") {
      const error = data.error && Object.assign(new Error(data.error.message), data.error);
      this.answer(data.number, data.value, error);
      if (!this.waiting.size) this.setState("ready");
    }
  }

  fail(message) {
    this.worker?.terminate();
    this.worker = undefined;
    const error = new Error(message);
    [...this.waiting.keys()].forEach((number) => this.answer(number, undefined, error));
    this.setState("failed", { message });
  }
}
