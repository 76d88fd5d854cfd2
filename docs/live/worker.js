/* The worker of kernel.js: Pyodide, the package, the files of the notebooks, and one request after another.

live.json beside this file says what is loaded, and from where: docs/made/live writes it.
SciPy, matplotlib and large files are fetched when Python imports or opens them: a worker may wait for a download (FS.createLazyFile
and synchronous requests), so a cell's text need not be searched for what it will need.
*/

let python, kernel, settings, lock;
let ready = false;
let signal; // the byte that kernel.js writes to interrupt the code, where pages can share memory
let current = 0; // the number of the request that runs
let forgotten = [0, 0]; // requests after the first and up to the second are not done
const packages = new Set(); // those that are installed
const SITE = "/lib/python3.12/site-packages";
const say = (kind, more = {}, transfer = []) => postMessage({ kind, ...more }, transfer);

onmessage = (() => {
  let last = Promise.resolve();
  return ({ data }) => {
    if (data.kind === "forget") forgotten = [data.after, data.upTo];
    else last = last.then(() => (data.kind === "start" ? start(data) : answer(data)));
  };
})();

async function answer(data) {
  if (!ready || (data.number > forgotten[0] && data.number <= forgotten[1])) return;
  current = data.number;
  if (signal) signal[0] = 0; // an interruption that came too late
  try {
    const value = await HANDLERS[data.kind](data);
    say("done", { number: data.number, value });
  } catch (error) {
    const message = String(error.message ?? error);
    if (error.pyodide_fatal_error || error instanceof WebAssembly.RuntimeError) say("failed", { message });
    else say("done", { number: data.number, error: { message, name: error.type ?? error.name } });
  }
}

const HANDLERS = {
  ping: () => true,
  run: ({ code, title }) => {
    const from = performance.now();
    const ok = kernel.run_cell(code, title);
    return { ok, seconds: (performance.now() - from) / 1000, interrupted: false };
  },
  call: ({ name, args }) => kernel.call(name, args),
  writeFile: ({ path, content }) => {
    python.FS.mkdirTree(path.slice(0, path.lastIndexOf("/")) || "/");
    python.FS.writeFile(path, typeof content === "string" ? content : new Uint8Array(content));
  },
  readFile: ({ path }) => python.FS.readFile(path),
  removeFile: ({ path }) => python.FS.unlink(path),
  listFiles: ({ path }) => python.FS.readdir(path).filter((name) => name !== "." && name !== ".."),
};

// ---- the start ----

async function start({ packages: wanted, signal: shared }) {
  signal = shared;
  try {
    settings = await (await get(new URL("live.json", import.meta.url), { cache: "no-cache" })).json(); // it may have changed
    const [core, runtime] = [settings.core, settings.runtime].map((url) => new URL(url, import.meta.url).href);
    for (const name of wanted) settings.total += settings.packages[name] + (name === "scipy" ? settings.packages.openblas : 0);
    const countNoMore = countDownloads(core);
    const [main, asm] = ["pyodide.mjs", "pyodide.asm.js"].map((name) => download(core + name));
    lock = (await (await get(core + "pyodide-lock.json")).json()).packages;
    const archives = settings.archives.map(({ url, at }) => ({ at, bytes: download(new URL(url, import.meta.url)) }));
    const first = closure(["numpy", ...wanted]).map((name) => ({ name, bytes: download(runtime + lock[name].file_name) }));
    await importScript(await asm); // loadPyodide would import it from its address, without a check
    const { loadPyodide } = await importScript(await main);
    python = await loadPyodide({ indexURL: core, stdout: print("stdout"), stderr: print("stderr") });
    for (const { at, bytes } of archives) {
      python.FS.mkdirTree(at);
      python.unpackArchive(await bytes, "zip", { extractDir: at });
    }
    for (const { url, path } of settings.lazy) {
      const folder = path.slice(0, path.lastIndexOf("/"));
      python.FS.mkdirTree(folder);
      python.FS.createLazyFile(folder, path.slice(folder.length + 1), new URL(url, import.meta.url).href, true, false);
    }
    python.registerJsModule("live_worker", {
      send: (text) => say("output", { number: current, output: JSON.parse(text) }),
      install: installNow,
      packages: Object.keys(settings.packages),
    });
    kernel = python.pyimport("live_kernel");
    for (const { name, bytes } of first) {
      kernel.check_package(new Uint8Array(await bytes), lock[name].sha256, lock[name].file_name);
      install(name, await bytes);
    }
    countNoMore();
    say("loading", { message: "starting Python", loaded: settings.total, total: settings.total });
    kernel.warm_up(wanted);
    if (signal) python.setInterruptBuffer(signal);
    ready = true;
    say("started");
    say("busy");
  } catch (error) {
    say("failed", { message: String(error.message ?? error) });
  }
}

/* For what is printed past sys.stdout and sys.stderr, line by line. */
const print = (name) => (text) => current && say("output", { number: current, output: { output_type: "stream", name, text: text + "\n" } });

async function get(url, options) {
  const response = await fetch(url, options).catch(() => undefined);
  if (!response?.ok) throw new Error(`${url} cannot be loaded${response ? ` (status ${response.status})` : ": is there a network?"}`);
  return response;
}

function importScript(bytes) {
  const url = URL.createObjectURL(new Blob([bytes], { type: "text/javascript" }));
  return import(url).finally(() => URL.revokeObjectURL(url));
}

/* The bytes of a file, which are downloaded from now on; an error is raised where they are awaited. */
function download(url) {
  const bytes = get(url).then((response) => response.arrayBuffer());
  bytes.catch(() => {});
  return bytes;
}

/* Report the progress of all downloads. Files of the core are compared with their checksum (settings.integrity), and unpacked where
they are stored packed (settings.packed). Returns a function that ends it. */
function countDownloads(core) {
  const direct = self.fetch.bind(self);
  let loaded = 0;
  self.fetch = async (target, options) => {
    const url = String(target.url ?? target);
    const name = url.startsWith(core) ? url.slice(core.length) : "";
    const packed = settings.packed.includes(name);
    const integrity = settings.integrity[name];
    const response = await direct(packed ? url + ".packed" : target, integrity ? { ...options, integrity } : options).catch((error) => {
      if (name) say("failed", { message: `${url} cannot be loaded${integrity ? ", or is not the file that this site was made for" : ""}` });
      throw error; // Pyodide would wait for ever
    });
    if (name && !response.ok) say("failed", { message: `${url} cannot be loaded (status ${response.status})` });
    if (!response.ok || !response.body) return response;
    const count = new TransformStream({
      transform(chunk, controller) {
        loaded += chunk.byteLength;
        say("loading", { message: "loading Python", loaded: Math.min(loaded, settings.total), total: settings.total });
        controller.enqueue(chunk);
      },
    });
    let body = response.body;
    if (packed) body = body.pipeThrough(new DecompressionStream("gzip"));
    const headers = new Headers(response.headers);
    if (packed) headers.set("Content-Type", "application/wasm"); // compiled while it arrives
    return new Response(body.pipeThrough(count), { status: response.status, headers });
  };
  return () => (self.fetch = direct);
}

// ---- packages of the runtime ----

/* These packages of the lock file and what they need, the needed first, without those that are installed. */
function closure(names, found = []) {
  for (const name of names) {
    if (found.includes(name) || packages.has(name)) continue;
    closure(lock[name].depends, found);
    found.push(name);
  }
  return found;
}

function install(name, bytes) {
  const { install_dir, file_name, package_type } = lock[name];
  const at = install_dir === "site" ? SITE : "/usr/lib";
  python.unpackArchive(bytes, file_name.endsWith(".whl") ? "wheel" : "zip", { extractDir: at });
  if (package_type === "shared_library") {
    for (const library of python.FS.readdir(at).filter((each) => each.endsWith(".so"))) {
      const fs = { findObject: () => true, readFile: () => python.FS.readFile(`${at}/${library}`) };
      python._module.loadDynamicLibrary(library, { loadAsync: false, global: true, nodelete: true, allowUndefined: true, fs });
    }
  }
  packages.add(name);
}

/* Install a package while Python waits: live_kernel calls this on the first import. */
function installNow(name) {
  const names = closure([name]);
  const runtime = new URL(settings.runtime, import.meta.url).href;
  const total = names.reduce((sum, each) => sum + (settings.packages[each] ?? 0), 0);
  let loaded = 0;
  for (const each of names) {
    say("loading", { message: `loading ${name}`, loaded, total });
    const request = new XMLHttpRequest();
    request.open("GET", runtime + lock[each].file_name, false);
    request.responseType = "arraybuffer";
    try {
      request.send();
    } catch {
      throw new Error(`${runtime + lock[each].file_name} cannot be loaded: is there a network?`);
    }
    if (request.status !== 200) throw new Error(`${runtime + lock[each].file_name} cannot be loaded (status ${request.status})`);
    kernel.check_package(new Uint8Array(request.response), lock[each].sha256, lock[each].file_name);
    install(each, request.response);
    loaded += request.response.byteLength;
  }
  say("busy");
}
