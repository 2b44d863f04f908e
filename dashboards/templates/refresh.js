// Renews the page in place, so that focus, scrolling and what was opened stay; where the console is gone, the page says
// so and goes on trying (a browser that reloads would stop at its own error page).
"use strict";

const wait = 1000 * Number(document.body.dataset.refresh);
const gone = document.getElementById("gone");
const pause = document.getElementById("pause");
const announce = document.getElementById("announce");

function take(page) {
  const main = document.getElementById("main");
  const next = page.getElementById("main");
  const focused = document.activeElement;
  const place = main.contains(focused) ? [...main.querySelectorAll("a, summary, button")].indexOf(focused) : -1;
  for (const opened of main.querySelectorAll("details[open]")) {
    next.querySelector("#" + opened.id)?.setAttribute("open", "");
  }
  const before = main.querySelector("#state b").textContent;
  const after = next.querySelector("#state b").textContent;
  main.replaceChildren(...next.childNodes);
  document.title = page.title;
  if (before !== after) announce.textContent = after;
  if (place >= 0) main.querySelectorAll("a, summary, button")[place]?.focus({ preventScroll: true });
}

async function renew() {
  try {
    const answer = await fetch("/", { redirect: "manual", signal: AbortSignal.timeout(10000) });
    if (answer.type === "opaqueredirect") return location.reload();
    if (!answer.ok) throw new Error(answer.status);
    take(new DOMParser().parseFromString(await answer.text(), "text/html"));
    gone.hidden = true;
  } catch {
    gone.hidden = false;
  }
}

async function again() {
  if (!document.hidden && pause.getAttribute("aria-pressed") === "false") await renew();
  setTimeout(again, wait);
}

pause.hidden = false;
pause.addEventListener("click", () => {
  const paused = pause.getAttribute("aria-pressed") === "false";
  pause.setAttribute("aria-pressed", paused);
  pause.textContent = paused ? "Go on" : "Pause";
});
setTimeout(again, wait);
