// What pages cannot do without a script: go on by a form, and change while one looks at them.

document.querySelector("form[data-submit]")?.requestSubmit();

const live = document.querySelector("[data-events]");
if (live) {
  const source = new EventSource(live.dataset.events);
  let loaded = null;
  source.addEventListener("part", (event) => {
    update(live, event.data);
    const next = live.querySelector("[data-preload]")?.dataset.preload;
    if (next) loaded ??= preload(next);
  });
  source.addEventListener("reload", async () => {
    source.close();
    const long = new Promise((done) => setTimeout(done, 3000));
    await Promise.race([loaded, long]);
    location.reload();
  });
}

// Loads what the page that comes next is made of, while one still waits for it.
async function preload(next) {
  try {
    const answer = await fetch(next);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const load = (rel, url) =>
      new Promise((done) => {
        const link = Object.assign(document.createElement("link"), { rel, href: new URL(url, answer.url) });
        if (rel === "preload") link.as = "style";
        link.onload = link.onerror = done;
        document.head.append(link);
      });
    const urls = (css, name) => [...page.querySelectorAll(css)].map((it) => it.getAttribute(name)).filter(Boolean);
    await Promise.all([
      ...urls("script[type=module][src]", "src").map((url) => load("modulepreload", url)),
      ...urls("link[rel=stylesheet]", "href").map((url) => load("preload", url)),
    ]);
  } catch {
    // The page loads it itself.
  }
}

// Touches only what differs, so that focus and selection stay where they are.
function update(parent, html) {
  const wanted = [...new DOMParser().parseFromString(html, "text/html").body.children];
  const ids = new Set(wanted.map((element) => element.id));
  for (const old of [...parent.children]) if (!ids.has(old.id)) old.remove();
  wanted.forEach((element, index) => {
    const old = document.getElementById(element.id);
    const focused = old?.contains(document.activeElement) ? document.activeElement.id : "";
    if (!old || old.outerHTML !== element.outerHTML) {
      if (old) old.replaceWith(element);
      else parent.insertBefore(element, parent.children[index] ?? null);
      if (focused) document.getElementById(focused)?.focus();
    }
  });
}
