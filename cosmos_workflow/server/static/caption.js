// The page of a caption: its bars take the clip to their times, and follow what is typed.
"use strict";

const clip = () => byId("caption-clip");

// Seconds of "0:00-0:04"; null for what is no span.
function spanOf(text) {
  const match = /^(\d{1,3}):([0-5]\d(?:\.\d{1,3})?)-(\d{1,3}):([0-5]\d(?:\.\d{1,3})?)$/.exec(text.trim());
  if (!match) return null;
  const [start, end] = [60 * match[1] + Number(match[2]), 60 * match[3] + Number(match[4])];
  return start <= end ? [start, end] : null;
}

function written(seconds) {
  const hundredths = Math.round(seconds * 100);
  const rest = hundredths % 6000;
  const part = rest % 100 ? `.${String(rest % 100).padStart(2, "0")}`.replace(/0$/, "") : "";
  return `${Math.floor(hundredths / 6000)}:${String(Math.floor(rest / 100)).padStart(2, "0")}${part}`;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-seek]");
  const video = clip();
  if (!link || !video || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  video.currentTime = Number(link.dataset.seek);
  video.scrollIntoView({ block: "nearest" });
});

// The line runs with the clip.
function showPlayhead() {
  const [video, timeline, line] = [clip(), byId("timeline"), byId("playhead")];
  if (!video || !timeline || !line) return;
  const share = video.currentTime / Number(timeline.dataset.speed) / Number(timeline.dataset.seconds);
  const place = `${Math.min(100, 100 * share)}%`;
  line.setAttribute("x1", place);
  line.setAttribute("x2", place);
  line.setAttribute("visibility", "visible");
}
document.addEventListener("timeupdate", showPlayhead, true);
document.addEventListener("seeked", showPlayhead, true);

// A bar moves to the time that is typed.
function moveBar(field) {
  const timeline = byId("timeline");
  const bar = timeline?.querySelector(`[data-field="${CSS.escape(field.dataset.time)}"]`);
  const span = spanOf(field.value);
  field.toggleAttribute("data-wrong", !span);
  if (!bar || !span) return;
  const seconds = Number(timeline.dataset.seconds);
  const left = Math.min(99.4, 100 * span[0] / seconds);
  bar.setAttribute("x", `${left}%`);
  bar.setAttribute("width", `${Math.min(100 - left, Math.max(0.6, 100 * (span[1] - span[0]) / seconds))}%`);
  const link = bar.closest("[data-seek]");
  if (link) link.dataset.seek = span[0] * Number(timeline.dataset.speed);
}
document.addEventListener("input", (event) => {
  if (event.target.dataset?.time) moveBar(event.target);
});

// Begin and end of a time, from where the clip stands.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-from], [data-to]");
  if (!button || !clip()) return;
  const name = button.dataset.from || button.dataset.to;
  const field = button.closest("form").elements[name];
  const now = clip().currentTime / Number(byId("timeline").dataset.speed);
  const [start, end] = spanOf(field.value) || [now, now];
  field.value = button.dataset.from
    ? `${written(now)}-${written(Math.max(now, end))}` : `${written(Math.min(start, now))}-${written(now)}`;
  moveBar(field);
});

function showButtons() {
  for (const line of document.querySelectorAll(".from-clip")) line.hidden = !clip();
}
document.addEventListener("DOMContentLoaded", showButtons);
document.addEventListener("htmx:afterSettle", showButtons);
