/* What the live pages use of CodeMirror 6 and marked. `make editor` bundles it with them into ../editor.js. */

import { closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { python, pythonLanguage } from "@codemirror/lang-python";
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { EditorState, Prec } from "@codemirror/state";
import { drawSelection, EditorView, keymap } from "@codemirror/view";
import { classHighlighter, highlightCode } from "@lezer/highlight";
import { Marked } from "marked";

/* An editor of Python in `parent`: { text, focus(), remove() }; text can be read and set. label: for screen readers.
keys: { "Shift-Enter": function, ... }; onChange(text) follows each change. Tab indents; after Escape it leaves the editor. */
export function newEditor({ parent, text, label, keys = {}, onChange = () => {} }) {
  const bindings = Object.entries(keys).map(([key, action]) => ({ key, preventDefault: true, run: () => (action(), true) }));
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        Prec.highest(keymap.of(bindings)),
        history(),
        drawSelection(),
        EditorState.allowMultipleSelections.of(true),
        indentOnInput(),
        indentUnit.of("    "),
        bracketMatching(),
        closeBrackets(),
        python(),
        syntaxHighlighting(classHighlighter),
        keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, indentWithTab]),
        EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false", autocapitalize: "off" }),
        EditorView.updateListener.of((update) => update.docChanged && onChange(update.state.doc.toString())),
      ],
    }),
  });
  return {
    get text() {
      return view.state.doc.toString();
    },
    set text(value) {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: value } });
    },
    focus: () => view.focus(),
    remove: () => view.destroy(),
  };
}

const escapeHtml = (text) => text.replace(/[&<>"]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[sign]);

/* The HTML of a piece of Python, with the classes of the editor's colours. */
export function highlightPython(code) {
  let html = "";
  const put = (text, classes) => (html += classes ? `<span class="${classes}">${escapeHtml(text)}</span>` : escapeHtml(text));
  highlightCode(code, pythonLanguage.parser.parse(code), classHighlighter, put, () => (html += "\n"));
  return html;
}

const marked = new Marked({
  renderer: {
    code: ({ text, lang }) => `<pre class="live-code">${lang === "python" ? highlightPython(text) : escapeHtml(text)}</pre>\n`,
  },
});

/* The HTML of a Markdown text. */
export const renderMarkdown = (text) => marked.parse(text);
