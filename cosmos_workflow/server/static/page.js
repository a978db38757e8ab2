// What HTMX has no attribute for: uploads, a remedy's button, copying, a server that is gone.
"use strict";

const PIECE = 8 * 1024 * 1024;
const RETRIES = [500, 1000, 2000, 4000, 8000]; // ms, while the line is broken

const byId = (id) => document.getElementById(id);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class Refused extends Error {}

async function ask(method, path, body) {
  const json = body !== undefined && !(body instanceof Blob);
  const response = await fetch(`/api/v1${path}`, {
    method,
    headers: json ? { "content-type": "application/json" } : {},
    body: json ? JSON.stringify(body) : body,
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Refused([answer.where, answer.what, answer.remedy].filter(Boolean).join(": ") || response.statusText);
  }
  return answer;
}

async function upload(file, onProgress) {
  let state = await ask("POST", "/uploads", { name: file.name, size: file.size });
  for (let broken = 0; !state.media;) {
    onProgress(state.offset / file.size);
    try {
      const piece = file.slice(state.offset, state.offset + PIECE);
      state = await ask("PATCH", `/uploads/${state.id}?offset=${state.offset}`, piece);
      broken = 0;
    } catch (error) {
      if (error instanceof Refused || broken === RETRIES.length) throw error;
      await pause(RETRIES[broken++]);
      state = await ask("GET", `/uploads/${state.id}`).catch(() => state);
    }
  }
  onProgress(1);
  return state.media;
}

// The files of a drop, those inside folders too, each with its path.
async function filesOf(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => [file.name, file]);
  const files = [];
  const walk = async (entry) => {
    if (entry.isFile) {
      const file = await new Promise((done, failed) => entry.file(done, failed));
      if (!file.name.startsWith(".")) files.push([entry.fullPath.replace(/^\/+/, ""), file]);
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const entries = await new Promise((done, failed) => reader.readEntries(done, failed));
      if (!entries.length) return;
      for (const inner of entries.sort((a, b) => a.name.localeCompare(b.name))) await walk(inner);
    }
  };
  for (const entry of entries) await walk(entry);
  return files;
}

// Browsers let a page that came over plain HTTP copy only the old way.
async function copy(text) {
  if (navigator.clipboard) {
    try { await navigator.clipboard.writeText(text); return true; } catch { /* forbidden: the old way */ }
  }
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.set) {
    const field = button.closest("form").elements[button.dataset.set];
    if (field) {
      field.value = button.dataset.value;
      field.dispatchEvent(new Event("change", { bubbles: true }));
    }
  }
  if (button.dataset.copy !== undefined) {
    const copied = await copy(button.dataset.copy);
    const label = button.textContent;
    button.textContent = copied ? "Copied" : "Select it and press Ctrl+C";
    setTimeout(() => { button.textContent = label; }, 1500);
  }
  if (button.dataset.play !== undefined) {
    const videos = [...button.closest("li").querySelectorAll(".files video")];
    for (const video of videos) { video.pause(); video.currentTime = 0; }
    for (const video of videos) video.play().catch(() => {}); // one that cannot be played says so itself
  }
  if (button.dataset.clear) {
    for (const star of button.closest("form").querySelectorAll("[name=rating]")) star.checked = false;
    button.closest("form").dispatchEvent(new Event("change", { bubbles: true }));
  }
});

// What was unfolded stays so when its part of the page comes anew.
let unfolded = [];
document.addEventListener("htmx:beforeSwap", (event) => {
  unfolded = [...event.detail.target.querySelectorAll("details[open][id]")].map((details) => details.id);
});
document.addEventListener("htmx:afterSwap", () => {
  for (const id of unfolded) byId(id)?.setAttribute("open", "");
});

// A refusal is shown where its answer would have been.
document.addEventListener("htmx:responseError", (event) => {
  let problem = {};
  try { problem = JSON.parse(event.detail.xhr.responseText); } catch { /* no Problem */ }
  const line = document.createElement("p");
  line.className = "problem";
  line.setAttribute("role", "alert");
  line.textContent = [problem.what || `the server answers ${event.detail.xhr.status}`, problem.remedy].filter(Boolean).join("; ");
  event.detail.target.prepend(line);
});

// What was typed while the scripts were still on their way is searched too.
document.addEventListener("DOMContentLoaded", () => {
  for (const field of document.querySelectorAll("input[type=search]")) {
    if (field.value !== field.defaultValue) field.dispatchEvent(new Event("input", { bubbles: true }));
  }
});

// Times are shown in the reader's own time zone.
function showTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    time.textContent = new Date(time.dateTime).toLocaleString([], {
      year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
    });
  }
}
document.addEventListener("DOMContentLoaded", () => showTimes(document));
document.addEventListener("htmx:afterSettle", () => showTimes(document));

// A tag or a star says when it is saved.
document.addEventListener("htmx:afterRequest", (event) => {
  const note = event.target.querySelector?.(":scope > .kept");
  if (!note) return;
  note.textContent = event.detail.successful ? "saved" : "not saved";
  setTimeout(() => { note.textContent = ""; }, 3000);
});

// The page says that the server is gone, and continues when it is back.
const LOOK = 2000; // ms
async function look() {
  let alive = false;
  try { alive = (await fetch("/api/v1/health", { signal: AbortSignal.timeout(LOOK) })).ok; } catch { /* gone */ }
  const gone = byId("gone");
  if (alive && !gone.hidden) document.body.dispatchEvent(new Event("back"));
  gone.hidden = alive;
  setTimeout(look, LOOK);
}
setTimeout(look, LOOK);

// Ticked rows: all, or from the last one to this one with Shift.
let ticked = null;
document.addEventListener("click", (event) => {
  const box = event.target.closest("input[type=checkbox][name=number]");
  if (!box) return;
  const boxes = [...document.querySelectorAll("input[type=checkbox][name=number]")];
  if (event.shiftKey && ticked?.isConnected) {
    const [from, to] = [boxes.indexOf(ticked), boxes.indexOf(box)].sort((a, b) => a - b);
    for (const between of boxes.slice(from, to + 1)) between.checked = box.checked;
  }
  ticked = box;
});
document.addEventListener("change", (event) => {
  if (event.target.id === "tick-all") {
    for (const box of document.querySelectorAll("input[type=checkbox][name=number]")) box.checked = event.target.checked;
  }
});

// A player shows its picture, and its controls once a hand or the keyboard comes to it.
for (const name of ["pointerover", "focusin"]) {
  document.addEventListener(name, (event) => {
    if (event.target instanceof HTMLVideoElement) event.target.controls = true;
  });
}
for (const name of ["pointerout", "focusout"]) {
  document.addEventListener(name, (event) => {
    const player = event.target;
    if (player instanceof HTMLVideoElement && player.paused && document.activeElement !== player) player.controls = false;
  });
}
