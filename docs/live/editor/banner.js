/* Built by `make editor` from docs/live/editor: CodeMirror 6 and Lezer (Marijn Haverbeke and others), style-mod, w3c-keyname, crelt, marked (the marked authors); all under the MIT licence. */
