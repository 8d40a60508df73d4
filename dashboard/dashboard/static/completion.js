// Completion of keys and values in editors of YAML; the library's editor has the list that shows them.
import {EditorState, StateEffect, tooltips} from "nicegui-codemirror";

const parentsOf = (doc, line, indent) => {
  const names = [];
  for (let number = line.number - 1; number > 0 && indent > 0; number--) {
    const [, spaces, name] = doc.line(number).text.match(/^( *)([\w-]+):/) ?? [];
    if (name !== undefined && spaces.length < indent) {
      names.unshift(name);
      indent = spaces.length;
    }
  }
  return names;
};

const makeSource = (keys) => (context) => {
  const line = context.state.doc.lineAt(context.pos);
  const before = line.text.slice(0, context.pos - line.from);
  const [, spaces, name, typed] = before.match(/^( *)(?:([\w-]+): +)?([\w-]*)$/) ?? [];
  if (spaces === undefined || (!typed && !name && !context.explicit)) return null;
  const path = parentsOf(context.state.doc, line, spaces.length).map((each) => `${each}.`).join("");
  const from = context.pos - typed.length;
  const validFor = /^[\w-]*$/;
  if (name !== undefined) {
    const values = keys.find((each) => each.key === path + name)?.values ?? [];
    return {from, validFor, options: values.map((label) => ({label, type: "enum"}))};
  }
  const options = keys
    .filter((each) => each.key.startsWith(path) && !each.key.slice(path.length).includes("."))
    .map((each) => {
      const label = each.key.slice(path.length);
      return {label, type: "property", detail: each.kind, info: each.description, apply: `${label}: `};
    });
  return {from, validFor, options};
};

// Offer the keys in the editor of a NiceGUI element; each has `key` (with the keys that it is in: "a.b"), `kind`, `description` and `values`.
export const completeKeys = async (id, keys) => {
  const element = getElement(id);
  const editor = element && (await element.editorPromise);
  const source = {autocomplete: makeSource(keys)};
  // The frame of the editor would cut the list off.
  const added = [EditorState.languageData.of(() => [source]), tooltips({parent: document.body})];
  editor?.dispatch({effects: StateEffect.appendConfig.of(added)});
};
