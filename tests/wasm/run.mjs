// Start Pyodide in Node, install wheels, and run one Python file: node run.mjs JOB.json. The job is written by run.py.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const job = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const { loadPyodide } = await import(pathToFileURL(path.join(job.pyodide, "pyodide.mjs")));
const python = await loadPyodide({ packageCacheDir: job.pyodide, env: { HOME: "/home/pyodide", ...job.environment } });
await python.loadPackage(job.load, { messageCallback: () => {}, checkIntegrity: true });

for (const [where, root] of Object.entries(job.mounts)) {
  python.FS.mkdirTree(where);
  python.FS.mount(python.FS.filesystems.NODEFS, { root }, where);
}
const install = python.pyimport("micropip").install;
for (const wheel of job.wheels) {
  const copy = "/tmp/" + path.basename(wheel);
  python.FS.writeFile(copy, fs.readFileSync(wheel));
  // It checks that the wheel suits this platform, and the last one, the package itself, that all it requires is there.
  await install.callKwargs("emfs:" + copy, { deps: wheel === job.wheels.at(-1) });
}
python.globals.set("arguments", python.toPy(job.arguments));
try {
  const code = await python.runPythonAsync(fs.readFileSync(job.program, "utf8"), { filename: job.program });
  const { user, system } = process.cpuUsage();
  console.error(`Node: ${Math.round((user + system) / 1e6)} seconds of the processor`);
  process.exit(code ?? 0);
} catch (error) {
  console.error(String(error));
  process.exit(3);
}
