// Prints the licences of the packages that are bundled into editor.js.
import { readdirSync, readFileSync } from "node:fs";

const lock = JSON.parse(readFileSync("package-lock.json"));
for (const [path, { version, dev, license }] of Object.entries(lock.packages)) {
  if (!path || dev) continue;
  const file = readdirSync(path).find((name) => /^licen[cs]e/i.test(name));
  console.log(`==== ${path.replace("node_modules/", "")} ${version} (${license}) ====\n\n${readFileSync(`${path}/${file}`, "utf8").trim()}\n`);
}
