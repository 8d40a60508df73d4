// Times and shortcuts of the dashboard's pages. Elements <time class="rt-ago" data-at="SECONDS"> get a text such as "3 minutes ago".
(() => {
  const units = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const words = new Intl.RelativeTimeFormat("en", {numeric: "always"});
  // One format for all of them: `toLocaleString` would make one for each.
  const moments = new Intl.DateTimeFormat(undefined, {dateStyle: "medium", timeStyle: "medium"});

  const describe = (seconds) => {
    const age = Date.now() / 1000 - seconds;
    if (Math.abs(age) < 10) return "just now";
    const [unit, length] = units.find(([, each]) => Math.abs(age) >= each);
    return words.format(-Math.trunc(age / length), unit);
  };
  const show = (element) => {
    const seconds = Number(element.dataset.at);
    const text = seconds ? describe(seconds) : "never";
    if (element.textContent !== text) element.textContent = text;
    const title = seconds ? moments.format(seconds * 1000) : "";
    if (element.title !== title) element.title = title;
  };
  const showAll = () => document.querySelectorAll("time.rt-ago").forEach(show);
  setInterval(showAll, 10000);

  // Elements <time class="rt-elapsed" data-from="SECONDS" data-to="SECONDS or 0"> get a duration, which runs while there is no end.
  const describeDuration = (seconds) => {
    const whole = Math.max(0, Math.round(seconds));
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return `${Math.trunc(whole / 60)} min ${whole % 60} s`;
    return `${Math.trunc(whole / 3600)} h ${Math.trunc(whole / 60) % 60} min`;
  };
  const showElapsed = (element) => {
    const text = describeDuration((Number(element.dataset.to) || Date.now() / 1000) - Number(element.dataset.from));
    if (element.textContent !== text) element.textContent = text;
  };
  setInterval(() => document.querySelectorAll("time.rt-elapsed").forEach(showElapsed), 1000);

  // Editors of code have no label of their own.
  const nameEditor = (element) => {
    const label = element.closest("[data-label]")?.dataset.label;
    if (label) element.setAttribute("aria-label", label);
  };
  const kinds = {"time.rt-ago": show, "time.rt-elapsed": showElapsed, ".cm-content": nameEditor};
  const fill = (node) => {
    for (const [selector, fillOne] of Object.entries(kinds)) {
      if (node.matches(selector)) fillOne(node);
      node.querySelectorAll(selector).forEach(fillOne);
    }
  };
  new MutationObserver((changes) => {
    for (const change of changes) {
      if (change.type === "attributes") fill(change.target);
      else for (const node of change.addedNodes) if (node.nodeType === 1) fill(node);
    }
  }).observe(document.documentElement, {childList: true, subtree: true, attributes: true, attributeFilter: ["data-at", "data-from", "data-to"]});

  const hasUnsaved = () => document.querySelector("[data-unsaved]") !== null;
  window.addEventListener("beforeunload", (event) => {
    if (hasUnsaved()) event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link || link.target === "_blank" || !hasUnsaved() || confirm("Leave the page? Changes that are not saved are lost.")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);

  // The library's tables can be scrolled by the keyboard, and its loading bar has a name.
  const frames = [".q-table__middle", ".rt-prose table", ".rt-prose pre"].map((name) => `${name}:not([tabindex])`).join();
  const complete = () => {
    document.querySelectorAll(`${frames}, .cm-scroller[tabindex="-1"]`).forEach((frame) => frame.setAttribute("tabindex", "0"));
    document.querySelectorAll(".q-loading-bar:not([aria-label])").forEach((bar) => bar.setAttribute("aria-label", "Loading"));
  };
  new MutationObserver(complete).observe(document.documentElement, {childList: true, subtree: true});

  const isTyping = (element) => element?.closest?.("input, textarea, select, [contenteditable=true], .cm-editor");
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const search = document.querySelector("input.rt-search-input");
    if (search) {
      event.preventDefault();
      search.focus();
      search.select();
    }
  });

  const copyByHand = (text, place) => {
    const area = document.createElement("textarea");
    area.value = text;
    area.style.position = "fixed";
    area.style.opacity = "0";
    place.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    const text = button.dataset.copy;
    // Browsers offer the clipboard to pages over HTTPS and on this machine only.
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else copyByHand(text, button.parentElement);
    Quasar.Notify.create({message: "Copied", position: "bottom", timeout: 1200, group: "copied"});
  });

  // The arrows lead from the search to the rows and from row to row; Enter opens the row in focus.
  document.addEventListener("keydown", (event) => {
    const isInSearch = event.target.matches?.("input.rt-search-input");
    const rows = Array.from(document.querySelectorAll(".rt-table tbody :is(a[href], button.rt-family)"));
    const here = rows.indexOf(event.target);
    if ((!isInSearch && here < 0) || !rows.length) return;
    const step = {ArrowDown: 1, ArrowUp: -1, Enter: isInSearch ? 1 : 0}[event.key];
    if (!step) return;
    event.preventDefault();
    if (here + step >= 0) rows[Math.min(here + step, rows.length - 1)].focus();
    else document.querySelector("input.rt-search-input")?.focus();
  });
})();
