/* The outputs of a cell, shown as the site shows those of a notebook. */

const ORDER = [
  "text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/latex", "application/javascript", "text/plain",
  "application/json",
];

export class Outputs {
  /* helpers: the module editor.js. */
  constructor(helpers) {
    this.helpers = helpers;
    this.element = document.createElement("div");
    this.element.className = "cell_output docutils container live-output";
    this.byId = new Map();
  }

  clear() {
    this.element.replaceChildren();
    this.byId.clear();
    this.stream = undefined;
  }

  append(element) {
    if (this.clearNext) this.clear();
    this.clearNext = false;
    this.stream = undefined;
    this.element.append(element);
    return element;
  }

  add(output) {
    switch (output.output_type) {
      case "stream":
        return this.addStream(output.name, output.text);
      case "error":
        return this.append(textBlock("output traceback live-error", withoutColours(output.traceback.join("\n")).trimEnd()));
      case "clear_output":
        if (output.wait) this.clearNext = true;
        else this.clear();
        return undefined;
      case "update_display_data":
        for (const place of this.byId.get(output.display_id) ?? []) this.fill(place, output.data);
        return undefined;
      default: {
        const place = this.append(document.createElement("div"));
        const id = output.transient?.display_id;
        if (id) this.byId.set(id, [...(this.byId.get(id) ?? []), place]);
        return this.fill(place, output.data);
      }
    }
  }

  /* Text that follows text of the same stream continues it; after \r the line is written again. */
  addStream(name, text) {
    if (this.stream?.name !== name || this.clearNext) {
      const element = this.append(textBlock(`output ${name === "stderr" ? "stderr" : "stream"}`, ""));
      this.stream = { name, pre: element.querySelector("pre"), text: "" };
    }
    const { stream } = this;
    stream.text = (stream.text + withoutColours(text)).replace(/^.*\r(?=[^\n])/gm, "");
    stream.pre.textContent = stream.text;
  }

  fill(place, data) {
    const mime = ORDER.find((each) => data[each] !== undefined && data[each] !== "");
    const value = Array.isArray(data[mime]) ? data[mime].join("") : data[mime];
    place.replaceChildren();
    place.className = "";
    if (mime === undefined) return;
    if (mime === "text/plain") place.replaceChildren(textBlock("output text_plain", value));
    else if (mime === "application/json") place.replaceChildren(textBlock("output text_plain", JSON.stringify(value, null, 1)));
    else if (mime === "image/svg+xml" || mime === "text/html") this.fillHtml(place, value);
    else if (mime === "text/markdown") this.fillHtml(place, this.helpers.renderMarkdown(value));
    else if (mime === "text/latex") this.fillHtml(place, escapeHtml(value).replace(/^\$\$?([^]*?)\$?\$$/, "\\($1\\)"));
    else if (mime === "application/javascript") place.replaceChildren(script(value));
    else {
      const picture = Object.assign(new Image(), { src: `data:${mime};base64,${value}` });
      picture.alt = (data["text/plain"] ?? "").startsWith("<Figure") ? "Figure drawn by the cell above" : (data["text/plain"] ?? "");
      place.className = "output image_png";
      place.append(picture);
    }
  }

  fillHtml(place, html) {
    place.className = "output text_html";
    place.innerHTML = html;
    for (const old of place.querySelectorAll("script")) {
      old.replaceWith(Object.assign(script(old.textContent), old.src ? { src: old.src } : {})); // those of innerHTML do not run
    }
    if (/\\\(|\\\[|\$\$/.test(html)) window.MathJax?.typesetPromise?.([place]);
  }
}

const script = (code) => Object.assign(document.createElement("script"), { textContent: code });
const escapeHtml = (text) => text.replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]);
const withoutColours = (text) => text.replace(/\x1b\[[0-9;]*[A-Za-z]/g, "");

function textBlock(name, text) {
  const pre = Object.assign(document.createElement("pre"), { textContent: text });
  const inner = Object.assign(document.createElement("div"), { className: "highlight" });
  const outer = Object.assign(document.createElement("div"), { className: `${name} highlight-myst-ansi notranslate` });
  inner.append(pre);
  outer.append(inner);
  return outer;
}
