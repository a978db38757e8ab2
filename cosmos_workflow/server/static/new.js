// The tab New: clips in rows, uploads one after another, and a draft that survives a reload.
"use strict";

const BATCHES = /\.(csv|json|jsonl|ndjson)$/i;
const MEDIA = /^[0-9a-f]{64}$/;
const DRAFT = "cosmos new run";

const form = byId("new");
const clips = byId("clips");
let rowsMade = 0;

const changed = () => {
  byId("clear").hidden = !clips.children.length;
  keepDraft();
  htmx.trigger(form, "checked");
};

const value = (row, name) => row.querySelector(`[data-name=${name}]`);

// A row for a clip: `video` is the server's id or path of it, empty until the server has it.
function addRow({ video = "", clip = "", prompt = "", whole = false, own = {}, problem = "" }) {
  const row = byId("row").content.cloneNode(true).firstElementChild;
  const key = `${++rowsMade}`;
  value(row, "key").value = key;
  value(row, "clip").value = clip;
  value(row, "own").value = Object.keys(own).length ? JSON.stringify(own) : "";
  value(row, "prompt").value = prompt;
  if (whole) row.dataset.whole = "";
  value(row, "prompt").rows = Math.min(4, prompt.split("\n").length);
  value(row, "prompt").setAttribute("aria-label", `Prompts of ${clip}`);
  row.querySelector(".name").textContent = clip;
  row.querySelector(".verdict").id = `verdict-${key}`;
  row.querySelector(".remove").setAttribute("aria-label", `Remove ${clip}`);
  clips.append(row);
  if (video) show(row, video);
  if (problem) refuse(row, problem);
  return row;
}

// What a clip looks like; a video plays where it stands.
function show(row, video) {
  value(row, "video").value = video;
  const base = MEDIA.test(video) ? `/api/v1/media/${video}/` : "/api/v1/shared/";
  const query = MEDIA.test(video) ? "" : `?path=${encodeURIComponent(video)}`;
  const player = document.createElement("video");
  Object.assign(player, { muted: true, playsInline: true, preload: "none", width: 160, height: 90, tabIndex: 0 });
  player.poster = `${base}thumbnail${query}`;
  player.src = `${base}content${query}`;
  player.setAttribute("aria-label", value(row, "clip").value);
  row.querySelector(".seen").replaceChildren(player);
}

function refuse(row, reason) {
  const line = row.querySelector(".problem");
  line.textContent = reason;
  line.hidden = false;
}

// One upload for all rows that wait for the file.
async function send(rows, file) {
  const bar = rows[0].querySelector("progress");
  bar.hidden = false;
  try {
    if (!file.size) throw new Refused("the file is empty: copy it again");
    const media = await upload(file, (share) => { bar.value = share; });
    for (const row of rows) {
      row.querySelector(".problem").hidden = true;
      show(row, media.id);
    }
    const list = byId("video");
    if (![...list.options].some((option) => option.value === media.id)) {
      list.add(new Option(`${media.name} (${media.width}×${media.height})`, media.id), 1);
    }
  } catch (error) {
    const reason = error instanceof Refused ? error.message : "the server does not answer: drop the file again";
    for (const row of rows) refuse(row, reason);
  } finally {
    bar.hidden = true;
    changed();
  }
}

const baseName = (path) => path.split(/[\\/]/).pop();

// The server's id or path of a clip that a batch names, empty where it has no such clip.
function videoOf(path) {
  const options = [...byId("video").options].filter((option) => option.value);
  const match = options.find((option) => option.value === path)
    || options.find((option) => !MEDIA.test(option.value) && baseName(option.value) === baseName(path))
    || options.find((option) => option.text.replace(/ \(\d+×\d+\)$/, "") === baseName(path));
  return match ? match.value : "";
}

// Clips that are dropped with the batch are `coming`, and come before those that the server has.
async function addBatch(file, coming) {
  const response = await fetch(`/new/batch?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused([answer.where, answer.what, answer.remedy].filter(Boolean).join(": "));
  byId("notes").textContent = answer.notes.join("\n");
  byId("notes").hidden = !answer.notes.length;
  for (const row of answer.rows) {
    const video = coming.has(baseName(row.clip)) ? "" : videoOf(row.clip);
    addRow({ ...row, video, problem: video ? "" : "this clip is not here yet: drop it too" });
  }
}

const waiting = (name) => [...clips.children].filter((row) => !value(row, "video").value
  && row.dataset.sending === undefined && baseName(value(row, "clip").value) === name);

// Batch files first, so that the clips that come with them find their rows.
async function take(files) {
  const batches = files.filter((file) => BATCHES.test(file.name));
  const coming = new Set(files.map((file) => file.name));
  for (const file of batches) {
    try { await addBatch(file, coming); } catch (error) { addRow({ clip: file.name, problem: error.message }); }
  }
  const sending = [];
  for (const file of files.filter((file) => !batches.includes(file))) {
    const open = waiting(file.name);
    const rows = open.length ? open : [addRow({ clip: file.name })];
    for (const row of rows) row.dataset.sending = "";
    sending.push([rows, file]);
  }
  changed();
  for (const [rows, file] of sending) {
    if (rows.some((row) => row.isConnected)) await send(rows, file);
  }
}

for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, async (event) => {
    if (![...event.dataTransfer?.types ?? []].includes("Files")) return;
    event.preventDefault();
    byId("drop").classList.toggle("over", name === "dragover");
    if (name === "drop") take((await filesOf(event.dataTransfer)).map(([, file]) => file));
  });
}

byId("file").addEventListener("change", (event) => {
  event.stopPropagation();
  take([...event.target.files]);
  event.target.value = "";
});

byId("video").addEventListener("change", (event) => {
  event.stopPropagation();
  const option = event.target.selectedOptions[0];
  if (option.value) addRow({ video: option.value, clip: option.text.replace(/ \(\d+×\d+\)$/, "") });
  event.target.selectedIndex = 0;
  changed();
});

clips.addEventListener("click", (event) => {
  if (!event.target.closest(".remove")) return;
  event.target.closest("li").remove();
  changed();
});

byId("clear").addEventListener("click", () => {
  clips.replaceChildren();
  byId("notes").hidden = true;
  changed();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !byId("run").disabled) {
    event.preventDefault();
    byId("run").click();
  }
});

// The rows travel as one field.
form.addEventListener("htmx:configRequest", (event) => {
  event.detail.parameters.rows = JSON.stringify([...clips.children].map((row) => ({
    key: value(row, "key").value, video: value(row, "video").value, clip: value(row, "clip").value,
    prompt: value(row, "prompt").value, whole: row.dataset.whole !== undefined,
    own: JSON.parse(value(row, "own").value || "{}"),
  })));
});

// What is written survives a change of tab and a reload, until it runs.
function keepDraft() {
  const rows = [...clips.children].map((row) => ({
    video: value(row, "video").value, clip: value(row, "clip").value, prompt: value(row, "prompt").value,
    whole: row.dataset.whole !== undefined, own: JSON.parse(value(row, "own").value || "{}"),
    problem: value(row, "video").value ? "" : row.querySelector(".problem").textContent || "the upload was interrupted: drop the file again",
  }));
  const fields = {};
  for (const field of form.elements) {
    if (field.name && !clips.contains(field)) fields[field.name] = field.type === "checkbox" ? field.checked : field.value;
  }
  try { sessionStorage.setItem(DRAFT, JSON.stringify({ rows, fields })); } catch { /* a full or forbidden storage */ }
}

form.addEventListener("input", keepDraft);
form.addEventListener("change", keepDraft);
document.addEventListener("htmx:beforeOnLoad", (event) => {
  if (event.detail.xhr.getResponseHeader("hx-redirect")) sessionStorage.removeItem(DRAFT);
});

document.addEventListener("DOMContentLoaded", () => {
  const given = JSON.parse(form.dataset.rows);
  const draft = given.length ? {} : JSON.parse(sessionStorage.getItem(DRAFT) || "{}");
  for (const [name, saved] of Object.entries(draft.fields || {})) {
    const field = form.elements[name];
    if (field && field.type === "checkbox") field.checked = saved;
    else if (field) field.value = saved;
  }
  for (const row of [...given, ...draft.rows || []]) addRow(row);
  for (const row of given.length ? clips.children : []) {
    if (!value(row, "video").value) refuse(row, "this clip is no longer here: drop it again");
  }
  changed();
});
